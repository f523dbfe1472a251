import type { Access, CallFacts } from '../access/index.ts'
import type { Log } from '../audit/index.ts'
import { actorOf, type Clock, type Context, type Json, type TenantId, type Txn } from '../kernel/index.ts'
import type { AuthorizationServer } from '../oauth/index.ts'
import type { Catalog } from './catalog/index.ts'
import type { Flight } from './flight.ts'
import type { OpenStreams } from './open-streams.ts'
import type { UpstreamAnswer, UpstreamRequest } from './protocol.ts'

/** What the gateway of one tenant needs from the other rooms. Wired in server/. */
export interface GatewayPorts {
  readonly tenant: TenantId
  readonly clock: Clock
  /** Where clients reach the tenant: `https://sallyport.example/t/NAME`, without a slash at the end. */
  readonly publicUrl: string
  readonly authorization: Pick<AuthorizationServer, 'authenticateBearer' | 'challenge'>
  readonly access: Pick<
    Access,
    | 'decide'
    | 'deniedInMode'
    | 'ask'
    | 'reserve'
    | 'couldAllow'
    | 'revision'
    | 'basis'
    | 'recordedState'
    | 'recordedInputs'
    | 'lists'
  >
  /**
   * Whether callers that cannot be identified are let through to what is asked for there; `audience` is the path below
   * the tenant's URL.
   */
  readonly letsAnonymous: (gate: 'models' | 'tools', audience: string) => boolean
  readonly log: Pick<Log, 'append'>
  readonly catalog: Catalog
  readonly origin: OriginMemory
  readonly streams: Pick<OpenStreams, 'add'>
  /**
   * Sends a request to its upstream. Rejects with `upstream_unreachable` or `upstream_timeout`, or with what `flight` is
   * broken off for.
   */
  readonly forward: (request: UpstreamRequest, flight?: Flight) => Promise<UpstreamAnswer>
  /** For the operator: what went wrong without anybody having been told. */
  readonly report: (problem: { readonly what: string; readonly txn?: Txn; readonly error: unknown }) => void
}

/** Remembers in which part of a conversation a value was first seen. */
export interface OriginMemory {
  /**
   * Cheap: it is called for every message of every request. The work is done when origins are asked for. Several texts
   * are the parts of one message.
   */
  observe(conversation: string, source: OriginSource, text: string | readonly string[]): void
  /**
   * Where each value of a call's arguments came from; what was never seen came from the model. Throws
   * `arguments_invalid` for more values than can be looked into.
   */
  originsOf(conversation: string, args: Json): ArgumentOrigins
  /** Begins a conversation of which its client says that nothing from the actor's earlier ones is in it. */
  begin(conversation: string): void
  /** Whether the conversation is remembered, so that it can be gone on with. */
  knows(conversation: string): boolean
}

/** Who brought a text into the conversation; for tools the server, and whether the operator trusts it. */
export interface OriginSource {
  readonly kind: 'user' | 'system' | 'tool' | 'model'
  readonly server?: string | undefined
  readonly trusted?: boolean | undefined
}

/** The arguments and their origins as facts for policies, and the same for the record. */
export interface ArgumentOrigins extends CallFacts {
  readonly sources: readonly {
    readonly pointer: string
    /** `user`, `system`, `model` or `tool:SERVER` */
    readonly source: string
    readonly trusted: boolean
  }[]
}

/**
 * The key of a conversation: what one actor does under one request id, which comes last. What it does in a delegation is
 * not what it does on its own account.
 */
export function conversationOf({ caller, txn }: Context): string {
  const { chain } = caller
  if (chain.length === 1) return `${chain[0].id} ${txn}`
  const subjects = chain.slice(0, -1).map(({ id }) => id)
  return `${actorOf(caller).id} ${subjects.join('>')} ${txn}`
}
