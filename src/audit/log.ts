import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock, TenantId, Txn } from '../kernel/index.ts'
import { ed25519Signer, mlDsaCosigner, type NoteSigner, type TilePath } from '../translog/index.ts'
import {
  type Continuation,
  continuationRecord,
  type LogOrigin,
  type LostHistory,
  lostRecords,
  successorOf,
  type WitnessClaim,
} from './continuation.ts'
import { AuditError } from './errors.ts'
import { expiredKeys, type Forgotten, forgetKeys, type RetentionRules } from './forget.ts'
import { asOfFile, newestLost, readKept, writeKept } from './kept-checkpoint.ts'
import { openLogDatabase } from './log-database.ts'
import type { LogFile } from './log-file.ts'
import type { LogKeys } from './log-keys.ts'
import { LogReader } from './log-reader.ts'
import { LogWriter } from './log-writer.ts'
import type { NewRecord, StoredRecord } from './record.ts'
import { type LogScan, type LogSpan, scanLog } from './scan.ts'
import { type RecordFilter, type SearchPage, searchRecords } from './search.ts'
import { type RecordListener, Tail } from './tail.ts'
import type { Tombstones } from './tombstones.ts'
import type { WriteAheadLog } from './write-ahead-log.ts'

export interface LogOptions {
  /** `data/tenants/NAME.log.db` */
  readonly file: string
  readonly tenant: TenantId
  /**
   * The name that a log which is begun here signs under: its public URL without the scheme, such as
   * `sallyport.example/t/demo/log`. A log that is there has its own.
   */
  readonly origin: string
  /** That there must be a log already: where its file is gone, an empty one in its place would be a fork. */
  readonly begun?: boolean
  readonly keys: LogKeys
  readonly clock: Clock
  /** Records that may wait to be written, 8192 by default. */
  readonly queueLimit?: number
  /** Milliseconds until a checkpoint covers what was appended, 250 by default, 1000 at most. */
  readonly checkpointDelay?: number
  /** Keys that were destroyed; without it a restored backup brings forgotten bodies back. */
  readonly tombstones?: Tombstones
  /** Where the newest checkpoint that witnesses have cosigned is kept. */
  readonly witnessedFile?: string
  /** Where the newest checkpoint is kept, by which a file that was restored is recognised. */
  readonly headFile?: string
  /** Of the checkpoints of so many records in a row only the newest is kept; 4096 by default. */
  readonly checkpointSpacing?: number
  /** Bytes of SQLite's write-ahead log, about, after which a thread moves it into the file; 8 MiB by default. */
  readonly moveAfter?: number
  readonly meter?: LogMeter
  /** How the file is opened. Tests put a database in between that fails on demand. */
  readonly openDatabase?: (path: string) => DatabaseSync
  /** The same for its write-ahead log. */
  readonly openWriteAheadLog?: (path: string) => WriteAheadLog
}

/** Told of each commit, on the hot path. `ms` is how long it took. */
export interface LogMeter {
  committed(records: number, ms: number): void
}

export interface LogStatus {
  readonly writable: boolean
  /** Why it is not writable; for the operator. */
  readonly reason?: string
  /** Records that were signed and are gone, where the log was restored and did not go on under a new name yet. */
  readonly lost?: number
  /** Records that are durable. */
  readonly size: number
  /** Records that wait to be written. */
  readonly waiting: number
}

/** The log of one tenant. Everything that reads rejects with `log_unavailable` while its file can't be opened. */
export interface Log {
  /** The name that it signs under. */
  readonly origin: string
  /** Every name that it has signed under, the oldest first. */
  origins(): Promise<readonly LogOrigin[]>
  /**
   * Resolves with the record's index once it is durable. Records get their indices in the order of these calls.
   * Rejects with `log_unavailable`, `log_restored`, `log_overloaded`, `record_invalid`; the record is then not
   * acknowledged, and the action it was to precede must not happen.
   */
  append(record: NewRecord): Promise<number>
  /** Rejects with `log_corrupt` where the record was tampered with. */
  read(index: number): Promise<StoredRecord | undefined>
  /** Every record of one request, in their order; from about `since` on, where only the last are wanted. */
  byTxn(txn: Txn, since?: number): Promise<readonly StoredRecord[]>
  /** Newest first. `limit` is 100 by default, 1000 at most. */
  search(filter: RecordFilter, page?: { readonly limit?: number; readonly cursor?: string }): Promise<SearchPage>
  /** Very many records, the oldest first, on a connection of its own. Throws `log_unavailable`, `log_corrupt`. */
  scan(span?: LogSpan): LogScan
  /** Follows the log from now on; returns what ends it. */
  tail(listener: RecordListener, filter?: RecordFilter): () => void
  /** The newest signed checkpoint (C2SP tlog-checkpoint); with the cosignatures of witnesses as soon as it has any. */
  checkpoint(): Promise<string>
  /** The newest checkpoint that witnesses have cosigned; may be older than `checkpoint()`. */
  witnessed(): Promise<string | undefined>
  /** Keeps a checkpoint with cosignatures, which the caller has verified. Rejects one that is not of this log. */
  keepWitnessed(note: string): Promise<void>
  /** That the log of `from` records is a prefix of the log of `to`; both no larger than what a checkpoint covers. */
  consistency(from: number, to: number): Promise<readonly Uint8Array[]>
  /** A tile or entry bundle (C2SP tlog-tiles); `undefined` for one that no checkpoint covers. */
  resource(path: TilePath): Promise<Uint8Array | undefined>
  /**
   * The record's receipt (C2SP tlog-proof), with its leaf as `extra`: up to the newest witnessed checkpoint, else to
   * one that is signed now.
   */
  receipt(index: number): Promise<string>
  /** What opens the commitment in a record's leaf: SHA-256(salt ‖ text). `undefined` where the body was erased. */
  opening(index: number): Promise<{ readonly salt: Uint8Array; readonly text: string } | undefined>
  /** Makes every body unreadable that names this person; all proofs stay. The caller records who asked for it. */
  forgetPerson(person: string): Promise<Forgotten>
  /** Makes bodies unreadable whose time is over. */
  applyRetention(rules: RetentionRules): Promise<Forgotten>
  /** A witness has cosigned what this log does not lead to: nothing is appended any more under the present name. */
  contradicted(by: WitnessClaim): void
  /**
   * Goes on under a new name, whether or not anything was found that speaks for a restore. Its first record names the
   * last checkpoint known of the old one, and says why. Rejects with `log_unavailable`.
   */
  continue(reason: string): Promise<Continuation>
  status(): LogStatus
  /** Writes what is waiting, and a last checkpoint. */
  close(): Promise<void>
}

/** Opens the log of a tenant, and begins it where there is none. Rejects with `log_unavailable`, `log_corrupt`. */
export async function openLog(options: LogOptions): Promise<Log> {
  const { tenant, tombstones, clock } = options
  const tail = new Tail(tenant)
  const isGone = options.begun === true && !existsSync(options.file)
  const lost: { checkpoint?: string; witnesses: WitnessClaim[] } = { witnesses: [] }
  const writer = new LogWriter({
    path: options.file,
    origin: options.origin,
    keys: options.keys,
    signers: (origin) => signersOf(origin, options),
    ...(options.checkpointSpacing === undefined ? {} : { checkpointSpacing: options.checkpointSpacing }),
    checkOpened(file) {
      const beside = [readKept(options.headFile), readKept(options.witnessedFile)]
      const found = newestLost(
        beside.filter((note) => note !== undefined),
        file,
        options.keys,
      )
      if (found !== undefined) lost.checkpoint = found
      return found === undefined && !isGone ? undefined : restored(file, lost)
    },
    onCheckpoint(note) {
      if (options.headFile !== undefined) keepHead(options.headFile, note)
    },
    queueLimit: options.queueLimit ?? 8192,
    moveAfter: options.moveAfter ?? 8 * 1024 * 1024,
    checkpointDelay: Math.min(options.checkpointDelay ?? 250, 1000),
    openDatabase: options.openDatabase ?? openLogDatabase,
    openWriteAheadLog: options.openWriteAheadLog,
    onCommitted(first, batch, ms) {
      options.meter?.committed(batch.length, ms)
      tail.committed(first, batch)
    },
  })
  const sizeAtOpening = writer.size
  let name = writer.file.origin
  // A reader belongs to the file that was open when it was made.
  let reading: { readonly file: LogFile; readonly reader: LogReader } | undefined
  const reader = (): LogReader => {
    const { file } = writer
    if (reading?.file !== file) reading = { file, reader: new LogReader(file, tenant, sizeAtOpening) }
    return reading.reader
  }

  const besides = readKept(options.witnessedFile)
  let witnessed = besides === undefined ? undefined : asOfFile(besides, writer.file)
  const forgotten = tombstones?.all() ?? new Set<string>()
  if (forgotten.size > 0) await forgetKeys(writer, writer.file.keys.withFingerprints(forgotten), tombstones)

  return {
    get origin() {
      return name
    },
    origins: async () => writer.file.origins(),
    append: (record) =>
      record.tenant === tenant
        ? writer.append(record)
        : Promise.reject(new AuditError('record_invalid', 'the record is of another tenant')),
    read: async (index) => reader().read(index),
    byTxn: async (txn, since) => reader().byTxn(txn, since),
    search: async (filter, page = {}) => searchRecords(writer.file, reader(), filter, { limit: 100, ...page }),
    scan: (span = {}) => scanLog({ ...span, path: options.file, sealing: options.keys.sealing }),
    tail: (listener, filter = {}) => tail.follow(listener, filter),
    async checkpoint() {
      const { checkpoint } = writer.file
      return checkpoint !== undefined && checkpoint.size === witnessed?.size ? witnessed.note : writer.checkpoint()
    },
    witnessed: async () => witnessed?.note,
    async keepWitnessed(note) {
      const found = asOfFile(note, writer.file)
      if (found === undefined) throw new AuditError('record_invalid', 'this is not a checkpoint of the log')
      if (options.witnessedFile !== undefined) writeKept(options.witnessedFile, note, { durable: true })
      witnessed = found
    },
    consistency: async (from, to) => reader().consistency(from, to),
    resource: async (path) => reader().resource(path),
    async receipt(index) {
      const known = reader().receipt(index, witnessed?.note) ?? reader().receipt(index)
      if (known !== undefined) return known
      if (!Number.isSafeInteger(index) || index < 0 || index >= writer.size) {
        throw new AuditError('record_unknown', `no record \`${index}\``)
      }
      writer.checkpointNow()
      const receipt = reader().receipt(index)
      if (receipt === undefined) throw new AuditError('log_corrupt', `record ${index} of the log is damaged`)
      return receipt
    },
    opening: async (index) => reader().opening(index),
    async forgetPerson(person) {
      const key = writer.file.keys.ofPerson(person)
      return forgetKeys(writer, key === undefined ? [] : [key], tombstones)
    },
    applyRetention: async (rules) => forgetKeys(writer, expiredKeys(writer.file, rules, clock.now()), tombstones),
    contradicted(by) {
      lost.witnesses.push(by)
      writer.fence(restored(writer.file, lost))
    },
    async continue(reason) {
      const { file } = writer
      const { origin, size } = file
      const at = clock.now()
      const to = successorOf(file.origins()[0]?.origin ?? origin, at)
      const after = lost.checkpoint ?? file.checkpoint?.note
      const record = continuationRecord({ tenant, at, from: origin, to, size, lost, after, reason })
      const index = writer.continueAs(to, after, record)
      name = to
      witnessed = undefined
      return { from: { origin, size }, to, lost: lostRecords(size, lost), record: index }
    },
    status: () => ({
      writable: writer.writable,
      size: writer.size,
      waiting: writer.waiting,
      ...(writer.failure === undefined ? {} : { reason: writer.failure.message }),
      ...(writer.failure?.code === 'log_restored' ? { lost: lostRecords(writer.size, lost) } : {}),
    }),
    close: () => writer.close(),
  }
}

/** Why nothing may be appended: another history was signed under this name. */
function restored(file: LogFile, lost: LostHistory): AuditError {
  const gone = lostRecords(file.size, lost)
  const signed = gone === 0 ? 'other records were signed' : `${file.size + gone} records were signed`
  return new AuditError(
    'log_restored',
    `the log holds ${file.size} records where ${signed} as \`${file.origin}\`: it goes on with \`sallyport log continue\``,
  )
}

// An aid against mistakes, not a promise: where it can't be kept, the log goes on without.
function keepHead(path: string, note: string): void {
  try {
    writeKept(path, note, { durable: false })
  } catch {
    // It is tried again with the next checkpoint.
  }
}

function signersOf(origin: string, { keys, clock }: LogOptions): NoteSigner[] {
  const signers = [ed25519Signer({ name: origin, ...keys.signer })]
  if (keys.quantumSigner !== undefined) {
    signers.push(mlDsaCosigner({ name: origin, ...keys.quantumSigner }, () => clock.now()))
  }
  return signers
}
