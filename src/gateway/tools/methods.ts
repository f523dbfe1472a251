import type { Question } from '../../access/index.ts'
import { digestJson, type Json } from '../../kernel/index.ts'
import { type ToolEntry, toolEntityId, type Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import type { ArgumentOrigins } from '../ports.ts'
import type { Asked } from '../protocol.ts'
import { isObject, type JsonObject } from './json-rpc.ts'
import type { Generation } from './transport-headers.ts'

/** A request or notification of a client, as far as it has to be known to ask about it. */
export interface McpCall {
  readonly upstream: Upstream
  readonly generation: Generation
  readonly method: string
  readonly params: JsonObject
  /** For `tools/call`: the tool, where it is known and this caller may know of it. */
  readonly tool: ToolEntry | undefined
  readonly originsOf: (args: Json) => ArgumentOrigins
}

/** One or more questions; all of them have to be allowed. */
export type AskedAll = readonly [Asked, ...Asked[]]

/**
 * What a client asks for with each method: the default mappings of COAZ-MCP in our own vocabulary. Whatever is not in
 * the table is denied, so that a method of a later revision stays out until somebody has thought about it. Throws
 * `arguments_invalid` where a parameter that is needed to decide is missing.
 *
 * Two things differ from COAZ-MCP on purpose: `ping` and notifications are decided like `initialize`, because whoever may
 * not connect has no business with the server at all; and `x-authzen-mapping`, by which a server declares its own mapping
 * for a tool, is not followed: it stays part of the pinned definition.
 */
export function questionsFor(call: McpCall): AskedAll {
  if (call.method.startsWith('notifications/')) return connect(call)
  const isGone = call.generation === 'stateless' && WITH_SESSIONS_ONLY.has(call.method)
  const ask = !isGone && Object.hasOwn(METHODS, call.method) ? METHODS[call.method] : undefined
  return ask === undefined ? unknownMethod(call) : ask(call)
}

/** Whether a denial means that the gateway does not know the method. */
export function isUnknownMethod(asked: Asked): boolean {
  return asked.undecidable !== undefined
}

function unknownMethod({ upstream, method }: McpCall): AskedAll {
  const name = method.slice(0, 80)
  return [
    {
      action: name,
      resource: { type: 'ToolServer', id: upstream.id },
      undecidable: `the method \`${name}\` is not one that may be used here`,
    },
  ]
}

const onServer =
  (action: string) =>
  ({ upstream }: Pick<McpCall, 'upstream'>): AskedAll => [serverQuestion(action, upstream.id)]

const connect = onServer('toolserver:connect')

const METHODS: Readonly<Record<string, (call: McpCall) => AskedAll>> = {
  initialize: connect,
  'server/discover': connect,
  ping: connect,
  'tools/list': connect,
  'tools/call': callTool,
  'resources/list': onServer('document:list'),
  'resources/templates/list': onServer('document:list'),
  'resources/read': useDocument,
  'resources/subscribe': useDocument,
  'resources/unsubscribe': useDocument,
  'prompts/list': onServer('prompt:list'),
  'prompts/get': ({ upstream, params, originsOf }) =>
    withArguments(promptQuestion(upstream, textOf(params, 'name')), argumentsOf(params), originsOf),
  'completion/complete': complete,
  'logging/setLevel': onServer('toolserver:log'),
  'subscriptions/listen': listen,
}

// The revision 2026-07-28 has no more of these.
const WITH_SESSIONS_ONLY: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

function callTool({ upstream, params, tool, originsOf }: McpCall): AskedAll {
  const name = textOf(params, 'name')
  const besides = besidesArguments(params)
  const question = toolQuestion(upstream, name, tool)
  const described = besides === undefined ? question : { ...question, described: besides }
  return withArguments(described, argumentsOf(params), originsOf)
}

/**
 * Whatever else of a call reaches the server and could change what it does: answers to its questions, the state that it
 * had handed out, members of `_meta` that are not the protocol's own. Those differ with every attempt at the same call.
 */
function besidesArguments({ name: _, arguments: __, _meta: meta, ...others }: JsonObject): JsonObject | undefined {
  const own = isObject(meta) ? Object.entries(meta).filter(([key]) => !isOfProtocol(key)) : []
  const besides = own.length === 0 ? others : { ...others, _meta: Object.fromEntries(own) }
  return Object.keys(besides).length === 0 ? undefined : besides
}

// W3C Trace Context, and what MCP reserves for itself
function isOfProtocol(key: string): boolean {
  return /^(?:progressToken|traceparent|tracestate|baggage|io\.modelcontextprotocol\/.*)$/.test(key)
}

function useDocument({ upstream, params }: McpCall): AskedAll {
  return [documentQuestion(upstream, textOf(params, 'uri'))]
}

/** Completions show what values a prompt's argument or a template's variable can have. */
function complete({ upstream, params, originsOf }: McpCall): AskedAll {
  const ref = isObject(params.ref) ? params.ref : {}
  if (ref.type === 'ref/resource') return [documentQuestion(upstream, textOf(ref, 'uri'))]
  if (ref.type !== 'ref/prompt') throw new GatewayError('arguments_invalid', 'the parameter `ref` is not a reference')
  const argument = isObject(params.argument) ? params.argument : {}
  const others = isObject(params.context) && isObject(params.context.arguments) ? params.context.arguments : {}
  const args = typeof argument.name === 'string' ? { ...others, [argument.name]: argument.value ?? null } : others
  return withArguments(promptQuestion(upstream, textOf(ref, 'name')), args, originsOf)
}

/** Whoever wants to hear of changes to single resources asks to read each of them. */
function listen({ upstream, params }: McpCall): AskedAll {
  const wanted = isObject(params.notifications) ? params.notifications.resourceSubscriptions : undefined
  const uris = Array.isArray(wanted) ? wanted : []
  if (uris.length > 200 || !uris.every((uri) => typeof uri === 'string')) {
    throw new GatewayError(
      'arguments_invalid',
      'the parameter `resourceSubscriptions` is not a list of at most 200 uris',
    )
  }
  return [serverQuestion('toolserver:connect', upstream.id), ...uris.map((uri) => documentQuestion(upstream, uri))]
}

function withArguments(question: Question, args: JsonObject, originsOf: McpCall['originsOf']): AskedAll {
  return [{ ...question, call: originsOf(args), argumentsDigest: digestOf(args) }]
}

function digestOf(args: JsonObject): string {
  try {
    return digestJson(args)
  } catch {
    throw new GatewayError('arguments_invalid', 'the arguments have no canonical form')
  }
}

export function serverQuestion(action: string, server: string): Question {
  return { action, resource: { type: 'ToolServer', id: server } }
}

/** About calling a tool as the catalogue has it; `undefined` is one that it does not have. */
export function toolQuestion(upstream: Upstream, name: string, tool: ToolEntry | undefined): Question {
  return tool === undefined
    ? toolQuestionIfAccepted(upstream, name)
    : { action: 'tool:call', resource: { type: 'Tool', id: toolEntityId(upstream.id, name) } }
}

/** About calling the tool if somebody had accepted its definition: that tool exists for this question only. */
export function toolQuestionIfAccepted(upstream: Upstream, name: string): Question {
  const uid = { type: 'Tool', id: toolEntityId(upstream.id, name) }
  const guarded = Object.hasOwn(upstream.tools, name) ? (upstream.tools[name]?.guarded ?? []) : []
  const attrs = { name, status: 'accepted', guarded: [...guarded] }
  const entities = [{ uid, attrs, parents: [{ type: 'ToolServer', id: upstream.id }] }]
  return { action: 'tool:call', resource: uid, call: 'unknown', entities }
}

/** About reading a resource, or a template of resources. Throws `arguments_invalid` for a URI with a second spelling. */
export function documentQuestion(upstream: Upstream, uri: string): Question {
  if (!isCanonicalUri(uri)) {
    throw new GatewayError('arguments_invalid', `the uri \`${uri.slice(0, 200)}\` is not in its canonical form`)
  }
  return about('document:read', 'Document', upstream, uri)
}

export function promptQuestion(upstream: Upstream, name: string): Question {
  return about('prompt:get', 'Prompt', upstream, name)
}

/** Nobody keeps a list of these: the entity exists for this question. */
function about(action: string, type: string, upstream: Upstream, name: string): Question {
  const uid = { type, id: toolEntityId(upstream.id, name) }
  return {
    action,
    resource: uid,
    entities: [{ uid, attrs: {}, parents: [{ type: 'ToolServer', id: upstream.id }] }],
  }
}

/**
 * Whether a server would not take another spelling for the same resource: a policy names one of them. Refused are `..`,
 * upper case in scheme or host, and what is percent-encoded without need.
 */
export function isCanonicalUri(uri: string): boolean {
  if (uri === '' || uri.length > 4096 || /%(?:2[defDEF]|5[cfCF]|7[eE]|3\d|[46][1-9a-fA-F]|[57][0-9aA])/.test(uri))
    return false
  if (/[\\\s]|(?:^|\/)\.{1,2}(?:\/|$)/.test(uri)) return false
  // A template's variables are not yet a URI.
  const url = URL.parse(uri.replace(/[{}]/g, '_'))
  return url === null || [url.href, url.href.replace(/\/$/, '')].includes(uri.replace(/[{}]/g, '_'))
}

export function textOf(params: JsonObject, name: string): string {
  const value = params[name]
  if (typeof value !== 'string' || value === '') {
    throw new GatewayError('arguments_invalid', `the parameter \`${name}\` is missing`)
  }
  // It is recorded: whoever may call nothing must not fill the log with it.
  if (value.length > LONGEST_NAME) throw new GatewayError('arguments_invalid', `the parameter \`${name}\` is too long`)
  return value
}

const LONGEST_NAME = 4096

export function argumentsOf(params: JsonObject): JsonObject {
  const args = params.arguments ?? {}
  if (!isObject(args)) throw new GatewayError('arguments_invalid', 'the parameter `arguments` is not an object')
  return args
}
