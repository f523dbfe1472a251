import { randomBytes } from 'node:crypto'
import { newTxn, type TenantId } from '../kernel/index.ts'
import { parseCheckpoint } from '../translog/index.ts'
import type { NewRecord } from './record.ts'

/** One of the names that a log has signed under. */
export interface LogOrigin {
  readonly origin: string
  /** Index of the first record under this name. */
  readonly first: number
  /** The last checkpoint known of what came before, where there was anything. */
  readonly after?: string
}

/** What a witness says that it has cosigned last. */
export interface WitnessClaim {
  readonly url: string
  readonly size: number
}

/** What is known about a log that is not what it once was. */
export interface LostHistory {
  /** The newest checkpoint of ours that the file does not lead to. */
  readonly checkpoint?: string
  readonly witnesses: readonly WitnessClaim[]
}

/** How the log goes on after it was restored. */
export interface Continuation {
  readonly from: { readonly origin: string; readonly size: number }
  readonly to: string
  /** Records that were signed and are gone, as far as anything tells. */
  readonly lost: number
  /** Index of the record that says so: the first under the new name. */
  readonly record: number
}

/** A name that no restored copy can come up with again. */
export function successorOf(first: string, at: number): string {
  return `${first}/${new Date(at).toISOString().slice(0, 10)}-${randomBytes(4).toString('hex')}`
}

/** The first record under a new name: what came before it, as far as it is known, and why it goes on. */
export function continuationRecord(options: {
  readonly tenant: TenantId
  readonly at: number
  readonly from: string
  readonly to: string
  readonly size: number
  readonly lost: LostHistory
  readonly after: string | undefined
  readonly reason: string
}): NewRecord {
  const { tenant, at, from, to, size, lost, after, reason } = options
  const body = {
    operation: CONTINUED,
    from,
    to,
    size,
    reason,
    ...(after === undefined ? {} : { after }),
    lost: lostRecords(size, lost),
    witnesses: lost.witnesses.map(({ url, size }) => ({ url, size })),
  }
  // No rule for a kind of record may ever destroy what binds the two together.
  return { kind: 'change', tenant, txn: newTxn(at), trace: NO_TRACE, at, body, retention: 'log' }
}

/** How many records are gone, by what was signed and by what witnesses say. */
export function lostRecords(size: number, { checkpoint, witnesses }: LostHistory): number {
  const signed = checkpoint === undefined ? 0 : parseCheckpoint(checkpoint).size
  return Math.max(0, signed - size, ...witnesses.map((one) => one.size - size))
}

export const CONTINUED = 'log:continue'
const NO_TRACE = '0'.repeat(32)
