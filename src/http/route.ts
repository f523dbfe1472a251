import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { ZodType, z } from 'zod'
import type { Context, Json } from '../kernel/index.ts'
import type { TenantFace } from './tenant-face.ts'

/**
 * An endpoint of Sallyport's own API. `action` is decided by the decision point on the tenant before `handle` runs, and
 * the decision is recorded. What asks nobody stands in `public-endpoints.ts`.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Fastify's form. Below `/t/:tenant` for everything that belongs to a tenant. */
  readonly path: string
  readonly summary: string
  readonly action: string
  readonly query?: ZodType
  readonly body?: ZodType
  readonly answer?: ZodType
  /** Media type of the answer; JSON unless it says otherwise. */
  readonly produces?: string
  readonly handle: (call: Call) => Promise<unknown>
}

/** What a handler gets. */
export interface Call {
  readonly tenant: TenantFace
  readonly ctx: Context
  readonly params: Readonly<Record<string, string>>
  readonly query: unknown
  readonly body: unknown
  readonly headers: IncomingHttpHeaders
  /** For answers that are not one JSON value: whoever writes here answers alone and returns `streamed`. */
  readonly raw: ServerResponse
  readonly signal: AbortSignal
  /** Adds what the operation did, as far as it is not in the path, to the record of its outcome. No secrets. */
  readonly note: (detail: { readonly [name: string]: Json }) => void
}

/** Returned by a handler that has answered on `raw` itself. */
export const streamed = Symbol('streamed')

/** An answer with a media type of its own. */
export class Bytes {
  readonly body: string | Uint8Array
  readonly headers: Readonly<Record<string, string>>

  constructor(body: string | Uint8Array, headers: Readonly<Record<string, string>>) {
    this.body = body
    this.headers = headers
  }
}

/** A route whose handler sees the checked types of its query and body. */
export function route<Q extends ZodType, B extends ZodType>(
  definition: Omit<Route, 'handle' | 'query' | 'body'> & {
    readonly query?: Q
    readonly body?: B
    readonly handle: (
      call: Omit<Call, 'query' | 'body'> & { query: z.output<Q>; body: z.output<B> },
    ) => Promise<unknown>
  },
): Route {
  // The server parses query and body with exactly these schemas before it calls handle.
  return definition as unknown as Route
}
