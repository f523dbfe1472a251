import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../../kernel/index.ts'
import { AuditError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Deliver, Departure } from './deliver.ts'
import { isWanted } from './export-filter.ts'
import type { ExportFilter } from './export-target.ts'
import { ocsfEvent } from './ocsf.ts'

/** In milliseconds, where it is a time. */
export interface ExportPace {
  /** Between a wake-up and reading, so that records go together. */
  readonly linger: number
  /** Before the first repetition; doubled with each, up to `mostBackoff`. */
  readonly firstBackoff: number
  readonly mostBackoff: number
  /** Records in a row that are set aside at most: a receiver that takes nothing at all is at fault itself. */
  readonly mostInARow: number
}

export interface RunnerOptions {
  readonly log: Pick<Log, 'origin' | 'read' | 'status'>
  readonly deliver: Deliver
  readonly filter: ExportFilter
  /** Index of the first record that was not delivered yet. */
  readonly next: number
  readonly pace: ExportPace
  /** Makes the place durable, together with what was set aside on the way to it. */
  readonly save: (next: number, delivered: boolean, refused?: Refused) => Promise<void>
  /** What was set aside has arrived after all. */
  readonly settled: (refused: Refused) => Promise<void>
  /** Told once for each row of failures. */
  readonly report: (error: unknown) => void
}

/** Records that a receiver would not take. */
export interface Refused {
  readonly first: number
  readonly last: number
  /** How many of them, where the receiver said so; otherwise all that it was sent. */
  readonly count: number
  readonly reason: string
}

/** How the delivery to one target goes. */
export interface RunnerStatus {
  readonly state: 'idle' | 'sending' | 'failing'
  readonly next: number
  /** Failures since the process started. */
  readonly failed: number
  /** The last failure, while it lasts; or what the receiver refused for good. */
  readonly error?: string
}

// What one delivery holds at most, and how many records are looked at before others get their turn.
const BATCH = 256
const BATCH_BYTES = 1024 * 1024
const TURN = 32
// How often a record that is refused is sent before it is set aside.
const ATTEMPTS = 5
// The place is saved after so many records that nobody wanted.
const UNSAVED = 4096

/**
 * Brings the records of a log to one receiver, in their order, at least once. It reads the log by index from its own
 * place: a receiver that is slow or gone holds up nothing and nobody else.
 */
export class ExportRunner {
  readonly #options: RunnerOptions
  readonly #stop = new AbortController()
  #next: number
  #saved: number
  #woken = false
  #wake: (() => void) | undefined
  #row = 0
  #failed = 0
  #error: string | undefined
  #state: RunnerStatus['state'] = 'idle'
  // Fewer after a refusal, until the record that it is about is alone.
  #most = BATCH
  #attempts = 0
  #inARow = 0
  #again: Refused[] = []
  #running: Promise<void> | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
    // A log that was restored may be shorter than the place that was reached in it.
    this.#next = Math.min(options.next, options.log.status().size)
    this.#saved = options.next
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Says that the log has grown. Cheap: it is called for each record. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  /** Sends what was set aside once more, before anything else. */
  retry(refused: readonly Refused[]): void {
    this.#again.push(...refused)
    this.wake()
  }

  status(): RunnerStatus {
    const status = { state: this.#state, next: this.#next, failed: this.#failed }
    return this.#error === undefined ? status : { ...status, error: this.#error }
  }

  /** Breaks off what is under way, keeps the place, and lets go of the receiver. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#running
    if (this.#saved !== this.#next) await this.#save(false)
    await this.#options.deliver.close()
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        this.#woken = false
        if (this.#again.length > 0) await this.#sendAgain()
        else if (await this.#deliverSome()) this.#row = 0
        else await this.#sleepUntilWoken()
      } catch (error) {
        if (this.#stop.signal.aborted) return
        await this.#backOff(error)
      }
    }
  }

  /** Resolves with whether there was anything to look at. */
  async #deliverSome(): Promise<boolean> {
    const { log, deliver } = this.#options
    if (this.#next >= log.status().size) return false
    const { batch, end } = await this.#read(this.#next, log.status().size, this.#most)
    let refused: Refused | undefined
    if (batch.length > 0) {
      if (this.#row === 0) this.#state = 'sending'
      try {
        const answer = await deliver.send(batch, this.#stop.signal)
        this.#error = answer.refused?.reason
        if (answer.refused !== undefined) refused = { ...rangeOf(batch), ...answer.refused }
        this.#most = Math.min(BATCH, this.#most * 2)
        this.#inARow = 0
      } catch (error) {
        if (!isRefusal(error)) throw error
        if (batch.length > 1) {
          this.#most = Math.ceil(batch.length / 2)
          return true
        }
        refused = this.#setAside(batch, error)
      }
    }
    // INVARIANT: the place moves only past what was delivered, not wanted, or is set aside with it.
    this.#next = end
    if (batch.length > 0 || this.#next - this.#saved >= UNSAVED) await this.#save(batch.length > 0, refused)
    return true
  }

  /** Throws as long as there are attempts left. */
  #setAside(batch: readonly Departure[], error: AuditError): Refused {
    if (++this.#attempts < ATTEMPTS) throw error
    if (this.#inARow >= this.#options.pace.mostInARow) {
      const why = `${error.publicMessage}; it has refused ${this.#inARow} records in a row, so nothing more is set aside`
      throw new AuditError('export_failed', why)
    }
    this.#attempts = 0
    this.#inARow++
    this.#error = error.publicMessage
    return { ...rangeOf(batch), reason: error.publicMessage }
  }

  async #sendAgain(): Promise<void> {
    const { deliver, settled } = this.#options
    const [one] = this.#again
    if (one === undefined) return
    const { batch } = await this.#read(one.first, one.last + 1, BATCH)
    try {
      const { refused } = batch.length === 0 ? {} : await deliver.send(batch, this.#stop.signal)
      if (refused === undefined) await settled(one)
      else this.#error = refused.reason
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#error = error.publicMessage
    }
    this.#again.shift()
  }

  async #read(from: number, size: number, most: number) {
    const { log, filter } = this.#options
    const batch: Departure[] = []
    let bytes = 0
    let index = from
    while (index < size && batch.length < most && bytes < BATCH_BYTES && index - from < UNSAVED) {
      const record = await log.read(index)
      // What status counts is durable, so it can be read.
      if (record === undefined) throw new Error(`record ${index} is missing`)
      if (isWanted(record, filter)) {
        batch.push({ record, event: ocsfEvent(record, log.origin) })
        if (!record.erased) bytes += JSON.stringify(record.body).length
      }
      index++
      if (index % TURN === 0) {
        await nextTurn()
        if (this.#stop.signal.aborted) throw new Error('it was stopped')
      }
    }
    return { batch, end: index }
  }

  async #save(delivered: boolean, refused?: Refused): Promise<void> {
    const next = this.#next
    await this.#options.save(next, delivered, refused)
    this.#saved = next
  }

  async #sleepUntilWoken(): Promise<void> {
    this.#state = 'idle'
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        if (this.#stop.signal.aborted) resolve()
      })
      this.#wake = undefined
    }
    await this.#pause(this.#options.pace.linger)
  }

  async #backOff(error: unknown): Promise<void> {
    const { pace, report } = this.#options
    this.#state = 'failing'
    this.#error = errorText(error)
    this.#failed++
    if (this.#row === 0) report(error)
    const longest = Math.min(pace.mostBackoff, pace.firstBackoff * 2 ** Math.min(this.#row, 30))
    this.#row++
    // Not all at the same moment: several targets may have the same receiver.
    await this.#pause(longest * (0.5 + Math.random() / 2))
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#stop.signal, ref: false })
    } catch {
      // It was stopped; the loop sees it.
    }
  }
}

function isRefusal(error: unknown): error is AuditError {
  return error instanceof AuditError && error.code === 'export_refused'
}

function rangeOf(batch: readonly Departure[]): {
  readonly first: number
  readonly last: number
  readonly count: number
} {
  return { first: batch[0]?.record.index ?? 0, last: batch.at(-1)?.record.index ?? 0, count: batch.length }
}
