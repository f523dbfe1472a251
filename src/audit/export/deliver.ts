import type { StoredRecord } from '../record.ts'
import type { OcsfEvent } from './ocsf.ts'

/** A record on its way out. */
export interface Departure {
  readonly record: StoredRecord
  readonly event: OcsfEvent
}

/** What a receiver refused of a batch that it took. */
export interface PartialRefusal {
  readonly count: number
  readonly reason: string
}

/** One way to hand records over. */
export interface Deliver {
  /**
   * Resolves once the receiver has all of them; may do so with what the receiver says that it refused of them for good.
   * Rejects with `export_refused` where it will never take them together, otherwise where they are to be tried again.
   */
  send(batch: readonly Departure[], signal: AbortSignal): Promise<{ readonly refused?: PartialRefusal }>
  close(): Promise<void>
}
