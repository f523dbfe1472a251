import { createHmac } from 'node:crypto'
import type { Amounts, Decision } from '../../access/index.ts'
import { isPermitted, mayGoOn } from '../../access/index.ts'
import { type Context, isAnonymous, type Json } from '../../kernel/index.ts'
import type { Model, UpstreamKind } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { hasTooManyMembers } from '../json-members.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked, GatewayRequest, Inspection, Plan, UpstreamRequest } from '../protocol.ts'
import { isObject } from './untrusted-json.ts'

/** The body of a request, ours to change: it was parsed here, and what goes up is written from it. */
export type RequestBody = Record<string, Json>

/**
 * Parses the body. Where a key stands twice the last one counts, for the decision and for the upstream alike, because the
 * upstream gets what was parsed and not what was sent. Throws `body_not_json`, and `body_invalid` also for parameters by
 * which an upstream could do something else than what is decided.
 */
export function parseBody(request: GatewayRequest): RequestBody {
  if (hasTooManyMembers(request.body)) throw new GatewayError('body_invalid', 'the body holds too many members')
  let value: unknown
  try {
    value = JSON.parse(request.body.toString('utf8'))
  } catch {
    throw new GatewayError('body_not_json', 'the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GatewayError('body_invalid', 'the body is not a JSON object')
  }
  const body = value as RequestBody // JSON.parse gives an object of JSON values
  for (const name of Object.keys(body)) checkParameter(name, body[name])
  return body
}

function checkParameter(name: string, value: Json | undefined): void {
  const folded = name.normalize('NFKC').toLowerCase()
  if (UNDECIDED.has(folded) && value !== null) {
    throw new GatewayError(
      'body_invalid',
      `with the parameter \`${folded}\` the upstream could do what was not decided`,
    )
  }
  // Some upstreams do not mind the case of keys, and the last one counts.
  if (DECIDING.has(folded) && folded !== name) {
    throw new GatewayError('body_invalid', `the parameter \`${name.slice(0, LONGEST_NAME)}\` is not \`${folded}\``)
  }
  const type = COUNTING.get(name)
  if (type !== undefined && value !== null && typeof value !== type) {
    throw new GatewayError('body_invalid', `the parameter \`${name}\` is no ${type}`)
  }
}

// Upstreams that are lenient would read `"8"` as a number, which nobody has reserved, and stream without saying how much.
const COUNTING: ReadonlyMap<string, 'boolean' | 'number'> = new Map([
  ['stream', 'boolean'],
  ['n', 'number'],
  ['max_tokens', 'number'],
  ['max_completion_tokens', 'number'],
])

// Parameters that were looked at for the decision.
const DECIDING: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'functions',
  'stream',
  'stream_options',
  'web_search_options',
  'mcp_servers',
  'container',
  'max_tokens',
  'max_completion_tokens',
  'n',
])
// OpenRouter, LiteLLM and xAI: other models to fall back to, other servers to turn to, tools that the upstream runs.
const UNDECIDED: ReadonlySet<string> = new Set([
  'models',
  'fallbacks',
  'api_base',
  'base_url',
  'custom_llm_provider',
  'plugins',
  'search_parameters',
])

/** What goes up. Throws `body_invalid` for what is nested too deeply to be written. */
export function writeBody(body: RequestBody): string {
  try {
    return JSON.stringify(body)
  } catch (cause) {
    throw new GatewayError('body_invalid', 'the body is nested too deeply', { cause })
  }
}

/** Throws `body_invalid` unless every message has one of the known roles. */
export function checkMessages({ messages }: RequestBody, roles: Readonly<Record<string, unknown>>): void {
  if (!Array.isArray(messages)) throw new GatewayError('body_invalid', '`messages` is no list')
  for (const message of messages) {
    if (!isObject(message) || typeof message.role !== 'string' || !Object.hasOwn(roles, message.role)) {
      throw new GatewayError('body_invalid', 'a message has no role that is known')
    }
  }
}

/** The name of the model that is meant. Throws `body_invalid`. */
export function modelNamed({ model }: RequestBody): string {
  if (typeof model === 'string' && model !== '') return model
  throw new GatewayError('body_invalid', 'the body names no `model`')
}

export function modelServed(name: string, kind: UpstreamKind, ports: GatewayPorts): Model | undefined {
  const model = ports.catalog.model(name)
  return model?.upstream.kind === kind ? model : undefined
}

type ModelAction = 'model:invoke' | 'model:list'

export function modelQuestion(action: ModelAction, name: string): Asked {
  return { action, resource: { type: 'Model', id: name.slice(0, LONGEST_NAME) } }
}

/**
 * Everything that goes up, for the question: whoever agrees to it agrees to this prompt, these tools and these
 * parameters, and not to whatever else the model could be asked.
 */
export function describing(path: string, headers: Readonly<Record<string, string>>, body: RequestBody): Json {
  const deciding = Object.entries(headers).filter(([name]) => !TRANSPORT.has(name))
  return { path, headers: Object.fromEntries(deciding), body }
}

// Another attempt at the same has others of these.
const TRANSPORT: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'user-agent',
])

/** What a question says for limits: what it will use, and what that costs. */
export function using({ price }: Model, amounts: Amounts): Pick<Asked, 'amounts' | 'price'> {
  return price === undefined ? { amounts } : { amounts, price }
}

const LONGEST_NAME = 200

/** Forwards where the model may be invoked; where it may not, says so only to those who may see that it is there. */
export function planFor(
  ctx: Context,
  name: string,
  decision: Decision | undefined,
  ports: GatewayPorts,
  request: () => UpstreamRequest,
): Plan {
  if (decision !== undefined && mayGoOn(decision)) return { kind: 'forward', request: request() }
  const canSee =
    (decision !== undefined && isPermitted(decision)) ||
    isPermitted(ports.access.decide(ctx, modelQuestion('model:list', name)))
  if (!canSee || decision === undefined) return planHidden(ctx, name, 'model:invoke', decision, ports)
  return { kind: 'deny', decision, question: modelQuestion('model:invoke', name) }
}

/** A request for a model that is not there: what is answered, and when, is what one gets who may not see a model. */
export function inspectUnknown<Kept>(
  ctx: Context,
  name: string,
  action: ModelAction,
  kept: Kept,
  ports: GatewayPorts,
): Inspection<Kept> {
  return {
    questions: [{ ...modelQuestion(action, name), undecidable: 'there is no such model' }],
    kept,
    proceed: ([decision]) => planHidden(ctx, name, action, decision, ports),
  }
}

/**
 * A denial that does not tell whether the model exists. Where some policy forbids whatever the model is (the caller is
 * suspended, the credential too narrow), that is what the caller hears.
 */
export function planHidden(
  ctx: Context,
  name: string,
  action: ModelAction,
  decision: Decision | undefined,
  ports: GatewayPorts,
): Plan {
  const anyModel = ports.access.decide(ctx, modelQuestion(action, ''))
  if (!mayGoOn(anyModel) && anyModel.reasons.length > 0 && anyModel.errors.length === 0) {
    return { kind: 'deny', decision: anyModel, question: modelQuestion(action, name) }
  }
  const error = new GatewayError(
    'model_unknown',
    `the model \`${name.slice(0, LONGEST_NAME)}\` does not exist or you may not use it`,
  )
  return { kind: 'hide', decision: decision ?? anyModel, error }
}

/** The headers of a request to a model that are the caller's to choose, and how they go up. */
export function upstreamHeaders(
  ctx: Context,
  request: GatewayRequest,
  passed: readonly string[],
): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'sallyport' }
  for (const name of passed) {
    const value = request.headers[name]
    if (name === IDEMPOTENCY && isAnonymous(ctx.caller)) continue
    if (typeof value === 'string') headers[name] = name === IDEMPOTENCY ? ownIdempotencyKey(ctx, value) : value
  }
  // W3C Trace Context §3.2: the caller's own position in the trace where it sent one, else the root.
  headers.traceparent = parentOf(request.headers.traceparent, ctx.trace)
  return headers
}

const IDEMPOTENCY = 'idempotency-key'

/** All callers share our credential upstream: with the same key, one would be answered with what another has got. */
function ownIdempotencyKey({ tenant, caller }: Context, key: string): string {
  const owner = JSON.stringify([tenant, ...caller.chain.map(({ id }) => id)])
  return createHmac('sha256', owner).update(key).digest('base64url')
}

function parentOf(header: unknown, trace: string): string {
  const isTheirs = typeof header === 'string' && header.startsWith(`00-${trace}-`)
  return isTheirs ? header : `00-${trace}-${trace.slice(16)}-01`
}

export function endpointUnknown(request: GatewayRequest): GatewayError {
  return new GatewayError('endpoint_unknown', `\`${request.method} ${request.path.slice(0, 200)}\` is not served here`)
}
