import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../../kernel/index.ts'
import type { Log } from '../log.ts'
import type { Deliver, Departure } from './deliver.ts'
import { isWanted } from './export-filter.ts'
import type { ExportFilter } from './export-target.ts'
import { ocsfEvent } from './ocsf.ts'

/** Milliseconds. */
export interface ExportPace {
  /** Between a wake-up and reading, so that records go together. */
  readonly linger: number
  /** Before the first repetition; doubled with each, up to `mostBackoff`. */
  readonly firstBackoff: number
  readonly mostBackoff: number
}

export interface RunnerOptions {
  readonly log: Pick<Log, 'origin' | 'read' | 'status'>
  readonly deliver: Deliver
  readonly filter: ExportFilter
  /** Index of the first record that was not delivered yet. */
  readonly next: number
  readonly pace: ExportPace
  /** Makes the place durable. */
  readonly save: (next: number, delivered: boolean) => Promise<void>
  /** Told once for each row of failures. */
  readonly report: (error: unknown) => void
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
        if (await this.#deliverSome()) this.#row = 0
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
    const { batch, end } = await this.#read()
    if (batch.length > 0) {
      if (this.#row === 0) this.#state = 'sending'
      const { refused } = await deliver.send(batch, this.#stop.signal)
      this.#error = refused
    }
    // INVARIANT: the place moves only past what was delivered or not wanted.
    this.#next = end
    if (batch.length > 0 || this.#next - this.#saved >= UNSAVED) await this.#save(batch.length > 0)
    return true
  }

  async #read(): Promise<{ readonly batch: readonly Departure[]; readonly end: number }> {
    const { log, filter } = this.#options
    const { size } = log.status()
    const batch: Departure[] = []
    let bytes = 0
    let index = this.#next
    while (index < size && batch.length < BATCH && bytes < BATCH_BYTES && index - this.#next < UNSAVED) {
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

  async #save(delivered: boolean): Promise<void> {
    const next = this.#next
    await this.#options.save(next, delivered)
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
