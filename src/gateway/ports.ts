import type { Access, CallFacts } from '../access/index.ts'
import type { Caller, Clock, Context, Json, PrincipalId, TenantId, Txn } from '../kernel/index.ts'
import { actorOf } from '../kernel/index.ts'
import type { Catalog } from './catalog/index.ts'
import type { UpstreamAnswer, UpstreamRequest } from './protocol.ts'

/** What the gateway of one tenant needs from the other rooms. Wired in server/. */
export interface GatewayPorts {
  readonly tenant: TenantId
  readonly clock: Clock
  /** Where clients reach the tenant: `https://sallyport.example/t/NAME`, without a slash at the end. */
  readonly publicUrl: string
  /** Who holds this credential (an access token for the gateway, or a gateway key). Throws for nobody: 401. */
  readonly identify: (credential: string) => Identified | Promise<Identified>
  /** The human who answers for an agent. */
  readonly sponsorOf: (principal: PrincipalId) => PrincipalId | undefined
  readonly access: Pick<Access, 'decide' | 'couldAllow'>
  readonly log: RecordLog
  readonly catalog: Catalog
  readonly origin: OriginMemory
  /** Sends a request to its upstream. Rejects with `upstream_unreachable` or `upstream_timeout`. */
  readonly forward: (request: UpstreamRequest) => Promise<UpstreamAnswer>
  /** For the operator: what went wrong without anybody having been told. */
  readonly report: (problem: { readonly what: string; readonly txn?: Txn; readonly error: unknown }) => void
}

export interface Identified {
  readonly caller: Caller
  /** From the token; a credential that carries none begins a new one with each request. */
  readonly txn: Txn | undefined
}

/** The part of the tenant's log that the gateway writes. */
export interface RecordLog {
  /** Resolves with the index once the record is durable; rejects when it cannot be: then nothing may happen. */
  append(record: {
    readonly kind: 'decision' | 'outcome'
    readonly tenant: TenantId
    readonly txn: Txn
    readonly trace: string
    /** Milliseconds since the epoch. */
    readonly at: number
    readonly body: { readonly [name: string]: Json }
  }): Promise<number>
}

/** Remembers in which part of a conversation a value was first seen. */
export interface OriginMemory {
  /**
   * Cheap: it is called for every message of every request. The work is done when origins are asked for. Several texts
   * are the parts of one message.
   */
  observe(conversation: string, source: OriginSource, text: string | readonly string[]): void
  /** Where each value of a call's arguments came from; what was never seen came from the model. */
  originsOf(conversation: string, args: Json): ArgumentOrigins
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

/** The key of a conversation: what one actor does under one request id, which comes last. */
export function conversationOf(ctx: Context): string {
  return `${actorOf(ctx.caller).id} ${ctx.txn}`
}
