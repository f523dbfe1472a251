import type { DelegationId, PrincipalRef, Txn } from '../kernel/index.ts'

/** What happened to a token, for the log. */
export interface TokenEvent {
  readonly event: 'issued' | 'exchanged' | 'refused' | 'revoked'
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly txn: Txn
  /** The caller's own `traceparent` header, as it was sent. */
  readonly traceparent: string | undefined
  /** The client that asked; on a refusal possibly only claimed to be it. */
  readonly client: string
  /** The OAuth error code of a refusal. */
  readonly error?: string
  /** On a refusal: how many like it, in the name of this client, were not recorded before it. */
  readonly unrecorded?: number
  /** Absent on a refusal. */
  readonly token?: {
    readonly id: string
    readonly chain: readonly PrincipalRef[]
    readonly delegation: DelegationId | undefined
    readonly scope: readonly string[]
    readonly audience: string
    readonly authentication: 'private_key_jwt' | 'client_secret'
    /** Milliseconds since the epoch. */
    readonly expiresAt: number
  }
}

/** Resolves once the event is durable. INVARIANT: no token leaves before that. */
export type RecordToken = (event: TokenEvent) => Promise<void>
