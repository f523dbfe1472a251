import { type Stats, statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { migrate } from '../store/index.ts'
import {
  type FullTile,
  leafHash,
  perfectRoot,
  rangeHashFromTiles,
  TILE_WIDTH,
  TreeBuilder,
  tileWidth,
} from '../translog/index.ts'
import { openBody, sealBody } from './body-cipher.ts'
import { BodyKeys } from './body-keys.ts'
import { parseBodyText } from './body-text.ts'
import type { LogOrigin } from './continuation.ts'
import { AuditError } from './errors.ts'
import { BODY_SCHEMA, encodeLeaf, parseLeaf } from './leaf.ts'
import { NotBegun, NotSynced, Outdated } from './log-failure.ts'
import type { LogKeys } from './log-keys.ts'
import { logMigrations } from './log-tables.ts'
import { GrowingSegment, SegmentWriter } from './postings.ts'
import type { NewRecord } from './record.ts'
import { TermNumbers } from './search-terms.ts'
import { SEGMENT_SIZE } from './segment.ts'
import { txnNumber } from './txn-number.ts'
import { WordHashes, WordTable } from './word-index.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** A record on its way into the file; `text` is what its commitment covers. */
export interface PreparedRecord {
  readonly record: NewRecord
  readonly text: string
}

export interface LogFileOptions {
  readonly path: string
  /** The name of a log that is begun; one that is there has its own. */
  readonly origin: string
  /** Of the checkpoints of so many records in a row only the newest is kept; 4096 where left out. */
  readonly checkpointSpacing?: number
  readonly keys: LogKeys
  readonly openDatabase: (path: string) => DatabaseSync
  /** How its write-ahead log is opened; as it is where left out. */
  readonly openWriteAheadLog?: ((path: string) => WriteAheadLog) | undefined
}

/**
 * The log as it stands in one open file, with the right edge of its tree in memory. Every change is one transaction
 * that is on disk before the method returns, but for those of which `sync` is said to bring it there. After a method that writes has thrown, memory and file may disagree, and
 * the object is to be closed (unless it threw `NotBegun`).
 */
export class LogFile {
  readonly db: DatabaseSync
  readonly keys: BodyKeys
  readonly terms: TermNumbers
  readonly words: WordTable
  readonly #path: string
  readonly #opened: Stats
  readonly #spacing: number
  readonly #tree: TreeBuilder
  readonly #segment: GrowingSegment
  readonly #segmentWriter: SegmentWriter
  readonly #statements: Statements
  readonly #wal: WriteAheadLog
  #origin: { readonly id: number; readonly name: string }
  #dataVersion: unknown
  #checkpoint: { readonly size: number; readonly note: string } | undefined
  // In the file, and perhaps not on disk.
  #added: { readonly size: number; readonly note: string } | undefined

  /** Opens the file, and makes it where there is none. Reads only the right edge, whatever the size of the log. */
  constructor(options: LogFileOptions) {
    const { path, origin, keys, openDatabase, checkpointSpacing = 4096 } = options
    this.#path = path
    this.#spacing = checkpointSpacing
    this.db = openDatabase(path)
    try {
      migrate(this.db, logMigrations, path)
      this.#opened = statSync(path)
      this.keys = new BodyKeys(this.db, keys.sealing)
      this.#statements = prepareStatements(this.db)
      const size = Number(this.db.prepare('SELECT coalesce(max(idx), -1) + 1 AS size FROM records').get()?.size)
      const known = this.#currentOrigin()
      const termKey = this.keys.termKey({ create: false })
      if (known === undefined || termKey === undefined) this.#begin()
      this.#origin = known ?? { id: this.#startOrigin(origin, size), name: origin }
      const key = termKey ?? this.keys.termKey({ create: true })
      if (key === undefined) throw corrupt('the key of its search index cannot be opened')
      if (known === undefined || termKey === undefined) this.#statements.commit.run()
      this.terms = new TermNumbers(key)
      const hashes = new WordHashes(key)
      this.words = new WordTable(this.db, hashes)
      this.#segmentWriter = new SegmentWriter(this.db, this.words)
      this.#tree = TreeBuilder.restore(size, (level, n, width) => this.#restoreTile(level, n, width))
      this.#segment = new GrowingSegment(this.terms, hashes)
      this.#restoreSegment(size)
      this.#checkpoint = this.#newestCheckpoint()
      this.#dataVersion = this.#statements.dataVersion.get()?.data_version
      this.#wal = (options.openWriteAheadLog ?? openWriteAheadLog)(path)
      // What was just begun, and what another process had committed and perhaps not synced.
      this.syncNow()
    } catch (error) {
      this.close()
      throw error
    }
  }

  get size(): number {
    return this.#tree.size
  }

  /** The name that the log signs under. */
  get origin(): string {
    return this.#origin.name
  }

  /** Every name that it has signed under, the oldest first. */
  origins(): readonly LogOrigin[] {
    const rows = this.db.prepare('SELECT origin, first, after FROM origins ORDER BY id').all()
    return rows.map(({ origin, first, after }) => ({
      origin: String(origin),
      first: Number(first),
      ...(after === null ? {} : { after: String(after) }),
    }))
  }

  /** The segment of the search index that is not in the file yet. */
  get growingSegment(): GrowingSegment {
    return this.#segment
  }

  root(): Uint8Array {
    return this.#tree.root()
  }

  /** The root that the log had at an earlier size. */
  rootAt(size: number): Uint8Array {
    if (size === this.size) return this.root()
    const rangeHash = rangeHashFromTiles(this.size, (level, n, width) => this.tile(level, n, width))
    return size === 0 ? new TreeBuilder().root() : rangeHash(0, size)
  }

  /** The newest checkpoint of the current origin. */
  get checkpoint(): { readonly size: number; readonly note: string } | undefined {
    return this.#checkpoint
  }

  /** The first `width` hashes of a tile, where the log has that many. */
  tile(level: number, n: number, width: number): Uint8Array | undefined {
    const has = tileWidth(level, n, this.size)
    if (width < 1 || width > has) return undefined
    if (has < TILE_WIDTH) return this.#tree.partialTile(level, width)
    const row = this.#statements.tile.get(level, n)
    return row?.hashes instanceof Uint8Array ? row.hashes.subarray(0, width * 32) : undefined
  }

  /** Writes the records in their order and returns the index of the first. They are durable once `sync` has resolved. */
  append(batch: readonly PreparedRecord[]): number {
    const first = this.size
    this.#begin()
    for (const { record, text } of batch) this.#appendOne(record, text)
    this.#statements.commit.run()
    return first
  }

  /** Brings to the disk what was written before. Rejects with `NotSynced`; the object is then to be closed. */
  async sync(): Promise<void> {
    await this.#wal.sync().catch(notSynced)
  }

  /** The same, at once. Throws `NotSynced`. */
  syncNow(): void {
    try {
      this.#wal.syncNow()
    } catch (error) {
      notSynced(error)
    }
  }

  /** Goes on under a new name, with a first record that says so. Returns its index, once it is durable. */
  continueAs(origin: string, after: string | undefined, prepared: PreparedRecord): number {
    const first = this.size
    this.#begin()
    const id = this.#startOrigin(origin, first, after)
    this.#appendOne(prepared.record, prepared.text)
    this.#commit()
    this.#origin = { id, name: origin }
    this.#checkpoint = undefined
    this.#added = undefined
    return first
  }

  /** Signs and stores a checkpoint over everything there is. Of one size there is only ever one. */
  writeCheckpoint(sign: Sign): string {
    if (this.addCheckpoint(sign)) this.syncNow()
    return this.publishCheckpoint() ?? this.#checkpoint?.note ?? unreachable()
  }

  /**
   * The same, but nobody gets to see it before `sync` has resolved and it is published. Returns whether there is
   * anything to sync.
   */
  addCheckpoint(sign: Sign): boolean {
    const { size } = this
    if (this.#added?.size === size) return true
    if (this.#checkpoint?.size === size) return false
    // INVARIANT: nobody gets a checkpoint before everything that it covers is on disk.
    const note = sign({ origin: this.#origin.name, size, root: this.root() })
    this.#begin()
    this.#statements.insertCheckpoint.run(this.#origin.id, size, note)
    // Receipts need the newest; of the others enough stay to tell between which two something was rewritten.
    this.#statements.thinCheckpoints.run(this.#origin.id, size - (size % this.#spacing), size)
    this.#statements.replaceEdge.run(size, this.#tree.partialTile(0, size % TILE_WIDTH))
    this.#statements.commit.run()
    this.#added = { size, note }
    return true
  }

  /** Lets everybody see the checkpoint that was added last, which is on disk now; `undefined` where there is none new. */
  publishCheckpoint(): string | undefined {
    const added = this.#added
    if (added === undefined) return undefined
    this.#added = undefined
    this.#checkpoint = added
    return added.note
  }

  /** Runs another change of the file in a transaction of its own; it must not touch the tree. */
  change<T>(work: () => T): T {
    this.#begin()
    const result = work()
    this.#commit()
    return result
  }

  /** Finds out whether the file can be written, by writing. */
  probe(): void {
    this.#begin()
    const { user_version: version } = this.db.prepare('PRAGMA user_version').get() ?? {}
    this.db.exec(`PRAGMA user_version = ${Number(version)}`)
    this.#commit()
  }

  close(): void {
    // Not there yet where the constructor has failed.
    this.#wal?.close()
    if (this.db.isOpen) this.db.close()
  }

  #commit(): void {
    this.#statements.commit.run()
    this.syncNow()
  }

  #begin(): void {
    this.#checkFile()
    try {
      this.#statements.begin.run()
    } catch (error) {
      // It may have begun all the same; left open it would block every later one.
      if (this.db.isTransaction) this.db.exec('ROLLBACK')
      throw new NotBegun('no transaction', { cause: error })
    }
    // INVARIANT: the tree in memory is the one in the file. A second writer must not make the log fork.
    if (this.#dataVersion !== undefined && this.#statements.dataVersion.get()?.data_version !== this.#dataVersion) {
      this.db.exec('ROLLBACK')
      throw new Outdated('another process has written to the log')
    }
  }

  // A file that was deleted, replaced or made read-only would still take our writes through the open descriptor.
  #checkFile(): void {
    let now: Stats
    try {
      now = statSync(this.#path)
    } catch (error) {
      throw new AuditError('log_unavailable', 'the log cannot be written', { detail: 'its file is gone', cause: error })
    }
    if (now.ino !== this.#opened.ino || now.dev !== this.#opened.dev) {
      throw new AuditError('log_unavailable', 'the log cannot be written', { detail: 'its file was replaced' })
    }
    if ((now.mode & 0o222) === 0) {
      const cause = new AuditError('log_unavailable', 'the log cannot be written', { detail: 'its file is read-only' })
      throw new NotBegun('no transaction', { cause })
    }
  }

  #appendOne(record: NewRecord, text: string): void {
    const seal = this.keys.sealFor(record.retention ?? record.kind, record.at, personsOf(record))
    const { sealed, commitment } = sealBody(seal.root, text)
    const of = record.kind === 'outcome' ? record.body.of : undefined
    const leaf = encodeLeaf({ schema: BODY_SCHEMA, kind: record.kind, at: record.at, of, commitment })
    const index = this.#tree.size
    this.#statements.insertRecord.run(index, leaf, txnNumber(record.txn), seal.id, sealed)
    for (const tile of this.#tree.append(leafHash(leaf))) this.#writeTile(tile)
    this.#segment.add(index, record.at, seal.id, record.body)
    if (index % SEGMENT_SIZE === SEGMENT_SIZE - 1) {
      this.#segmentWriter.write(Math.floor(index / SEGMENT_SIZE), this.#segment)
      this.#segment.clear()
    }
  }

  #writeTile({ level, n, hashes }: FullTile): void {
    this.#statements.insertTile.run(level, n, hashes)
  }

  #currentOrigin(): { readonly id: number; readonly name: string } | undefined {
    const row = this.db.prepare('SELECT id, origin FROM origins ORDER BY id DESC LIMIT 1').get()
    return row === undefined ? undefined : { id: Number(row.id), name: String(row.origin) }
  }

  #startOrigin(name: string, first: number, after?: string): number {
    const insert = this.db.prepare('INSERT INTO origins (origin, first, after) VALUES (?, ?, ?)')
    return Number(insert.run(name, first, after ?? null).lastInsertRowid)
  }

  #restoreTile(level: number, n: number, width: number): Uint8Array {
    const parts: Uint8Array[] = []
    const from = n * TILE_WIDTH
    if (level === 0) {
      for (const row of this.#statements.leaves.iterate(from, from + width - 1)) {
        if (row.leaf instanceof Uint8Array) parts.push(leafHash(row.leaf))
      }
    } else {
      for (let below = from; below < from + width; below++) {
        const row = this.#statements.tile.get(level - 1, below)
        if (row?.hashes instanceof Uint8Array) parts.push(perfectRoot(row.hashes))
      }
    }
    if (parts.length !== width) throw corrupt(`of tile ${level}/${n} some hashes are missing`)
    return Buffer.concat(parts)
  }

  #restoreSegment(size: number): void {
    const from = size - (size % SEGMENT_SIZE)
    for (const row of this.#statements.bodies.iterate(from, size - 1)) {
      const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
      if (leaf === undefined) throw corrupt(`record ${row.idx} is not one`)
      const root = this.keys.rootOf(Number(row.seal))
      const opened = row.body instanceof Uint8Array && typeof root !== 'string' ? openBody(root, row.body) : undefined
      // A body that can't be read is verify's to report; it must not keep the log from opening.
      const body = opened && parseBodyText(opened.text)?.body
      this.#segment.add(Number(row.idx), leaf.at, Number(row.seal), body)
    }
  }

  #newestCheckpoint(): { size: number; note: string } | undefined {
    const row = this.#statements.newestCheckpoint.get(this.#origin.id)
    return row === undefined ? undefined : { size: Number(row.size), note: String(row.note) }
  }
}

function notSynced(cause: unknown): never {
  throw new NotSynced('not on disk', { cause })
}

/** The people whose erasure makes this record's body unreadable: users it was done for, and whom the caller names. */
function personsOf(record: NewRecord): readonly string[] {
  const { chain } = record.body as { chain?: unknown }
  const persons: string[] = []
  if (Array.isArray(chain)) {
    for (const link of chain) if (link?.kind === 'User' && typeof link.id === 'string') persons.push(link.id)
  }
  if (record.persons !== undefined) for (const id of record.persons) if (!persons.includes(id)) persons.push(id)
  return persons.length > 1 ? persons.sort() : persons
}

type Sign = (checkpoint: { readonly origin: string; readonly size: number; readonly root: Uint8Array }) => string

type Statements = ReturnType<typeof prepareStatements>

function prepareStatements(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync => db.prepare(sql)
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    dataVersion: prepare('PRAGMA data_version'),
    insertRecord: prepare('INSERT INTO records (idx, leaf, txn, seal, body) VALUES (?, ?, ?, ?, ?)'),
    insertTile: prepare('INSERT INTO tiles (level, n, hashes) VALUES (?, ?, ?)'),
    insertCheckpoint: prepare('INSERT INTO checkpoints (origin, size, note) VALUES (?, ?, ?)'),
    thinCheckpoints: prepare('DELETE FROM checkpoints WHERE origin = ? AND size >= ? AND size < ?'),
    replaceEdge: prepare('INSERT OR REPLACE INTO edge (id, size, hashes) VALUES (0, ?, ?)'),
    tile: prepare('SELECT hashes FROM tiles WHERE level = ? AND n = ?'),
    leaves: prepare('SELECT leaf FROM records WHERE idx BETWEEN ? AND ? ORDER BY idx'),
    bodies: prepare('SELECT idx, leaf, seal, body FROM records WHERE idx BETWEEN ? AND ? ORDER BY idx'),
    newestCheckpoint: prepare('SELECT size, note FROM checkpoints WHERE origin = ? ORDER BY size DESC LIMIT 1'),
  }
}

function unreachable(): never {
  throw new TypeError('a checkpoint was neither added nor there')
}

function corrupt(detail: string): AuditError {
  return new AuditError('log_corrupt', 'the log is damaged', { detail })
}
