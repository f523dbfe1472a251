import type { DatabaseSync } from 'node:sqlite'
import type { Clock, TenantId, Txn } from '../kernel/index.ts'
import { ed25519Signer, mlDsaCosigner, type NoteSigner, type TilePath } from '../translog/index.ts'
import { AuditError } from './errors.ts'
import { expiredKeys, type Forgotten, forgetKeys, type RetentionRules } from './forget.ts'
import { openLogDatabase } from './log-database.ts'
import type { LogFile } from './log-file.ts'
import type { LogKeys } from './log-keys.ts'
import { LogReader } from './log-reader.ts'
import { LogWriter } from './log-writer.ts'
import type { NewRecord, StoredRecord } from './record.ts'
import { type RecordFilter, type SearchPage, searchRecords } from './search.ts'
import { type RecordListener, Tail } from './tail.ts'
import type { Tombstones } from './tombstones.ts'
import { asWitnessed, readWitnessed, writeWitnessed } from './witnessed-checkpoint.ts'

export interface LogOptions {
  /** `data/tenants/NAME.log.db` */
  readonly file: string
  readonly tenant: TenantId
  /** The name the log signs under: its public URL without the scheme, such as `sallyport.example/t/demo/log`. */
  readonly origin: string
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
  readonly meter?: LogMeter
  /** How the file is opened. Tests put a database in between that fails on demand. */
  readonly openDatabase?: (path: string) => DatabaseSync
}

/** Told of each commit, on the hot path. `ms` is how long it took. */
export interface LogMeter {
  committed(records: number, ms: number): void
}

export interface LogStatus {
  readonly writable: boolean
  /** Why it is not writable; for the operator. */
  readonly reason?: string
  /** Records that are durable. */
  readonly size: number
  /** Records that wait to be written. */
  readonly waiting: number
}

/** The log of one tenant. Everything that reads rejects with `log_unavailable` while its file can't be opened. */
export interface Log {
  readonly origin: string
  /**
   * Resolves with the record's index once it is durable. Records get their indices in the order of these calls.
   * Rejects with `log_unavailable`, `log_overloaded`, `record_invalid`; the record is then not acknowledged, and the
   * action it was to precede must not happen.
   */
  append(record: NewRecord): Promise<number>
  /** Rejects with `log_corrupt` where the record was tampered with. */
  read(index: number): Promise<StoredRecord | undefined>
  /** Every record of one request, in their order. */
  byTxn(txn: Txn): Promise<readonly StoredRecord[]>
  /** Newest first. `limit` is 100 by default, 1000 at most. */
  search(filter: RecordFilter, page?: { readonly limit?: number; readonly cursor?: string }): Promise<SearchPage>
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
  status(): LogStatus
  /** Writes what is waiting, and a last checkpoint. */
  close(): Promise<void>
}

/** Opens the log of a tenant, and begins it where there is none. Rejects with `log_unavailable`, `log_corrupt`. */
export async function openLog(options: LogOptions): Promise<Log> {
  const { tenant, origin } = options
  const tail = new Tail(tenant)
  const writer = new LogWriter({
    path: options.file,
    origin,
    keys: options.keys,
    signers: signersOf(options),
    queueLimit: options.queueLimit ?? 8192,
    checkpointDelay: Math.min(options.checkpointDelay ?? 250, 1000),
    openDatabase: options.openDatabase ?? openLogDatabase,
    onCommitted(first, batch, ms) {
      options.meter?.committed(batch.length, ms)
      tail.committed(first, batch)
    },
  })
  const sizeAtOpening = writer.size
  // A reader belongs to the file that was open when it was made.
  let reading: { readonly file: LogFile; readonly reader: LogReader } | undefined
  const reader = (): LogReader => {
    const { file } = writer
    if (reading?.file !== file) reading = { file, reader: new LogReader(file, tenant, sizeAtOpening) }
    return reading.reader
  }

  let witnessed = readWitnessed(options.witnessedFile, writer.file)
  const { tombstones, clock } = options
  const forgotten = tombstones?.all() ?? new Set<string>()
  if (forgotten.size > 0) await forgetKeys(writer, writer.file.keys.withFingerprints(forgotten), tombstones)

  return {
    origin,
    append: (record) =>
      record.tenant === tenant
        ? writer.append(record)
        : Promise.reject(new AuditError('record_invalid', 'the record is of another tenant')),
    read: async (index) => reader().read(index),
    byTxn: async (txn) => reader().byTxn(txn),
    search: async (filter, page = {}) => searchRecords(writer.file, reader(), filter, { limit: 100, ...page }),
    tail: (listener, filter = {}) => tail.follow(listener, filter),
    async checkpoint() {
      const { checkpoint } = writer.file
      return checkpoint !== undefined && checkpoint.size === witnessed?.size ? witnessed.note : writer.checkpoint()
    },
    witnessed: async () => witnessed?.note,
    async keepWitnessed(note) {
      const found = asWitnessed(note, writer.file)
      if (found === undefined) throw new AuditError('record_invalid', 'this is not a checkpoint of the log')
      if (options.witnessedFile !== undefined) writeWitnessed(options.witnessedFile, found)
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
    status: () => ({
      writable: writer.writable,
      size: writer.size,
      waiting: writer.waiting,
      ...(writer.failure === undefined ? {} : { reason: writer.failure.message }),
    }),
    close: async () => writer.close(),
  }
}

function signersOf({ origin, keys, clock }: LogOptions): NoteSigner[] {
  const signers = [ed25519Signer({ name: origin, ...keys.signer })]
  if (keys.quantumSigner !== undefined) {
    signers.push(mlDsaCosigner({ name: origin, ...keys.quantumSigner }, () => clock.now()))
  }
  return signers
}
