import type { Price } from '../../access/index.ts'
import type { Json } from '../../kernel/index.ts'

export type UpstreamKind = 'openai' | 'anthropic' | 'mcp'

/** A server behind the gateway. Its credential is not in here: it is added when a request leaves. */
export interface Upstream {
  readonly id: string
  readonly kind: UpstreamKind
  /** Without a slash at the end; for OpenAI with `/v1`, for Anthropic without, for MCP the whole endpoint. */
  readonly url: string
  readonly timeouts: Timeouts
  /** For tool servers: whether what they return counts as trusted content. */
  readonly trusted: boolean
  /** For tool servers: whether the definitions that are there at first count as read and accepted. */
  readonly acceptFirst: boolean
  /** For tool servers: what the operator says of single tools, by name. */
  readonly tools: Readonly<Record<string, ToolSettings>>
}

/** Milliseconds. */
export interface Timeouts {
  readonly connect: number
  /** From the request to the head of the answer. */
  readonly firstByte: number
  /** Between two pieces of the answer. */
  readonly idle: number
}

export interface ToolSettings {
  /** Arguments that decide where the effect goes: JSON pointers such as `/to`. */
  readonly guarded: readonly string[]
}

/** A model as clients name it, and what it is upstream. */
export interface Model {
  readonly id: string
  readonly upstream: Upstream
  readonly upstreamModel: string
  readonly price?: Price
}

/** A tool as its server last described it, and what was decided about that description. */
export interface ToolEntry {
  readonly server: string
  readonly name: string
  /** Digest of `definition`. */
  readonly digest: string
  /** What the server shows now. */
  readonly definition: Json
  readonly status: 'accepted' | 'quarantined'
  /** The definition that was accepted, while a changed one waits. */
  readonly accepted: { readonly digest: string; readonly definition: Json } | undefined
  readonly guarded: readonly string[]
  /** Who accepted it: a principal, or `first` for those that came with the server. */
  readonly decidedBy: string | undefined
  readonly seenAt: number
  readonly decidedAt: number | undefined
}

/** An entity in Cedar's JSON form. */
export interface CatalogEntity {
  readonly uid: EntityUid
  readonly attrs: { readonly [name: string]: Json }
  readonly parents: readonly EntityUid[]
}

interface EntityUid {
  readonly type: string
  readonly id: string
}

/** The id of a tool's entity: no name of a server holds a slash. */
export function toolEntityId(server: string, name: string): string {
  return `${server}/${name}`
}
