import type { StoredRecord } from '../record.ts'
import type { OcsfEvent } from './ocsf.ts'

/** A record on its way out. */
export interface Departure {
  readonly record: StoredRecord
  readonly event: OcsfEvent
}

/** One way to hand records over. */
export interface Deliver {
  /**
   * Resolves once the receiver has all of them; may do so with what the receiver refused for good. Rejects where it is
   * to be tried again with the same batch.
   */
  send(batch: readonly Departure[], signal: AbortSignal): Promise<{ readonly refused?: string }>
  close(): Promise<void>
}
