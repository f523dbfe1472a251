import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { ZodType, z } from 'zod'
import type { Decision, EntityRef, Question } from '../access/index.ts'
import type { Context, Json, SallyportError } from '../kernel/index.ts'
import type { Asked } from './ask.ts'
import type { TenantFace } from './tenant-face.ts'

/**
 * An endpoint of Sallyport's own API. `action` is decided by the decision point before `handle` runs, on what `on` says
 * (the tenant where it says nothing), and the decision is recorded. What asks nobody stands in `public-endpoints.ts`.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Fastify's form. Below `/t/:tenant` for everything that belongs to a tenant. */
  readonly path: string
  readonly summary: string
  readonly action: string
  /** What of the tenant the action is on, so that a role on a project or on one thing is enough for it. */
  readonly on?: ActedOn
  readonly query?: ZodType
  readonly body?: ZodType
  /** Reads the body in place of its schema, which then only describes it. Throws `HttpError`. */
  readonly read?: (body: unknown) => unknown
  /** Bytes of a body at most, where it is less than elsewhere. */
  readonly maxBody?: number
  readonly answer?: ZodType
  /** Media type of the answer; JSON unless it says otherwise. */
  readonly produces?: string
  /** In place of the decision on the tenant: what the action is on is known only when the request is. */
  readonly decide?: (call: Deciding) => Promise<Decided>
  /** How failures are told, where a specification says (RFC 9457). */
  readonly problem?: (error: SallyportError) => Problem
  readonly handle: (call: Call) => Promise<unknown>
  /** For whom this tenant chose so: everybody gets the answer, and nobody is asked who they are (see public-endpoints.ts). */
  readonly open?: {
    readonly when: (tenant: TenantFace) => boolean
    readonly answer: (call: OpenCall) => Promise<unknown>
  }
  /** In place of `handle`, where decisions are what is asked for: one record holds them (see ask.ts). */
  readonly ask?: (call: Call) => Asked | Promise<Asked>
}

/**
 * The thing that a request names. INVARIANT: what does not exist is decided on like the tenant, so that only who may do
 * it everywhere learns that it does not exist; to anybody else it is as denied as what they may not touch.
 */
export interface ActedOn {
  readonly types: readonly string[]
  readonly find: (call: Pick<Call, 'tenant' | 'params' | 'query'>) => EntityRef | undefined
}

/** RFC 9457 §3. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
}

/** What is known of a request before it is decided. */
export interface Deciding extends Omit<Call, 'note' | 'raw' | 'signal'> {
  /** The operation and all that it would be done with, for the question: an approval is bound to it. */
  readonly described: Json
}

/** A decision about one request. */
export interface Decided {
  readonly question: Question
  readonly decision: Decision
  /** What a denial is answered with, where the caller may not know that there is anything to be denied. */
  readonly hide?: SallyportError
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

/** What is known of a request of which nobody knows whose it is. */
export type OpenCall = Pick<Call, 'tenant' | 'params'>

/** Returned by a handler that has answered on `raw` itself. */
export const streamed = Symbol('streamed')

/** An answer with a media type of its own. */
export class Bytes {
  readonly body: string | Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly status: number

  constructor(body: string | Uint8Array, headers: Readonly<Record<string, string>>, status = 200) {
    this.body = body
    this.headers = headers
    this.status = status
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

/** A route that asks for decisions. `read` gives its body its type. */
export function asking<B>(
  definition: Omit<Route, 'handle' | 'query' | 'ask' | 'read'> & {
    readonly read: (body: unknown) => B
    readonly ask: (call: Omit<Call, 'body'> & { readonly body: B }) => Asked | Promise<Asked>
  },
): Route {
  const handle = (): never => {
    throw new TypeError('this route only answers questions')
  }
  // The server reads the body with exactly this function before it calls ask.
  return { ...definition, handle } as unknown as Route
}
