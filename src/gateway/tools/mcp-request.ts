import { mayGoOn } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import { conversationOf, type GatewayPorts } from '../ports.ts'
import type { Asked, GatewayRequest, Inspection, Plan, UpstreamRequest } from '../protocol.ts'
import type { Addressee } from './answers.ts'
import { checkArgumentNames } from './argument-names.ts'
import { reasoningApart } from './call-reasoning.ts'
import { findTool, onlyAccepted } from './call-tool.ts'
import {
  isObject,
  type JsonObject,
  parseClientMessage,
  type RpcMessage,
  requestIdOf,
  writeMessage,
} from './json-rpc.ts'
import { type McpSession, type McpState, ownerOf } from './mcp-state.ts'
import { type AskedAll, argumentsOf, questionsFor, serverQuestion, textOf, toolQuestionIfAccepted } from './methods.ts'
import { refuse, unknownServer } from './refusal.ts'
import type { ToolListings } from './tool-listings.ts'
import {
  checkArgumentHeaders,
  checkHeaders,
  checkOrigin,
  type Generation,
  headerOf,
  SESSION_VERSIONS,
  STATELESS_VERSION,
  upstreamHeaders,
} from './transport-headers.ts'

/** Which server is meant, and to whom to answer. */
export interface McpTarget extends Addressee {
  readonly server: string
  /** Absent where there is no such server. */
  readonly upstream: Upstream | undefined
}

/** What the answer is inspected with. */
export interface McpKept {
  readonly upstream: Upstream
  readonly state: McpState
  readonly listings: ToolListings
  readonly generation: Generation
  /** Of a request or notification. */
  readonly method: string | undefined
  readonly session: McpSession | undefined
  readonly owner: string
  /** Within which the answers to a server's questions, and the ids of events, have a meaning. */
  readonly scope: string
  /** For whatever has to be sent to the server in the same matter. */
  readonly headers: Readonly<Record<string, string>>
}

export interface McpDeps {
  readonly ports: GatewayPorts
  readonly state: McpState
  readonly listings: ToolListings
}

/** Never throws: whatever goes wrong afterwards is answered to the id that was found here. */
export function resolveMcp(request: GatewayRequest, ports: Pick<GatewayPorts, 'catalog'>): McpTarget {
  const server = serverOf(request.path)
  const upstream = ports.catalog.upstream(server)
  const version = headerOf(request.headers, 'mcp-protocol-version')
  return {
    server,
    upstream: upstream?.kind === 'mcp' ? upstream : undefined,
    id: request.method === 'POST' ? requestIdOf(request.body) : null,
    generation: version === STATELESS_VERSION ? 'stateless' : 'sessions',
    version,
  }
}

/** The name of the server in a path below the mount point; empty where there is none. */
export function serverOf(path: string): string {
  return /^\/([A-Za-z0-9._-]{1,128})$/.exec(path)?.[1] ?? ''
}

export async function inspectMcp(
  ctx: Context,
  target: McpTarget,
  request: GatewayRequest,
  deps: McpDeps,
): Promise<Inspection<McpKept | undefined>> {
  checkOrigin(request.headers, deps.ports.publicUrl)
  if (target.upstream === undefined) return inspectUnknownServer(ctx, target, deps)
  switch (request.method) {
    case 'POST':
      return inspectMessage(ctx, target.upstream, request, deps)
    case 'GET':
    case 'DELETE':
      return inspectStream(ctx, target.upstream, request, request.method, deps)
    default:
      throw new GatewayError('method_not_allowed', 'only POST, GET and DELETE are understood here')
  }
}

/** Goes the same way as a server that this caller may not know of, so that nobody can tell the two apart. */
function inspectUnknownServer(ctx: Context, { server }: McpTarget, { ports }: McpDeps): Inspection<undefined> {
  const connect = serverQuestion('toolserver:connect', server)
  const question: Asked = {
    ...connect,
    entities: [{ uid: connect.resource, attrs: { trusted: false }, parents: [] }],
  }
  return {
    questions: [question],
    kept: undefined,
    proceed: ([decision]) => {
      if (decision === undefined) throw new TypeError('a question was not decided')
      return mayGoOn(decision)
        ? { kind: 'hide', decision, error: unknownServer(server) }
        : refuse(ctx, server, { question, decision }, ports.access)
    },
  }
}

async function inspectMessage(
  ctx: Context,
  upstream: Upstream,
  request: GatewayRequest,
  deps: McpDeps,
): Promise<Inspection<McpKept>> {
  if (!/^application\/json *(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new GatewayError('body_not_json', 'the body must be `application/json`')
  }
  const { message: sent, reasoning } = reasoningApart(parseClientMessage(request.body))
  const generation = checkHeaders(request.headers, sent)
  const kept = keep(ctx, upstream, request, generation, sent, deps)
  const message = withoutUnaskedInput(sent, kept)
  const post: UpstreamRequest = {
    upstream,
    method: 'POST',
    path: '',
    headers: { ...kept.headers, 'content-type': 'application/json' },
    // Not what came, but what was read: nobody behind us can read anything else.
    body: writeMessage(message),
    ...(kept.method === 'subscriptions/listen' ? { idleTimeout: 0 } : {}),
  }
  if (message.kind === 'result' || message.kind === 'error') {
    return inspectClientAnswer(ctx, message, generation, kept, post, deps)
  }
  const inspection =
    message.method === 'tools/call' && message.kind === 'request'
      ? await inspectToolCall(ctx, message, request, kept, post, deps)
      : inspectCall(ctx, message, kept, post, deps)
  return { ...inspection, reasoning }
}

type Called = Extract<RpcMessage, { kind: 'request' | 'notification' }>

function inspectCall(
  ctx: Context,
  message: Called,
  kept: McpKept,
  post: UpstreamRequest,
  deps: McpDeps,
): Inspection<McpKept> {
  const questions = questionsAbout(ctx, message, undefined, kept, deps)
  return {
    questions,
    detail: { method: message.method.slice(0, 80) },
    kept,
    proceed: (decisions) => allOrRefuse(ctx, questions, decisions, post, deps),
  }
}

async function inspectToolCall(
  ctx: Context,
  message: Called,
  request: GatewayRequest,
  kept: McpKept,
  post: UpstreamRequest,
  deps: McpDeps,
): Promise<Inspection<McpKept>> {
  const { upstream } = kept
  const name = textOf(message.params, 'name')
  const tool = await findTool(ctx, upstream, name, deps.ports, deps.listings)
  if (tool?.status === 'accepted') {
    checkArgumentNames(tool, argumentsOf(message.params))
    checkArgumentHeaders(request.headers, tool.definition, argumentsOf(message.params))
  }
  const mayKnow =
    tool?.status === 'accepted' || deps.ports.access.couldAllow(ctx, toolQuestionIfAccepted(upstream, name))
  const questions = questionsAbout(ctx, message, mayKnow ? tool : undefined, kept, deps)
  return {
    questions,
    detail: { method: message.method },
    kept,
    proceed: (decisions) => {
      const plan = allOrRefuse(ctx, questions, decisions, post, deps)
      return onlyAccepted(ctx, plan, { questions, decisions, name }, upstream, tool, deps.ports.access)
    },
  }
}

function questionsAbout(
  ctx: Context,
  { method, params }: Called,
  tool: Parameters<typeof questionsFor>[0]['tool'],
  kept: McpKept,
  { ports }: McpDeps,
): AskedAll {
  const [first, ...more] = questionsFor({
    upstream: kept.upstream,
    generation: kept.generation,
    method,
    params,
    tool,
    originsOf: (args) => ports.origin.originsOf(conversationOf(ctx), args),
  })
  const actions = new Set(
    Object.keys(inputOf(params)).map((key) => kept.state.expectedAnswer(kept.owner, kept.scope, key) ?? ''),
  )
  return [first, ...more, ...[...actions].map((action) => serverQuestion(action, kept.upstream.id))]
}

/** 2026-07-28: what a client sends along are answers to the server's questions. */
function inputOf(params: JsonObject): JsonObject {
  return isObject(params.inputResponses) ? params.inputResponses : {}
}

/** Answers to questions that were not let through do not go up; the server asks again, and that is decided. */
function withoutUnaskedInput<Message extends RpcMessage>(message: Message, { state, owner, scope }: McpKept): Message {
  if ((message.kind !== 'request' && message.kind !== 'notification') || message.params.inputResponses === undefined) {
    return message
  }
  const given = Object.entries(inputOf(message.params))
  const inputResponses = Object.fromEntries(
    given.filter(([key]) => state.expectedAnswer(owner, scope, key) !== undefined),
  )
  return { ...message, params: { ...message.params, inputResponses } }
}

/** A client's answer to what the server has asked it. */
function inspectClientAnswer(
  ctx: Context,
  message: Extract<RpcMessage, { kind: 'result' | 'error' }>,
  generation: Generation,
  kept: McpKept,
  post: UpstreamRequest,
  deps: McpDeps,
): Inspection<McpKept> {
  const { id } = message
  const action =
    id === null || generation === 'stateless' ? undefined : deps.state.expectedAnswer(kept.owner, kept.scope, id)
  if (action === undefined || id === null) {
    throw new GatewayError('body_invalid', 'no request of the server waits for this answer')
  }
  const questions: AskedAll = [serverQuestion(action, kept.upstream.id)]
  return {
    questions,
    detail: { method: 'answer' },
    kept,
    proceed: (decisions) => {
      deps.state.forgetAnswer(kept.owner, kept.scope, id)
      return allOrRefuse(ctx, questions, decisions, post, deps)
    },
  }
}

/** GET opens a stream of what the server says by itself, or goes on with one; DELETE ends the session. */
function inspectStream(
  ctx: Context,
  upstream: Upstream,
  request: GatewayRequest,
  method: 'GET' | 'DELETE',
  deps: McpDeps,
): Inspection<McpKept> {
  const version = headerOf(request.headers, 'mcp-protocol-version')
  if (version !== undefined && !SESSION_VERSIONS.includes(version)) {
    throw new GatewayError(
      'method_not_allowed',
      `${method} is not part of the protocol version \`${version.slice(0, 40)}\``,
    )
  }
  const kept = keep(ctx, upstream, request, 'sessions', undefined, deps)
  if (method === 'DELETE' && kept.session === undefined) throw noSession()
  const questions: AskedAll = [serverQuestion('toolserver:connect', upstream.id)]
  return {
    questions,
    detail: { method },
    kept,
    proceed: (decisions) =>
      allOrRefuse(
        ctx,
        questions,
        decisions,
        { upstream, method, path: '', headers: kept.headers, idleTimeout: 0 },
        deps,
      ),
  }
}

function keep(
  ctx: Context,
  upstream: Upstream,
  { headers }: GatewayRequest,
  generation: Generation,
  message: RpcMessage | undefined,
  { state, listings }: McpDeps,
): McpKept {
  const owner = ownerOf(ctx)
  const method = message?.kind === 'request' || message?.kind === 'notification' ? message.method : undefined
  const named = generation === 'stateless' || method === 'initialize' ? undefined : headerOf(headers, 'mcp-session-id')
  const session = named === undefined ? undefined : state.session(named, owner, upstream.id)
  if (named !== undefined && session === undefined) throw noSession()
  const scope = session?.id ?? `${owner} ${upstream.id}`
  const last = message === undefined ? headerOf(headers, 'last-event-id') : undefined
  const lastEventId = last === undefined ? undefined : state.openEventId(scope, last)
  if (last !== undefined && lastEventId === undefined) throw noSession()
  return {
    upstream,
    state,
    listings,
    generation,
    method,
    session,
    owner,
    scope,
    headers: upstreamHeaders(ctx, headers, session?.upstreamId, lastEventId),
  }
}

/** The same for a session that has ended, one of somebody else, and one that never was. */
function noSession(): GatewayError {
  return new GatewayError('session_unknown', 'no such session')
}

function allOrRefuse(
  ctx: Context,
  questions: AskedAll,
  decisions: Parameters<Inspection['proceed']>[0],
  request: UpstreamRequest,
  { ports }: McpDeps,
): Plan {
  for (const [index, question] of questions.entries()) {
    const decision = decisions[index]
    // INVARIANT: every question has its answer.
    if (decision === undefined) throw new TypeError('a question was not decided')
    if (!mayGoOn(decision)) return refuse(ctx, request.upstream.id, { question, decision }, ports.access)
  }
  return { kind: 'forward', request }
}
