import type { Json, PrincipalId, PrincipalRef, Txn } from '../../kernel/index.ts'
import type { CallFacts, EntityRef, Question } from '../question.ts'

/** A request for somebody's consent to exactly one action, and what became of it. */
export interface Approval {
  readonly id: string
  /** See `approvalDigest`. */
  readonly digest: string
  readonly state: ApprovalState
  readonly request: ApprovalRequest
  /** Times in milliseconds since the epoch. */
  readonly requestedAt: number
  /** When the request lapses while it waits; once it is approved, when the approval does. */
  readonly expiresAt: number
  readonly decidedBy: PrincipalId | undefined
  readonly decidedAt: number | undefined
  /** What whoever refused it, or took it back, gave as the reason. */
  readonly reason: string | undefined
  /** When it was used, refused, taken back or lapsed. */
  readonly endedAt: number | undefined
}

export const APPROVAL_STATES = ['pending', 'approved', 'denied', 'used', 'revoked', 'expired'] as const
export type ApprovalState = (typeof APPROVAL_STATES)[number]

/** Who wants to do what. The arguments are kept apart: they are for those who decide. */
export interface ApprovalRequest {
  /** From the subject to the actor. */
  readonly chain: readonly PrincipalRef[]
  readonly txn: Txn
  /** The named task. */
  readonly purpose?: string
  readonly action: string
  readonly resource: EntityRef
  /** Sponsors of the agents in the chain when it was asked for, by id. */
  readonly behind: readonly string[]
  /** Projects and environments that the resource is in. */
  readonly within: readonly EntityRef[]
  readonly elevated: boolean
  /** The policies that ask for the approval. */
  readonly policies: readonly AskingPolicy[]
  /** Of the policies in force when it was asked for. */
  readonly revision: string
  /** Whether people behind the request may approve it too. */
  readonly own: boolean
  /** Milliseconds for which the approval stays good. */
  readonly goodFor: number
}

export interface AskingPolicy {
  readonly id: string
  readonly title?: string
  readonly why?: string
}

/** What would be done, in full. Sensitive: shown to those who may decide on it, and destroyed when nobody will. */
export interface ApprovalContents {
  /** Text by JSON pointer. */
  readonly arguments: CallFacts['arguments']
  /** JSON pointers by where the value was first seen. */
  readonly origin: CallFacts['origin'] | undefined
  /** What would be done besides; see `Question`. */
  readonly described: Json
  /** What is stated of the resource, where it is of a tenant's own type. */
  readonly attributes: NonNullable<Question['attributes']>
  /** Further facts of the action. */
  readonly facts: NonNullable<Question['facts']>
}
