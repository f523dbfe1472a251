import type { PrincipalRef } from '../../kernel/index.ts'
import type { EntityRef } from '../question.ts'

/** Somebody asks to be allowed something for a time. Times in milliseconds since the epoch. */
export interface AccessRequest {
  /** Not to be guessed: 80 random bits. */
  readonly id: string
  readonly state: StoredState
  /** Who would get the grant. */
  readonly subject: PrincipalRef
  /** Who asks, from the subject of the chain to its actor. */
  readonly chain: readonly PrincipalRef[]
  /** What was asked for; without an action, for all that the role is. */
  readonly action: string | undefined
  readonly resource: EntityRef
  /** What would be given. */
  readonly role: string
  /** What the role grants on the resource, and on what is in it, at most. */
  readonly grants: readonly string[]
  readonly isElevated: boolean
  readonly justification: string
  /** How long it is wished for, in seconds. */
  readonly seconds: number
  readonly requestedAt: number
  /** Until when it waits. */
  readonly expiresAt: number
  /** Revision of the policies by which it was found to help. */
  readonly revision: string
  /** The denied evaluation that it is bound to (AuthZEN access request profile), where there is one. */
  readonly evaluation: DeniedEvaluation | undefined
  /** How it was decided, or ended. */
  readonly decidedBy: string | undefined
  readonly decidedAt: number | undefined
  readonly note: string | undefined
  /** Names the grant; not to be guessed either. */
  readonly approval: string | undefined
  /** When the grant ends. */
  readonly endsAt: number | undefined
  readonly closedBy: string | undefined
  readonly closedAt: number | undefined
}

export interface DeniedEvaluation {
  readonly id: string
  readonly revision: string
  /** Who asked for the decision, and in which request. */
  readonly client: string
  readonly txn: string
}

/** `cancelled` by who asked, `revoked` by who may; a request that nobody decided, or whose grant ended, says so by the clock. */
export type StoredState = 'pending' | 'approved' | 'denied' | 'cancelled' | 'revoked'
export const REQUEST_STATES = ['pending', 'approved', 'denied', 'cancelled', 'revoked', 'expired', 'ended'] as const
export type RequestState = (typeof REQUEST_STATES)[number]

export function stateAt({ state, expiresAt, endsAt }: AccessRequest, now: number): RequestState {
  if (state === 'pending') return now < expiresAt ? 'pending' : 'expired'
  if (state === 'approved') return endsAt !== undefined && now < endsAt ? 'approved' : 'ended'
  return state
}
