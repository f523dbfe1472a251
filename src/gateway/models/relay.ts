import { mayGoOn } from '../../access/index.ts'
import { GatewayError } from '../errors.ts'
import type { Denial, Exchange, HttpAnswer, Outcome, Sink, UpstreamAnswer, Usage } from '../protocol.ts'
import { BYTES_PER_TOKEN } from './estimate.ts'
import { Denied, EventGate, type StreamInspector } from './event-gate.ts'
import type { AnswerContents } from './openai-answer.ts'
import { type ReasoningPlace, StreamedReasoning } from './streamed-reasoning.ts'
import { StreamedTokens } from './streamed-tokens.ts'
import { questionsOf, type ToolCall } from './tool-calls.ts'
import { isObject, type JsonObject, parseHarmlessJson, parseUpstreamJson } from './untrusted-json.ts'

/** What of an answer differs between the protocols of models. */
export interface Dialect<Target> {
  /** Matches whole answers that can hold a tool call. */
  readonly suspicious: RegExp
  read(answer: JsonObject): AnswerContents
  readonly reasoning: ReasoningPlace
  openStream(): StreamInspector & { readonly usage: Usage | undefined }
  denied(denial: Denial<Target>): HttpAnswer
  /** An error object as an event of a stream. */
  errorEvent(body: string): string
  /** The error of an upstream without anything but the error. */
  upstreamError(body: JsonObject): JsonObject
}

/** Bytes of an answer that does not stream, and of one that is an error. */
const LARGEST = 64 * 1024 * 1024
const LARGEST_ERROR = 1024 * 1024

const PASSED = [
  'content-type',
  'request-id',
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'openai-processing-ms',
  'openai-version',
] as const

/** Lets the answer of a model through to the client; tool calls in it wait until they are decided. */
export async function relay<Target>(
  exchange: Exchange<Target, { readonly observe: () => void }>,
  answer: UpstreamAnswer,
  sink: Sink,
  dialect: Dialect<Target>,
): Promise<Outcome> {
  if (answer.headers['content-encoding'] !== undefined) {
    answer.discard()
    throw new GatewayError('upstream_broken', 'the upstream sent a compressed answer')
  }
  if (answer.status < 200 || answer.status > 299) return relayError(answer, sink, dialect)
  const type = answer.headers['content-type']
  const isStream = typeof type === 'string' && type.startsWith('text/event-stream')
  return isStream ? relayStream(exchange, answer, sink, dialect) : relayWhole(exchange, answer, sink, dialect)
}

async function relayStream<Target>(
  exchange: Exchange<Target, { readonly observe: () => void }>,
  answer: UpstreamAnswer,
  sink: Sink,
  dialect: Dialect<Target>,
): Promise<Outcome> {
  const inspector = dialect.openStream()
  const reasoning = new StreamedReasoning(dialect.reasoning)
  let denial: Denial<Target> | undefined
  let isRecorded = false
  const gate = new EventGate(
    inspector,
    sink,
    async (calls) => {
      denial = await decideCalls(exchange, calls, reasoning.text)
      isRecorded = true
      return denial === undefined
    },
    (events) => reasoning.readAlong(events),
  )
  sink.start(answer.status, { ...headersOf(answer), 'cache-control': 'no-store' })
  const streamed = new StreamedTokens()
  try {
    await answer.each((chunk) => {
      streamed.add(chunk)
      return gate.push(chunk)
    })
    await gate.finish()
  } catch (error) {
    if (!(error instanceof Denied) || denial === undefined) throw error
    sink.end(dialect.errorEvent(dialect.denied(denial).body))
    return outcomeOf('denied', answer.status, inspector.usage)
  } finally {
    if (inspector.usage === undefined) exchange.produced(streamed.tokens)
  }
  sink.end()
  return outcomeOf('ok', answer.status, inspector.usage, isRecorded ? undefined : reasoning.text)
}

async function relayWhole<Target>(
  exchange: Exchange<Target, { readonly observe: () => void }>,
  answer: UpstreamAnswer,
  sink: Sink,
  dialect: Dialect<Target>,
): Promise<Outcome> {
  const bytes = await answer.whole(LARGEST)
  // What holds no tool call however it is read needs no strict reading.
  const text = bytes.toString('utf8')
  const contents = dialect.read(dialect.suspicious.test(text) ? parseUpstreamJson(text) : parseHarmlessJson(text))
  if (contents.usage === undefined) exchange.produced(Math.ceil(bytes.length / BYTES_PER_TOKEN))
  const denial =
    contents.calls.length === 0 ? undefined : await decideCalls(exchange, contents.calls, contents.reasoning)
  if (denial !== undefined) {
    const { status, headers, body } = dialect.denied(denial)
    sink.start(status, headers)
    sink.end(body)
    return outcomeOf('denied', status, contents.usage)
  }
  sink.start(answer.status, headersOf(answer))
  sink.end(bytes)
  return outcomeOf('ok', answer.status, contents.usage, contents.calls.length === 0 ? contents.reasoning : undefined)
}

/** Decides the calls together; where one is denied, none goes on. `reasoning` is what the model said before them. */
async function decideCalls<Target>(
  exchange: Exchange<Target, { readonly observe: () => void }>,
  calls: readonly ToolCall[],
  reasoning: string | undefined,
): Promise<Denial<Target> | undefined> {
  const { ctx, ports, target, kept } = exchange
  kept.observe()
  const questions = calls.flatMap((call) => questionsOf(ctx, call, ports))
  const { decisions, record } = await exchange.decide(questions, reasoning === undefined ? {} : { reasoning })
  const at = decisions.findIndex((decision) => !mayGoOn(decision))
  const question = questions[at]
  const decision = decisions[at]
  if (question === undefined || decision === undefined) return undefined
  return { txn: ctx.txn, record, question, decision, target, kept }
}

/** An error is for the caller, except for those that are about Sallyport's own credential or configuration. */
async function relayError<Target>(answer: UpstreamAnswer, sink: Sink, dialect: Dialect<Target>): Promise<Outcome> {
  const { status } = answer
  if (status === 401 || status === 403 || status < 400) {
    answer.discard()
    throw new GatewayError('upstream_broken', 'the upstream refused sallyport', { detail: `status ${status}` })
  }
  const error = dialect.upstreamError(parseLeniently(await answer.whole(LARGEST_ERROR)))
  sink.start(status, { ...headersOf(answer), 'content-type': 'application/json' })
  sink.end(JSON.stringify(error))
  return outcomeOf('upstream_error', status, undefined)
}

/** `reasoning`: where no decision on the answer has it on record. */
function outcomeOf(
  status: Outcome['status'],
  httpStatus: number,
  usage: Usage | undefined,
  reasoning?: string | undefined,
): Outcome {
  const known = usage === undefined ? { status, httpStatus } : { status, httpStatus, usage }
  return reasoning === undefined ? known : { ...known, reasoning }
}

function headersOf(answer: UpstreamAnswer): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of PASSED) {
    const value = answer.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

function parseLeniently(bytes: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}
