import type { Uid } from './uid.ts'

/** What a decision is asked about. */
export interface AccessRequest {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  /** Cedar's JSON form, in memory or as text; empty unless given. */
  readonly context?: object | string
}

export interface PolicyDecision {
  readonly decision: 'allow' | 'deny'
  /** The policies that made the decision, in their order; none where a request is denied for want of a permit. */
  readonly reasons: readonly string[]
  /** Policies that could not be evaluated, in their order. */
  readonly errors: readonly PolicyError[]
}

export interface PolicyError {
  readonly policy: string
  readonly message: string
}
