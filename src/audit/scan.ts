import type { KeyObject } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { openBodyText } from './body-cipher.ts'
import { BodyKeys, type SealFailure } from './body-keys.ts'
import { parseBodyText } from './body-text.ts'
import { parseLeaf } from './leaf.ts'
import { openForReading } from './open-for-reading.ts'
import type { JsonObject, RecordKind } from './record.ts'
import { SEGMENT_SIZE } from './segment.ts'

export interface ScanOptions extends LogSpan {
  /** `data/tenants/NAME.log.db` */
  readonly path: string
  /** AES-256: unwraps the keys of bodies. */
  readonly sealing: KeyObject
}

/** Which records are read. */
export interface LogSpan {
  /** Only records of these kinds; all of them without it. */
  readonly kinds?: readonly RecordKind[]
  /** Milliseconds since the epoch, `to` exclusive. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Indices, `below` exclusive; as many as there were when it began without it. */
  readonly first?: number | undefined
  readonly below?: number | undefined
}

/** A record with its body: as it was appended; without one where it was forgotten, or where it cannot be opened. */
export interface ScannedRecord {
  readonly index: number
  readonly kind: RecordKind
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly erased: boolean
  readonly txn?: string
  /** Missing where it was forgotten, and where it is damaged: `log verify` says more. */
  readonly body?: JsonObject
}

/** Records of a span, the oldest first, read on a connection of its own. */
export interface LogScan {
  /** Indices that it goes through; how far it has come of them. */
  readonly total: number
  readonly done: number
  /** The next ones, empty where a stretch has none; undefined once there are no more. */
  next(): readonly ScannedRecord[] | undefined
  close(): void
}

/**
 * Reads many records, without comparing bodies with their commitments. Whoever calls it has decided and recorded that
 * bodies are read. What is forgotten meanwhile is missing from then on. Throws `log_unavailable`, `log_corrupt`.
 */
export function scanLog(options: ScanOptions): LogScan {
  const db = openForReading(options.path)
  const { first = 0, from = 0, to = Number.POSITIVE_INFINITY } = options
  const size = Number(db.prepare('SELECT coalesce(max(idx), -1) + 1 AS size FROM records').get()?.size)
  const end = Math.max(first, Math.min(options.below ?? size, size))
  const kinds = options.kinds === undefined ? undefined : new Set<RecordKind>(options.kinds)
  const statement = db.prepare('SELECT idx, leaf, seal, body FROM records WHERE idx >= ? AND idx < ? ORDER BY idx')
  const times = db.prepare('SELECT first_at, last_at FROM segments WHERE segment = ?')
  let keys = new BodyKeys(db, options.sealing)
  let at = first
  let read = 0
  return {
    total: end - first,
    get done() {
      return at - first
    },
    next() {
      if (at >= end) return undefined
      if (read >= REFRESH) {
        // Another moment of the log, in which more may have been forgotten.
        db.exec('COMMIT; BEGIN')
        keys = new BodyKeys(db, options.sealing)
        read = 0
      }
      const segment = Math.floor(at / SEGMENT_SIZE)
      const until = Math.min((segment + 1) * SEGMENT_SIZE, end)
      const row = times.get(segment)
      const isOutside = row !== undefined && (Number(row.last_at) < from || Number(row.first_at) >= to)
      const found = isOutside ? [] : readSpan(statement, keys, { first: at, until, from, to, kinds })
      read += found.length
      at = until
      return found
    },
    close: () => db.close(),
  }
}

/** Records after which the keys are looked at anew. */
const REFRESH = 16 * 1024

interface Span {
  readonly first: number
  readonly until: number
  readonly from: number
  readonly to: number
  readonly kinds: ReadonlySet<RecordKind> | undefined
}

function readSpan(
  statement: ReturnType<DatabaseSync['prepare']>,
  keys: BodyKeys,
  { first, until, from, to, kinds }: Span,
): readonly ScannedRecord[] {
  const found: ScannedRecord[] = []
  for (const row of statement.iterate(first, until)) {
    const index = Number(row.idx)
    const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
    // A damaged leaf says neither when nor what: it is left to `log verify`.
    if (leaf === undefined || leaf.at < from || leaf.at >= to || kinds?.has(leaf.kind) === false) continue
    const root = row.body === null ? 'destroyed' : keys.rootOf(Number(row.seal))
    const frame = { index, kind: leaf.kind, at: leaf.at }
    found.push(root === 'destroyed' ? { ...frame, erased: true } : opened(frame, root, row.body))
  }
  return found
}

function opened(
  frame: Pick<ScannedRecord, 'index' | 'kind' | 'at'>,
  root: Uint8Array | SealFailure,
  sealed: SQLOutputValue | undefined,
): ScannedRecord {
  const { index, kind, at } = frame
  const text = typeof root === 'string' || !(sealed instanceof Uint8Array) ? undefined : openBodyText(root, sealed)
  const parsed = text === undefined ? undefined : parseBodyText(text)
  if (parsed === undefined) return { index, kind, at, erased: false }
  return { index, kind, at, erased: false, txn: parsed.txn, body: parsed.body }
}
