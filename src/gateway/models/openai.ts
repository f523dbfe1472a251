import { type Decision, mayGoOn } from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import type { Model } from '../catalog/index.ts'
import { denialData } from '../denial-data.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Denial, Failure, GatewayRequest, HttpAnswer, Inspection, Protocol } from '../protocol.ts'
import { retryAfterHeader, retryAfterOf } from '../retry-after.ts'
import { denialText } from './denial-text.ts'
import { completionEstimate, embeddingEstimate } from './estimate.ts'
import { type ListTools, learnTools } from './known-tools.ts'
import {
  checkMessages,
  describing,
  endpointUnknown,
  inspectUnknown,
  modelNamed,
  modelQuestion,
  modelServed,
  parseBody,
  planFor,
  planHidden,
  type RequestBody,
  upstreamHeaders,
  using,
  writeBody,
} from './model-request.ts'
import { nameOf, observation, type Said, textsOf, toolSource } from './observation.ts'
import { OPENAI_REASONING, readOpenAiAnswer, SUSPICIOUS_ANSWER } from './openai-answer.ts'
import { OpenAiStream } from './openai-stream.ts'
import { type Dialect, relay } from './relay.ts'
import { isObject, objectsIn } from './untrusted-json.ts'

/** What a request is for. */
export type OpenAiTarget =
  | { readonly kind: 'invoke'; readonly path: string; readonly name: string; readonly body: RequestBody }
  | { readonly kind: 'models'; readonly models: readonly Model[] }
  | { readonly kind: 'model'; readonly name: string }

export interface OpenAiKept {
  readonly observe: () => void
  /** Whether the usage in a stream is only there because Sallyport asked for it. */
  readonly hideUsage: boolean
}

/** The protocol of OpenAI, as far as it is about chat completions, embeddings and the list of models. */
export function openAiProtocol(listTools: ListTools): Protocol<OpenAiTarget, OpenAiKept> {
  return {
    gate: 'models',
    audienceOf: () => '/gw/openai',
    resolve(_, request, ports) {
      const { method, path } = request
      if (method === 'POST' && (path === CHAT || path === EMBEDDINGS)) {
        const body = parseBody(request)
        return { kind: 'invoke', path: path.slice('/v1'.length), name: modelNamed(body), body }
      }
      if (method === 'GET' && path === MODELS) return { kind: 'models', models: servedModels(ports) }
      if (method === 'GET' && path.startsWith(`${MODELS}/`)) {
        return { kind: 'model', name: decodePath(path.slice(MODELS.length + 1)) }
      }
      throw endpointUnknown(request)
    },
    inspectRequest(ctx, target, request, ports) {
      if (target.kind === 'models') return inspectList(target.models)
      if (target.kind === 'model') return inspectModel(ctx, target.name, ports)
      return inspectInvocation(ctx, target, request, listTools, ports)
    },
    respond: (exchange, answer, sink) => relay(exchange, answer, sink, dialectFor(exchange.kept)),
    denied,
    failed,
    failedInStream: (failure) => errorEvent(failed(failure).body),
  }
}

const CHAT = '/v1/chat/completions'
const EMBEDDINGS = '/v1/embeddings'
const MODELS = '/v1/models'
const PASSED = ['accept', 'idempotency-key', 'openai-beta', 'tracestate'] as const

const NOTHING_KEPT: OpenAiKept = { observe: () => undefined, hideUsage: false }

function servedModels(ports: GatewayPorts): readonly Model[] {
  return ports.catalog.models().filter((model) => model.upstream.kind === 'openai')
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function inspectInvocation(
  ctx: Context,
  { name, body, path }: OpenAiTarget & { kind: 'invoke' },
  request: GatewayRequest,
  listTools: ListTools,
  ports: GatewayPorts,
): Promise<Inspection<OpenAiKept>> {
  const model = modelServed(name, 'openai', ports)
  if (model === undefined) return inspectUnknown(ctx, name, 'model:invoke', NOTHING_KEPT, ports)
  if (request.path === CHAT) checkChat(body)
  if (Array.isArray(body.tools) || Array.isArray(body.functions)) await learnTools(ctx, listTools, ports)
  const kept = request.path === CHAT ? prepareChat(ctx, body, ports) : NOTHING_KEPT
  const estimate = request.path === CHAT ? completionEstimate(body) : embeddingEstimate(body)
  body.model = model.upstreamModel
  const headers = upstreamHeaders(ctx, request, PASSED)
  const described = describing(path, headers, body)
  return {
    questions: [{ ...modelQuestion('model:invoke', name), ...using(model, estimate), described }],
    kept,
    proceed: ([decision]) =>
      planFor(ctx, name, decision, ports, () => ({
        upstream: model.upstream,
        method: 'POST',
        path,
        headers,
        body: writeBody(body),
      })),
  }
}

function checkChat(body: RequestBody): void {
  checkMessages(body, ROLES)
  checkTools(body)
}

/** Takes note of the messages, and asks for the usage of a stream. */
function prepareChat(ctx: Context, body: RequestBody, ports: GatewayPorts): OpenAiKept {
  const observe = observation(ctx, () => saidIn(objectsIn(body.messages), ports), ports)
  if (body.stream !== true) return { observe, hideUsage: false }
  const options = isObject(body.stream_options) ? body.stream_options : {}
  if (options.include_usage === true) return { observe, hideUsage: false }
  body.stream_options = { ...options, include_usage: true }
  return { observe, hideUsage: true }
}

/** A tool that the upstream runs by itself would act without having been decided. */
function checkTools(body: RequestBody): void {
  const isDecided = (tool: Json) => isObject(tool) && (tool.type === 'function' || tool.type === 'custom')
  const { tools } = body
  const isFine = tools === undefined || tools === null || (Array.isArray(tools) && tools.every(isDecided))
  if (!isFine || (body.web_search_options !== undefined && body.web_search_options !== null)) {
    throw new GatewayError('body_invalid', 'tools that the upstream runs by itself cannot be decided')
  }
}

const ROLES: Readonly<Record<string, 'user' | 'system' | 'model' | 'tool'>> = {
  user: 'user',
  system: 'system',
  developer: 'system',
  assistant: 'model',
  tool: 'tool',
  function: 'tool',
}

function saidIn(messages: readonly { readonly [name: string]: Json }[], ports: GatewayPorts): readonly Said[] {
  const called = new Map<string, string>()
  return messages.flatMap((message) => {
    for (const call of objectsIn(message.tool_calls)) {
      const name = nameOf(call.function) ?? nameOf(call.custom)
      if (typeof call.id === 'string' && name !== undefined) called.set(call.id, name)
    }
    const kind = ROLES[String(message.role)]
    const text = textsOf(message.content)
    if (kind === undefined || text.length === 0) return []
    if (kind !== 'tool') return [{ source: { kind }, text }]
    const name = typeof message.tool_call_id === 'string' ? called.get(message.tool_call_id) : nameOf(message)
    return [{ source: toolSource(name, ports), text }]
  })
}

function inspectList(models: readonly Model[]): Inspection<OpenAiKept> {
  const [first, ...rest] = models.map(({ id }) => modelQuestion('model:list', id))
  return {
    questions: [first ?? NO_MODELS, ...rest],
    kept: NOTHING_KEPT,
    proceed: (decisions) => {
      const shown = models.filter((_, index) => isShown(decisions[index]))
      return { kind: 'answer', answer: () => json(200, { object: 'list', data: shown.map(describe) }) }
    },
  }
}

const NO_MODELS = {
  action: 'model:list',
  resource: { type: 'Model', id: '*' },
  undecidable: 'there are no models',
} as const

function inspectModel(ctx: Context, name: string, ports: GatewayPorts): Inspection<OpenAiKept> {
  const model = modelServed(name, 'openai', ports)
  if (model === undefined) return inspectUnknown(ctx, name, 'model:list', NOTHING_KEPT, ports)
  return {
    questions: [modelQuestion('model:list', name)],
    kept: NOTHING_KEPT,
    proceed: ([decision]) =>
      isShown(decision)
        ? { kind: 'answer', answer: () => json(200, describe(model)) }
        : planHidden(ctx, name, 'model:list', decision, ports),
  }
}

function isShown(decision: Decision | undefined): boolean {
  return decision !== undefined && mayGoOn(decision)
}

function describe(model: Model) {
  return { id: model.id, object: 'model', created: 0, owned_by: 'sallyport' }
}

function dialectFor(kept: OpenAiKept): Dialect<OpenAiTarget> {
  return {
    suspicious: SUSPICIOUS_ANSWER,
    read: readOpenAiAnswer,
    reasoning: OPENAI_REASONING,
    openStream: () => new OpenAiStream(kept.hideUsage),
    denied,
    errorEvent,
    upstreamError: ({ error }) => ({ error: error ?? { message: 'the upstream failed', type: 'server_error' } }),
  }
}

function denied(denial: Denial): HttpAnswer {
  const wait = retryAfterOf(denial.decision)
  const [status, type, code] =
    wait === undefined ? [403, 'permission_error', 'denied'] : [429, 'rate_limit_error', 'rate_limit_exceeded']
  const body = {
    error: {
      message: denialText(denial),
      type,
      code,
      param: null,
      sallyport: denialData(denial),
    },
  }
  return json(status, body, retryAfterHeader(wait))
}

function failed({ error, status, txn, record }: Failure): HttpAnswer {
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
  const code = error.code === 'model_unknown' ? 'model_not_found' : error.code
  const param = error.code === 'model_unknown' ? 'model' : null
  return json(status, { error: { message: error.publicMessage, type, code, param, sallyport: { txn, record } } })
}

const TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error' }

function errorEvent(body: string): string {
  return `data: ${body}\n\n`
}

function json(status: number, body: object, more: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...more }, body: JSON.stringify(body) }
}
