import type { SQLOutputValue, StatementSync } from 'node:sqlite'
import type { TenantId, Txn } from '../kernel/index.ts'
import {
  consistencyProof,
  encodeEntryBundle,
  formatReceipt,
  inclusionProof,
  parseCheckpoint,
  rangeHashFromTiles,
  type TilePath,
} from '../translog/index.ts'
import { openBody } from './body-cipher.ts'
import { parseBodyText } from './body-text.ts'
import { AuditError } from './errors.ts'
import { type Leaf, parseLeaf } from './leaf.ts'
import type { LogFile } from './log-file.ts'
import { hasOutcome, type OutcomeOfDecision, type StoredRecord } from './record.ts'
import { txnNumber } from './txn-number.ts'

/** Reads records, tiles and receipts out of one open log file. */
export class LogReader {
  readonly #file: LogFile
  readonly #tenant: TenantId
  /** The log's size when this process opened it: older decisions without outcome will never get one. */
  readonly #sizeAtOpening: number
  readonly #byIndex: StatementSync
  readonly #byTxn: StatementSync
  readonly #backwards: StatementSync
  readonly #entries: StatementSync

  constructor(file: LogFile, tenant: TenantId, sizeAtOpening: number) {
    this.#file = file
    this.#tenant = tenant
    this.#sizeAtOpening = sizeAtOpening
    const { db } = file
    this.#byIndex = db.prepare('SELECT idx, leaf, txn, seal, body FROM records WHERE idx = ?')
    this.#byTxn = db.prepare('SELECT idx, leaf, txn, seal, body FROM records WHERE txn = ? AND idx >= ? ORDER BY idx')
    this.#backwards = db.prepare('SELECT idx, leaf, txn, seal, body FROM records WHERE txn = ? ORDER BY idx DESC')
    this.#entries = db.prepare('SELECT leaf FROM records WHERE idx BETWEEN ? AND ? ORDER BY idx')
  }

  /** Throws `log_corrupt` where the record was tampered with. */
  read(index: number): StoredRecord | undefined {
    if (!Number.isSafeInteger(index) || index < 0) return undefined
    const row = this.#byIndex.get(index)
    return row === undefined ? undefined : this.#decode(row)
  }

  /**
   * Every record of one request, in their order. With `since` none that lies before the last one that is older: of a long
   * conversation only its end is read.
   */
  byTxn(txn: Txn, since?: number): StoredRecord[] {
    const number = txnNumber(txn)
    const rows = since === undefined ? this.#byTxn.all(number, 0) : this.#rowsSince(number, since)
    const records = rows.map((row) => this.#decode(row))
    // An erased record does not say any more whose it was; its number was not of another txn by all likelihood.
    return records.filter((record) => record.erased || record.txn === txn)
  }

  /** What a log serves below its prefix (C2SP tlog-tiles); `undefined` for what no checkpoint covers yet. */
  resource(path: TilePath): Uint8Array | undefined {
    const size = this.#file.checkpoint?.size ?? 0
    const { n, width } = path
    if (path.kind === 'tile') {
      const end = (n * 256 + width) * 256 ** path.level
      return end <= size ? this.#file.tile(path.level, n, width) : undefined
    }
    const first = n * 256
    if (first + width > size) return undefined
    const entries: Uint8Array[] = []
    for (const row of this.#entries.iterate(first, first + width - 1)) {
      if (row.leaf instanceof Uint8Array) entries.push(row.leaf)
    }
    return entries.length === width ? encodeEntryBundle(entries) : undefined
  }

  /** The `.tlog-proof` of a record up to a checkpoint; its `extra` is the leaf. `undefined` until one covers it. */
  receipt(index: number, signed = this.#file.checkpoint?.note): string | undefined {
    if (signed === undefined || !Number.isSafeInteger(index) || index < 0) return undefined
    const { size } = parseCheckpoint(signed)
    if (index >= size) return undefined
    const row = this.#byIndex.get(index)
    if (!(row?.leaf instanceof Uint8Array)) return undefined
    const rangeHash = rangeHashFromTiles(size, (level, n, width) => this.#file.tile(level, n, width))
    return formatReceipt({
      extra: row.leaf,
      index,
      proof: inclusionProof(index, size, rangeHash),
      checkpoint: signed,
    })
  }

  /** That the tree of `from` records is a prefix of the tree of `to` records. */
  consistency(from: number, to: number): Uint8Array[] {
    return consistencyProof(
      from,
      to,
      rangeHashFromTiles(to, (level, n, width) => this.#file.tile(level, n, width)),
    )
  }

  /** What opens the commitment of a record's leaf; `undefined` for a record that is not there or was erased. */
  opening(index: number): { readonly salt: Buffer; readonly text: string } | undefined {
    const row = this.#byIndex.get(index)
    const root = row === undefined ? 'destroyed' : this.#file.keys.rootOf(Number(row.seal))
    if (typeof root === 'string' || !(row?.body instanceof Uint8Array)) return undefined
    const opened = openBody(root, row.body)
    return opened && { salt: opened.salt, text: opened.text }
  }

  #rowsSince(txn: number, since: number): Record<string, SQLOutputValue>[] {
    const rows: Record<string, SQLOutputValue>[] = []
    for (const row of this.#backwards.iterate(txn)) {
      const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
      if (leaf !== undefined && leaf.at < since) break
      rows.push(row)
    }
    return rows.reverse()
  }

  #decode(row: Record<string, SQLOutputValue>): StoredRecord {
    const index = Number(row.idx)
    const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
    if (leaf === undefined) throw damaged(index)
    const frame = {
      index,
      kind: leaf.kind,
      tenant: this.#tenant,
      at: leaf.at,
      ...(leaf.of === undefined ? {} : { of: leaf.of }),
    }
    // Looked for only where there can be one: what has none is told from all later records of its txn, however many.
    const outcome = () => (leaf.kind === 'decision' ? { outcome: this.#outcomeOf(index, Number(row.txn)) } : {})
    const text = this.#bodyOf(row, leaf, index)
    if (text === undefined) return { ...frame, ...outcome(), erased: true }
    const parsed = parseBodyText(text)
    if (parsed === undefined) throw damaged(index)
    return { ...frame, ...(hasOutcome(parsed.body) ? outcome() : {}), erased: false, ...parsed }
  }

  #bodyOf(row: Record<string, SQLOutputValue>, leaf: Leaf, index: number): string | undefined {
    if (row.body === null) return undefined
    const root = this.#file.keys.rootOf(Number(row.seal))
    if (root === 'destroyed') return undefined
    const opened = root !== 'broken' && row.body instanceof Uint8Array ? openBody(root, row.body) : undefined
    if (opened === undefined || !opened.commitment.equals(leaf.commitment)) throw damaged(index)
    return opened.text
  }

  #outcomeOf(decision: number, txn: number): OutcomeOfDecision {
    for (const row of this.#byTxn.iterate(txn, decision + 1)) {
      const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
      if (leaf?.kind !== 'outcome' || leaf.of !== decision) continue
      const index = Number(row.idx)
      const text = this.#bodyOf(row, leaf, index)
      const status = text === undefined ? undefined : parseBodyText(text)?.body.status
      return { status: typeof status === 'string' ? status : 'erased', index }
    }
    return { status: decision < this.#sizeAtOpening ? 'unknown' : 'pending' }
  }
}

function damaged(index: number): AuditError {
  return new AuditError('log_corrupt', `record ${index} of the log is damaged`)
}
