import type { Context, Json } from '../../kernel/index.ts'
import { denialData } from '../denial-data.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Denial, Failure, GatewayRequest, HttpAnswer, Inspection, Protocol } from '../protocol.ts'
import { retryAfterHeader, retryAfterOf } from '../retry-after.ts'
import { ANTHROPIC_REASONING, readAnthropicAnswer, SUSPICIOUS_MESSAGE } from './anthropic-answer.ts'
import { AnthropicStream } from './anthropic-stream.ts'
import { denialText } from './denial-text.ts'
import { completionEstimate, NO_TOKENS } from './estimate.ts'
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
  type RequestBody,
  upstreamHeaders,
  using,
  writeBody,
} from './model-request.ts'
import { nameOf, observation, type Said, textsOf, toolSource } from './observation.ts'
import { type Dialect, relay } from './relay.ts'
import { isObject, type JsonObject, objectsIn } from './untrusted-json.ts'

export interface AnthropicTarget {
  readonly path: string
  readonly name: string
  readonly body: RequestBody
}

export interface AnthropicKept {
  readonly observe: () => void
}

/** The protocol of Anthropic, as far as it is about messages and counting their tokens. */
export function anthropicProtocol(listTools: ListTools): Protocol<AnthropicTarget, AnthropicKept> {
  return {
    gate: 'models',
    audienceOf: () => '/gw/anthropic',
    resolve(_, request) {
      const { method, path } = request
      if (method !== 'POST' || (path !== MESSAGES && path !== COUNT)) throw endpointUnknown(request)
      const body = parseBody(request)
      return { path, name: modelNamed(body), body }
    },
    inspectRequest: (ctx, target, request, ports) => inspectRequest(ctx, target, request, listTools, ports),
    respond: (exchange, answer, sink) => relay(exchange, answer, sink, dialect),
    denied,
    failed,
    failedInStream: (failure) => errorEvent(failed(failure).body),
  }
}

const MESSAGES = '/v1/messages'
const COUNT = '/v1/messages/count_tokens'
const PASSED = ['accept', 'anthropic-version', 'anthropic-beta', 'idempotency-key', 'tracestate'] as const

async function inspectRequest(
  ctx: Context,
  { path, name, body }: AnthropicTarget,
  request: GatewayRequest,
  listTools: ListTools,
  ports: GatewayPorts,
): Promise<Inspection<AnthropicKept>> {
  const model = modelServed(name, 'anthropic', ports)
  if (model === undefined) return inspectUnknown(ctx, name, 'model:invoke', { observe: () => undefined }, ports)
  checkMessages(body, ROLES)
  checkTools(body)
  if (Array.isArray(body.tools)) await learnTools(ctx, listTools, ports)
  const kept = { observe: observation(ctx, () => saidIn(body, ports), ports) }
  const estimate = path === COUNT ? NO_TOKENS : completionEstimate(body)
  body.model = model.upstreamModel
  const upstreamPath = request.query === '?beta=true' ? `${path}?beta=true` : path
  const headers = upstreamHeaders(ctx, request, PASSED)
  const described = describing(upstreamPath, headers, body)
  return {
    questions: [{ ...modelQuestion('model:invoke', name), ...using(model, estimate), described }],
    kept,
    proceed: ([decision]) =>
      planFor(ctx, name, decision, ports, () => ({
        upstream: model.upstream,
        method: 'POST',
        path: upstreamPath,
        headers,
        body: writeBody(body),
      })),
  }
}

const ROLES: Readonly<Record<string, 'user' | 'system' | 'model'>> = {
  user: 'user',
  system: 'system',
  assistant: 'model',
}

// Tools that the model only asks for and the client runs; others act at the upstream without having been decided.
const RUN_BY_CLIENT = /^(?:custom|(?:bash|text_editor|computer|memory)_\d{8})$/

function checkTools({ tools, mcp_servers: servers, container }: RequestBody): void {
  const isEmpty = (value: Json | undefined) => value === undefined || value === null
  const isDecided = (tool: Json) =>
    isObject(tool) && (isEmpty(tool.type) || (typeof tool.type === 'string' && RUN_BY_CLIENT.test(tool.type)))
  const isFine = isEmpty(tools) || (Array.isArray(tools) && tools.every(isDecided))
  if (!isFine || !(isEmpty(servers) || (Array.isArray(servers) && servers.length === 0)) || !isEmpty(container)) {
    throw new GatewayError('body_invalid', 'tools that the upstream runs by itself cannot be decided')
  }
}

function saidIn(body: RequestBody, ports: GatewayPorts): readonly Said[] {
  const called = new Map<string, string>()
  const system: Said = { source: { kind: 'system' }, text: textsOf(body.system) }
  return [system, ...objectsIn(body.messages).flatMap((message) => saidInMessage(message, called, ports))].filter(
    ({ text }) => text.length > 0,
  )
}

/** A message of the user can hold results of tools, which are not the user's word. */
function saidInMessage(message: JsonObject, called: Map<string, string>, ports: GatewayPorts): readonly Said[] {
  const kind = ROLES[String(message.role)]
  if (kind === undefined) return []
  const { content } = message
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : objectsIn(content)
  return blocks.map((block: JsonObject) => {
    const { type, id, tool_use_id: use } = block
    const name = nameOf(block)
    if (type === 'tool_use' && typeof id === 'string' && name !== undefined) called.set(id, name)
    if (type === 'text') return { source: { kind }, text: textsOf([block]) }
    const tool = typeof use === 'string' ? called.get(use) : undefined
    // Documents, search results and whatever else somebody attached have authors of their own.
    return { source: toolSource(tool, ports), text: textsIn(block) }
  })
}

function textsIn(block: JsonObject): readonly string[] {
  const source = isObject(block.source) ? block.source : {}
  const document = typeof source.data === 'string' && source.type === 'text' ? [source.data] : textsOf(source.content)
  return [...textsOf([block]), ...document]
}

const dialect: Dialect<AnthropicTarget> = {
  suspicious: SUSPICIOUS_MESSAGE,
  read: readAnthropicAnswer,
  reasoning: ANTHROPIC_REASONING,
  openStream: () => new AnthropicStream(),
  denied,
  errorEvent,
  upstreamError: ({ error, request_id: id }) => ({
    type: 'error',
    error: error ?? { type: 'api_error', message: 'the upstream failed' },
    ...(id === undefined ? {} : { request_id: id }),
  }),
}

function denied(denial: Denial): HttpAnswer {
  const wait = retryAfterOf(denial.decision)
  const [status, type] = wait === undefined ? [403, 'permission_error'] : [429, 'rate_limit_error']
  const body = {
    type: 'error',
    error: { type, message: denialText(denial), sallyport: denialData(denial) },
    request_id: denial.txn ?? null,
  }
  return answer(status, body, retryAfterHeader(wait))
}

function failed({ error, status, txn, record }: Failure): HttpAnswer {
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
  return answer(status, {
    type: 'error',
    error: { type, message: error.publicMessage, sallyport: { code: error.code, txn, record } },
    request_id: txn ?? null,
  })
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  504: 'timeout_error',
}

function errorEvent(body: string): string {
  return `event: error\ndata: ${body}\n\n`
}

function answer(status: number, body: object, more: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...more }, body: JSON.stringify(body) }
}
