import { existsSync } from 'node:fs'
import { equalHashes, type NoteSigner, signCheckpoint } from '../translog/index.ts'
import { encodeBodyText } from './body-text.ts'
import { AuditError } from './errors.ts'
import { PAGE_SIZE } from './log-database.ts'
import { describeFailure, leavesInDoubt, NotBegun, Outdated, unavailable } from './log-failure.ts'
import { LogFile, type LogFileOptions, type PreparedRecord } from './log-file.ts'
import type { NewRecord } from './record.ts'
import { createWalMover, type WalMover } from './wal-mover.ts'

export interface LogWriterOptions extends LogFileOptions {
  /** The signers for a name of the log. */
  readonly signers: (origin: string) => readonly NoteSigner[]
  /** Asked once, before anything is signed: why nothing may be written to this file, where that is so. */
  readonly checkOpened: (file: LogFile) => AuditError | undefined
  /** Called with each new checkpoint. */
  readonly onCheckpoint: (note: string) => void
  /** Records that may wait; more are refused with `log_overloaded`. */
  readonly queueLimit: number
  /** Bytes of the write-ahead log, about, after which it is moved into the file. */
  readonly moveAfter: number
  /** Milliseconds after an append at which a checkpoint covers it. */
  readonly checkpointDelay: number
  /** Called with each group of records once it is durable, and how many milliseconds that took. */
  readonly onCommitted: (first: number, batch: readonly PreparedRecord[], ms: number) => void
}

/**
 * The one writer of a log. Appends that come in together share one durable transaction; while the disk takes it, the
 * next ones gather, and nobody else waits. Where the file can't be written, everybody is refused at once, and it is
 * tried again until it can.
 */
export class LogWriter {
  readonly #options: LogWriterOptions
  #file: LogFile | undefined
  #queue: Waiting[] = []
  #draining = false
  // In the file, and not yet known to be on disk.
  #written: WrittenGroup | undefined
  readonly #mover: WalMover
  // About so many bytes have come since it was last moved.
  #unmoved = 0
  #isMoving = false
  #closed = false
  #failure: AuditError | undefined
  // Unlike a failure it does not pass by itself: only a new name lifts it.
  #fence: AuditError | undefined
  #nextAttemptAt = 0
  #mustFlush = false
  #retry: NodeJS.Timeout | undefined
  #checkpointTimer: NodeJS.Timeout | undefined
  #isCheckpointDue = false
  readonly #sign = (state: Parameters<typeof signCheckpoint>[0]): string =>
    signCheckpoint(state, this.#options.signers(state.origin))
  // INVARIANT: at least what callers were told is durable; what is opened must hold all of it.
  #durable: { readonly size: number; readonly root: Uint8Array }

  /** Throws `log_unavailable`, `log_corrupt`. */
  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#mover = createWalMover(options.path)
    try {
      this.#file = new LogFile(options)
    } catch (error) {
      throw describeFailure(error)
    }
    this.#durable = { size: this.#file.size, root: this.#file.root() }
    this.#fence = options.checkOpened(this.#file)
    this.#tryCheckpoint()
  }

  get writable(): boolean {
    return this.failure === undefined && !this.#closed
  }

  get failure(): AuditError | undefined {
    return this.#fence ?? this.#failure
  }

  get size(): number {
    return this.#durable.size
  }

  get waiting(): number {
    return this.#queue.length + (this.#written?.batch.length ?? 0)
  }

  /** The open file, for reading. Throws `log_unavailable`. */
  get file(): LogFile {
    if (this.#file === undefined) throw this.#failure ?? unavailable('it is closed')
    return this.#file
  }

  append(record: NewRecord): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw unavailable('it is closed')
      if (this.#fence !== undefined) throw this.#fence
      if (this.waiting >= this.#options.queueLimit) {
        throw new AuditError('log_overloaded', 'more records are waiting than the log can take')
      }
      checkNumbers(record)
      this.#queue.push({ record, text: encodeBodyText(record), resolve, reject })
      this.#schedule()
    })
  }

  /** The newest signed checkpoint. */
  checkpoint(): string {
    const { checkpoint } = this.file
    if (checkpoint === undefined) throw this.#failure ?? unavailable('it has no checkpoint yet')
    return checkpoint.note
  }

  /** Signs a checkpoint now. Throws `log_unavailable`, `log_restored`. */
  checkpointNow(): string {
    if (this.#fence !== undefined) throw this.#fence
    const before = this.#file?.checkpoint
    const note = this.#write((file) => file.writeCheckpoint(this.#sign))
    if (note !== before?.note) this.#options.onCheckpoint(note)
    return note
  }

  /** From here on nothing is written or signed under the present name. */
  fence(why: AuditError): void {
    this.#fence = why
    const waiting = this.#queue
    this.#queue = []
    for (const { reject } of waiting) reject(why)
  }

  /** Goes on under a new name. Returns the index of its first record. Throws `log_unavailable`. */
  continueAs(origin: string, after: string | undefined, record: NewRecord): number {
    checkNumbers(record)
    const prepared = { record, text: encodeBodyText(record) }
    const first = this.#write((file) => {
      const at = file.continueAs(origin, after, prepared)
      this.#durable = { size: file.size, root: file.root() }
      return at
    })
    this.#fence = undefined
    this.checkpointNow()
    this.#options.onCommitted(first, [prepared], 0)
    return first
  }

  /** Runs a change of the file that is not an append, in one transaction. Throws `log_unavailable`. */
  change<T>(work: (file: LogFile) => T): T {
    return this.#write((file) => file.change(() => work(file)))
  }

  /** Writes what is waiting, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#settleNow()
    while (this.#queue.length > 0) {
      this.#drain()
      this.#settleNow()
    }
    this.#tryCheckpoint()
    this.#closed = true
    clearTimeout(this.#retry)
    clearTimeout(this.#checkpointTimer)
    this.#file?.close()
    this.#file = undefined
    await this.#mover.close()
  }

  #schedule(): void {
    if (this.#draining || this.#written !== undefined || this.#isMoving) return
    if (this.#queue.length === 0 && !this.#isCheckpointDue) return
    this.#draining = true
    setImmediate(() => {
      this.#draining = false
      if (this.#isCheckpointDue) this.#addCheckpoint()
      else this.#drain()
      this.#schedule()
    })
  }

  // Like a group of records, so that nobody waits for the disk.
  #addCheckpoint(): void {
    this.#isCheckpointDue = false
    if (this.#fence !== undefined) return
    try {
      this.#write((file) => {
        if (!file.addCheckpoint(this.#sign)) return
        this.#await({ file, batch: [], first: file.size, started: performance.now(), durable: stateOf(file) })
      })
    } catch {
      // The log is unavailable now, which #fail has noted; the checkpoint is made when it is back.
    }
  }

  #drain(): void {
    if (this.#queue.length === 0) return
    const batch = this.#queue.length <= MAX_BATCH ? this.#queue : this.#queue.slice(0, MAX_BATCH)
    this.#queue = this.#queue.length <= MAX_BATCH ? [] : this.#queue.slice(MAX_BATCH)
    const started = performance.now()
    try {
      this.#write((file) => {
        const first = file.append(batch)
        this.#await({ file, batch, first, started, durable: stateOf(file) })
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
  }

  #await(group: WrittenGroup): void {
    this.#written = group
    group.file.sync().then(
      () => this.#settle(group),
      (error) => this.#settle(group, error),
    )
  }

  // A group that is no longer the one that waits was settled before: its file was closed.
  #settle(group: WrittenGroup, error?: unknown): void {
    if (this.#written !== group) return
    if (error === undefined) this.#acknowledge(group)
    else this.#fail(error)
    if (this.#unmoved >= this.#options.moveAfter) this.#move()
    else this.#schedule()
  }

  // Nothing is appended meanwhile, so that all of it can be moved, and what comes next begins at its start again.
  #move(): void {
    this.#unmoved = 0
    this.#isMoving = true
    void this.#mover.move().then(() => {
      this.#isMoving = false
      this.#schedule()
    })
  }

  #settleNow(): void {
    const group = this.#written
    if (group === undefined) return
    try {
      group.file.syncNow()
      this.#acknowledge(group)
    } catch (error) {
      this.#fail(error)
    }
  }

  #acknowledge({ file, batch, first, durable, started }: WrittenGroup): void {
    this.#written = undefined
    const note = file.publishCheckpoint()
    if (note !== undefined) this.#options.onCheckpoint(note)
    this.#durable = durable
    for (const { text } of batch) this.#unmoved += text.length
    this.#unmoved += PAGES_OF_A_COMMIT * PAGE_SIZE
    if (batch.length === 0) return
    for (const [i, waiting] of batch.entries()) waiting.resolve(first + i)
    this.#scheduleCheckpoint()
    this.#options.onCommitted(first, batch, performance.now() - started)
  }

  // Whether what was written to the file will be found there is not known: nobody is told that it will.
  #giveUp(why: AuditError): void {
    const { batch = [] } = this.#written ?? {}
    this.#written = undefined
    closeQuietly(this.#file)
    this.#file = undefined
    for (const waiting of batch) waiting.reject(why)
  }

  #write<T>(work: (file: LogFile) => T): T {
    try {
      const result = this.#attempt(work)
      this.#recovered()
      return result
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #attempt<T>(work: (file: LogFile) => T): T {
    try {
      return work(this.#ready())
    } catch (error) {
      if (!(error instanceof Outdated)) throw error
      this.#giveUp(unavailable(error.message))
      return work(this.#ready())
    }
  }

  // The file to write to; opened anew where the last attempt left it in doubt.
  #ready(): LogFile {
    if (this.#closed) throw unavailable('it is closed')
    if (this.#failure !== undefined && performance.now() < this.#nextAttemptAt) throw new TooSoon(this.#failure)
    this.#file ??= this.#reopen()
    return this.#file
  }

  #reopen(): LogFile {
    // Opening would make an empty log in the place of one that is gone.
    if (!existsSync(this.#options.path)) throw unavailable('its file is gone')
    const file = new LogFile(this.#options)
    try {
      file.probe()
      if (this.#mustFlush) flushWal(file)
      this.#checkNothingLost(file)
      this.#mustFlush = false
      return file
    } catch (error) {
      file.close()
      throw error
    }
  }

  #checkNothingLost(file: LogFile): void {
    const { size, root } = this.#durable
    if (file.size < size || !equalHashes(file.rootAt(size), root)) {
      const detail = `it held ${size} records, and these are not in its file any more`
      throw new AuditError('log_corrupt', 'the log is damaged', { detail })
    }
    // Records whose commit was reported as failed may be there all the same: nobody was told, and none is lost.
    this.#durable = { size: file.size, root: file.root() }
  }

  #fail(error: unknown): AuditError {
    if (error instanceof TooSoon) return error.failure
    const failure = describeFailure(error)
    const unchanged = error instanceof NotBegun
    this.#failure = failure
    this.#nextAttemptAt = performance.now() + (unchanged ? RETRY_BEGIN_AFTER : REOPEN_AFTER)
    if (!unchanged) {
      this.#mustFlush ||= leavesInDoubt(error)
      this.#giveUp(failure)
    }
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      if (this.#failure === undefined || this.#closed) return
      try {
        this.#write((file) => file.probe())
      } catch {
        // #fail has set the next attempt.
      }
    }, PROBE_AFTER).unref()
    return failure
  }

  #recovered(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#scheduleCheckpoint()
  }

  #scheduleCheckpoint(): void {
    this.#checkpointTimer ??= setTimeout(() => {
      this.#checkpointTimer = undefined
      this.#isCheckpointDue = true
      this.#schedule()
    }, this.#options.checkpointDelay).unref()
  }

  #tryCheckpoint(): void {
    try {
      this.checkpointNow()
    } catch {
      // The log is unavailable now, which #fail has noted; the checkpoint is made when it is back.
    }
  }
}

interface Waiting extends PreparedRecord {
  readonly resolve: (index: number) => void
  readonly reject: (error: unknown) => void
}

function stateOf(file: LogFile): { readonly size: number; readonly root: Uint8Array } {
  return { size: file.size, root: file.root() }
}

/** Records that are in the file, or a checkpoint where there are none, and what the log is with them. */
interface WrittenGroup {
  readonly file: LogFile
  readonly batch: readonly Waiting[]
  readonly first: number
  readonly durable: { readonly size: number; readonly root: Uint8Array }
  /** When their writing began, by `performance.now()`. */
  readonly started: number
}

// What a commit writes beside what the records take: pages that are not full yet, of the table and its index.
const PAGES_OF_A_COMMIT = 6

// Bounds how long one transaction holds up everything else in the process.
const MAX_BATCH = 512
// While the log can't be written: what an append may try again, and when it is tried without anybody asking.
const RETRY_BEGIN_AFTER = 5
const REOPEN_AFTER = 50
const PROBE_AFTER = 100

class TooSoon extends Error {
  readonly failure: AuditError
  constructor(failure: AuditError) {
    super('tried a moment ago')
    this.failure = failure
  }
}

function checkNumbers(record: NewRecord): void {
  const of = record.kind === 'outcome' ? record.body.of : 0
  if (!isUint48(record.at) || !isUint48(of)) {
    throw new AuditError('record_invalid', 'the time or the decision of a record is not a whole number')
  }
}

function isUint48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 48
}

// After a failed fsync the kernel may show pages that never reached the disk. Moving everything into the database
// file and syncing that leaves nothing in doubt before the next record is acknowledged.
function flushWal(file: LogFile): void {
  const row = file.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (row?.busy !== 0) throw unavailable('its write-ahead log cannot be emptied while somebody reads it')
}

function closeQuietly(file: LogFile | undefined): void {
  try {
    file?.close()
  } catch {
    // It is given up in any case.
  }
}
