import type { Advice } from '../access/index.ts'
import type { Denial } from './protocol.ts'
import { retryAfterOf } from './retry-after.ts'

/** What a denial says to programs, whatever the protocol: which policies, and what would help. Never facts. */
export interface DenialData {
  readonly txn: string | null
  readonly record: number | null
  /** Ids of policies. */
  readonly policies: readonly string[]
  /** What would help, in words for people. */
  readonly remedy?: string
  /** What would help, for programs; all of it is needed. */
  readonly advice: readonly Advice[]
  /** Seconds. */
  readonly retryAfter?: number
}

export function denialData({ txn, record, decision }: Denial): DenialData {
  const wait = retryAfterOf(decision)
  return {
    txn: txn ?? null,
    record: record ?? null,
    policies: [...new Set(decision.reasons.map(({ policy }) => policy))],
    ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
    advice: decision.advice ?? [],
    ...(wait === undefined ? {} : { retryAfter: wait }),
  }
}
