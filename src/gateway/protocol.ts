import type { IncomingHttpHeaders } from 'node:http'
import type { CallFacts, Decision, Question } from '../access/index.ts'
import type { Context, Json, SallyportError, Txn } from '../kernel/index.ts'
import type { Upstream } from './catalog/index.ts'
import type { ArgumentOrigins, GatewayPorts } from './ports.ts'

/**
 * What a kind of upstream knows that the pipeline does not: what a request asks for, how answers and errors look. `Target` is what `resolve` found; `Kept` is what `inspectRequest` keeps for
 * `respond`. Whatever these functions throw as a `SallyportError` refuses the request: it is recorded and answered with
 * `failed`.
 */
export interface Protocol<Target = unknown, Kept = unknown> {
  /** Which of the gates it is, for what is enforced there. */
  readonly gate: 'models' | 'tools'
  /**
   * What a token must be for to be good here (RFC 8707), as the path below the tenant's URL: `/gw/openai`,
   * `/gw/mcp/SERVER`.
   */
  audienceOf(path: string): string
  /** Which upstream and which resource are meant. Throws `GatewayError` for what does not exist or is not understood. */
  resolve(ctx: Context, request: GatewayRequest, ports: GatewayPorts): Target | Promise<Target>
  inspectRequest(
    ctx: Context,
    target: Target,
    request: GatewayRequest,
    ports: GatewayPorts,
  ): Inspection<Kept> | Promise<Inspection<Kept>>
  /**
   * Inspects the upstream's answer while it goes to the client. It starts and ends the sink itself. Rejects with what
   * `answer` rejects with; the pipeline then tells the client and records it.
   */
  respond(exchange: Exchange<Target, Kept>, answer: UpstreamAnswer, sink: Sink): Promise<Outcome>
  /** A denial in the client's own protocol. */
  denied(denial: Denial<Target, Kept>): HttpAnswer
  /** An error in the client's own protocol, before anything was answered. */
  failed(failure: Failure<Target>): HttpAnswer
  /** The same for an event stream that has already begun: the text of its last event. */
  failedInStream(failure: Failure<Target>): string
}

/** A request as it comes in, its body not yet read. */
export interface Arrival extends Omit<GatewayRequest, 'body'> {
  /** W3C trace id. */
  readonly trace: string
  /** What the caller gives as its reasons, for the record. */
  readonly reasoning?: string | undefined
  /** The IP address at the other end of the connection. */
  readonly address?: string | undefined
  /** Reads the body, once. Rejects with `body_too_large`, or with `client_gone` where it never ends. */
  body(): Promise<Buffer>
}

/** A request below its mount point, its body read and within the limit. */
export interface GatewayRequest {
  readonly method: string
  /** What follows `/t/TENANT/gw/PROTOCOL`, as it was sent: with a slash first, percent-encoded, without the query. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A question to the decision point, and what else the record says of it. */
export interface Asked extends Question {
  /** With the sources of the arguments where they are known, for the record. */
  readonly call?: ArgumentOrigins | CallFacts | 'unknown'
  /** Denied without asking, because it cannot be decided: why, in words for the caller. */
  readonly undecidable?: string
  /** Only proposed to a client, which reads it as it likes: where denials are observed, so is this. */
  readonly isOnlyProposed?: true
}

/** What a request asks for, before anything is decided. */
export interface Inspection<Kept = unknown> {
  /** One record holds the answers to all of them. */
  readonly questions: readonly [Asked, ...Asked[]]
  /** What the request gives as its reasons, where it carries them inside. */
  readonly reasoning?: string | undefined
  /** For the decision record, beside the decisions: digests, counts, the method. Never arguments or text. */
  readonly detail?: { readonly [name: string]: Json }
  readonly kept: Kept
  /** What is done when the questions are answered, in their order. */
  proceed(decisions: readonly Decision[]): Plan
}

export type Plan =
  | { readonly kind: 'forward'; readonly request: UpstreamRequest }
  /** Sallyport answers by itself: a listing from the catalogue, a batch of which nothing is left to forward. */
  | { readonly kind: 'answer'; readonly answer: (reference: Reference) => HttpAnswer }
  /** The request as a whole is denied, because of `decision`. */
  | { readonly kind: 'deny'; readonly decision: Decision; readonly question: Asked }
  /** Denied, but the caller may not know that the resource exists: recorded as a denial, answered as `error`. */
  | { readonly kind: 'hide'; readonly decision: Decision; readonly error: SallyportError }

export interface UpstreamRequest {
  readonly upstream: Upstream
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Appended to the upstream's URL; begins with a slash, may carry a query; empty for the URL itself. */
  readonly path: string
  /** Everything that goes up, except for the upstream's credential, which is added last. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** Milliseconds without a byte after which it is given up; 0 waits for ever. The upstream's own where it is absent. */
  readonly idleTimeout?: number
}

/** The head of an upstream's answer, and its body to be read once. */
export interface UpstreamAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /**
   * Hands over the body piece by piece. While a returned promise is pending the upstream is paused; what `onChunk`
   * throws cancels the upstream and comes out here. Rejects with `GatewayError`: `client_gone`, `cut`,
   * `upstream_broken` (it broke off), `upstream_timeout`.
   */
  each(onChunk: (chunk: Buffer) => void | Promise<void>): Promise<void>
  /** The whole body. Rejects like `each`, and with `upstream_broken` beyond `limit` bytes. */
  whole(limit: number): Promise<Buffer>
  /** Reads no further and lets the upstream go. */
  discard(): void
}

/** The way back to the client. */
export interface Sink {
  readonly started: boolean
  /** Sends status and headers; those that Sallyport puts on every answer are added. */
  start(status: number, headers: Readonly<Record<string, string>>): void
  /** `undefined`: go on. A promise: the client is slow, wait for it (it resolves too when the client has gone). */
  write(chunk: Uint8Array | string): Promise<void> | undefined
  end(chunk?: Uint8Array | string): void
  /** Breaks off, so that the client sees that something is missing. */
  destroy(): void
  /** `listener` runs once, when the client hangs up before the end. */
  onGone(listener: () => void): void
}

/** The sink, as the pipeline has it. */
export interface ClientSink extends Sink {
  /** The status that was sent. */
  readonly status: number | undefined
  /** Whether what was started is a stream of server-sent events, so that an error can be told in it. */
  readonly isEventStream: boolean
  /** Names the request in the headers of its answer. */
  mark(txn: Txn, record: number | undefined): void
}

/** What a client gets from Sallyport itself. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How a caller, an operator and an auditor find a request again. `record` is absent where nothing was recorded. */
export interface Reference {
  readonly txn: Txn | undefined
  readonly record: number | undefined
}

/** A denial for the client. Policy ids, titles and the remedy may be shown; facts may not. */
export interface Denial<Target = unknown, Kept = unknown> extends Reference {
  readonly question: Asked
  readonly decision: Decision
  readonly target: Target
  readonly kept: Kept
}

/** An error for the client. */
export interface Failure<Target = unknown> extends Reference {
  readonly error: SallyportError
  /** The HTTP status it has. */
  readonly status: number
  /** Absent where the request did not get as far. */
  readonly target: Target | undefined
}

/** One request between its decision and its end. */
export interface Exchange<Target = unknown, Kept = unknown> {
  readonly ctx: Context
  readonly request: GatewayRequest
  readonly target: Target
  readonly kept: Kept
  /** In the order of the questions. */
  readonly decisions: readonly Decision[]
  /** Index of the decision record. */
  readonly record: number
  readonly ports: GatewayPorts
  /**
   * Decides what only the answer shows (tool calls of a model, requests of a server, a listing) and records it, in one
   * more decision record. Resolves when that is durable: only then may anything of it reach the client. Rejects when
   * it cannot be recorded.
   */
  decide(questions: readonly Asked[], about?: AboutDecision): Promise<Ruling>
  /** So many output tokens have come at least; counts where nobody says how many it were. */
  produced(tokens: number): void
}

/** For the record of a decision that an answer made necessary. */
export interface AboutDecision {
  readonly detail?: { readonly [name: string]: Json }
  /** What the answer gave as its reasons, in place of the caller's. */
  readonly reasoning?: string
}

/** Decisions, in the order of the questions, and the index of the record that holds them. */
export interface Ruling {
  readonly decisions: readonly Decision[]
  readonly record: number
}

export type OutcomeStatus =
  /** The client has the whole answer. */
  | 'ok'
  /** The upstream answered with an error, which the client has. */
  | 'upstream_error'
  /** The upstream did not answer, or broke off. */
  | 'upstream_failed'
  | 'upstream_timeout'
  /** Something in the answer was denied. */
  | 'denied'
  /** The client hung up. */
  | 'cancelled'
  /** Sallyport broke it off, because somebody in the chain was suspended. */
  | 'cut'
  | 'failed'

/** How a forwarded request ended. */
export interface Outcome {
  readonly status: OutcomeStatus
  /** What the client got. */
  readonly httpStatus?: number
  readonly usage?: Usage
  /** What the model gave as its reasons, where no decision on its answer has it on record. */
  readonly reasoning?: string
  /** For the outcome record: counts, digests of a filtered listing. */
  readonly detail?: { readonly [name: string]: Json }
}

/** Tokens, as the upstream counted them. */
export interface Usage {
  readonly prompt: number
  readonly completion: number
}
