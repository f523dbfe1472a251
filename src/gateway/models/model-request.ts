import type { Decision } from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import type { Model, UpstreamKind } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked, GatewayRequest, Plan, UpstreamRequest } from '../protocol.ts'

/** The body of a request, ours to change: it was parsed here, and what goes up is written from it. */
export type RequestBody = Record<string, Json>

/**
 * Parses the body. Where a key stands twice the last one counts, for the decision and for the upstream alike, because the
 * upstream gets what was parsed and not what was sent. Throws `body_not_json`, `body_invalid`.
 */
export function parseBody(request: GatewayRequest): RequestBody {
  let value: unknown
  try {
    value = JSON.parse(request.body.toString('utf8'))
  } catch {
    throw new GatewayError('body_not_json', 'the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GatewayError('body_invalid', 'the body is not a JSON object')
  }
  return value as RequestBody // JSON.parse gives an object of JSON values
}

/** What goes up. Throws `body_invalid` for what is nested too deeply to be written. */
export function writeBody(body: RequestBody): string {
  try {
    return JSON.stringify(body)
  } catch (cause) {
    throw new GatewayError('body_invalid', 'the body is nested too deeply', { cause })
  }
}

/** The model that is meant. Throws `model_unknown`, in the same words as for one that the caller may not know. */
export function findModel(name: unknown, kind: UpstreamKind, ports: GatewayPorts): Model {
  if (typeof name !== 'string' || name === '') throw new GatewayError('body_invalid', 'the body names no `model`')
  const model = ports.catalog.model(name)
  if (model === undefined || model.upstream.kind !== kind) throw unknownModel(name)
  return model
}

export function unknownModel(name: string): GatewayError {
  const shown = name.slice(0, 200)
  return new GatewayError('model_unknown', `the model \`${shown}\` does not exist or you may not use it`, {
    about: { action: 'model:invoke', resource: { type: 'Model', id: shown } },
  })
}

export function modelQuestion(action: 'model:invoke' | 'model:list', model: Model): Asked {
  return { action, resource: { type: 'Model', id: model.id } }
}

/** Forwards where the model may be invoked; where it may not, says so only to those who may see that it is there. */
export function planInvocation(
  ctx: Context,
  model: Model,
  decision: Decision | undefined,
  request: UpstreamRequest,
  ports: GatewayPorts,
): Plan {
  if (decision === undefined) throw new TypeError('a question was not decided')
  if (decision.decision === 'allow') return { kind: 'forward', request }
  const question = modelQuestion('model:invoke', model)
  const maySee = ports.access.decide(ctx, modelQuestion('model:list', model)).decision === 'allow'
  return maySee ? { kind: 'deny', decision, question } : { kind: 'hide', decision, error: unknownModel(model.id) }
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
    if (typeof value === 'string') headers[name] = value
  }
  // W3C Trace Context §3.2: the caller's own position in the trace where it sent one, else the root.
  headers.traceparent = parentOf(request.headers.traceparent, ctx.trace)
  return headers
}

function parentOf(header: unknown, trace: string): string {
  const isTheirs = typeof header === 'string' && header.startsWith(`00-${trace}-`)
  return isTheirs ? header : `00-${trace}-${trace.slice(16)}-01`
}

export function endpointUnknown(request: GatewayRequest): GatewayError {
  return new GatewayError('endpoint_unknown', `\`${request.method} ${request.path.slice(0, 200)}\` is not served here`)
}
