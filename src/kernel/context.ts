import type { Clock } from './clock.ts'
import type { DelegationId, PrincipalId, TenantId, Txn } from './ids.ts'

export type PrincipalKind = 'User' | 'Service' | 'Agent' | 'Device'

export interface PrincipalRef {
  readonly kind: PrincipalKind
  readonly id: PrincipalId
}

/**
 * How the caller of this request proved who it is. `at` in milliseconds since the epoch. `asserted` is the word of an
 * enforcement point that asks for a decision about somebody else, `none` a caller whom a route lets through unidentified.
 */
export interface Authentication {
  readonly method: 'private_key_jwt' | 'client_secret' | 'gateway_key' | 'asserted' | 'none'
  readonly at: number
  /** What was used (RFC 8176), where people proved who they are. */
  readonly factors?: readonly string[]
  /** 1: one factor; 2: several; 3: several, one of them bound to hardware. */
  readonly assurance?: 1 | 2 | 3
  /** When several factors were used together, in milliseconds since the epoch. */
  readonly mfaAt?: number
}

/**
 * What a subject allowed an agent to do for it. Everything it does not name is outside of it. `purpose` is the named
 * task; `expiresAt` in milliseconds since the epoch.
 */
export interface Mandate {
  /** Actions and groups of actions. */
  readonly actions: readonly string[]
  /** Resources, and what holds resources: a project, a tool server. */
  readonly resources: readonly { readonly type: string; readonly id: string }[]
  readonly purpose?: string
  readonly expiresAt: number
  /** The mandate that this one was narrowed from: what it does not cover, this one does not. */
  readonly within?: Mandate
}

/**
 * Who is calling, as it was verified at the edge.
 * `chain` goes from the subject (on whose behalf) to the actor that made this request; it is never empty.
 */
export interface Caller {
  readonly chain: readonly [PrincipalRef, ...PrincipalRef[]]
  readonly delegation: DelegationId | undefined
  /** What the delegation is narrowed to, by the subject's word. */
  readonly mandate?: Mandate
  readonly authentication: Authentication
  /** What the credential allows at most; `undefined` means that it does not narrow. */
  readonly scope: ReadonlySet<string> | undefined
  /** `jti` of the access token, or the id of the gateway key. */
  readonly credential: string
  /** Ids of the credential and of what it was derived from: to revoke one of them revokes it. The credential's alone where absent. */
  readonly lineage?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** The last link of the chain: who made this request. */
export function actorOf(caller: Caller): PrincipalRef {
  return caller.chain[caller.chain.length - 1] ?? caller.chain[0]
}

/** What every function below the edge gets first. Created once for a request, never changed. */
export interface Context {
  readonly tenant: TenantId
  readonly txn: Txn
  /** W3C trace id (32 hex digits), the caller's own where it sent one. */
  readonly trace: string
  readonly clock: Clock
  readonly caller: Caller
  /** The caller's IP address, where the edge knows it. */
  readonly address?: string
  /** By which of Sallyport's ways the request came, where one of them enforces it. */
  readonly gate?: 'models' | 'tools' | 'decision-point'
  /** What the caller gives as its reasons for this request; for the record, never for a decision. */
  readonly reasoning?: string
}
