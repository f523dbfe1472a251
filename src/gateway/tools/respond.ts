import type { Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { conversationOf } from '../ports.ts'
import type { Exchange, Outcome, Sink, UpstreamAnswer } from '../protocol.ts'
import { EventStreamReader, type StreamEvent, writeEvent } from './event-stream.ts'
import { isObject, type JsonObject, RPC, type RpcMessage, readMessage, writeMessage } from './json-rpc.ts'
import { filterListing, LISTED } from './listings.ts'
import type { McpKept, McpTarget } from './mcp-request.ts'
import { observedText } from './observed-text.ts'
import { admitInputRequests, admitServerRequest } from './server-requests.ts'
import { SUPPORTED_VERSIONS } from './transport-headers.ts'

export type McpExchange = Exchange<McpTarget, McpKept>

/**
 * Hands a server's answer on, message by message. Nothing reaches the client that was not understood here: listings are
 * filtered, what the server asks of the client is decided, and every text is remembered with where it came from before
 * the client, or its model, can have read it.
 */
export async function respondMcp(exchange: McpExchange, answer: UpstreamAnswer, sink: Sink): Promise<Outcome> {
  checkStatus(exchange, answer)
  const notes: Notes = { asked: 0, denied: 0, failed: answer.status >= 400, detail: {} }
  const headers = headersFor(exchange, answer)
  const isStream = /^text\/event-stream\b/i.test(headerText(answer, 'content-type'))
  if (isStream && answer.status < 300) await handOnStream(exchange, answer, sink, headers, notes)
  else await handOnBody(exchange, answer, sink, headers, notes)
  const status = notes.denied > 0 && notes.replaced === true ? 'denied' : notes.failed ? 'upstream_error' : 'ok'
  const detail = { ...notes.detail, ...(notes.denied > 0 ? { denied: notes.denied } : {}) }
  return { status, httpStatus: answer.status, ...(Object.keys(detail).length > 0 ? { detail } : {}) }
}

/** What is noticed on the way, for the outcome. */
interface Notes {
  /** Requests of the server, and how many of them were not let through. */
  asked: number
  denied: number
  /** Whether the answer itself was replaced by a denial. */
  replaced?: boolean
  failed: boolean
  detail: Record<string, Json>
}

const MAX_BODY = 32 * 1024 * 1024
// In one answer or stream.
const MAX_ASKED = 100

function checkStatus({ kept, request }: McpExchange, answer: UpstreamAnswer): void {
  const { status } = answer
  if (kept.session !== undefined && (status === 404 || (request.method === 'DELETE' && status < 300))) {
    kept.state.closeSession(kept.owner, kept.session.id)
  }
  if (status === 401 || status === 407) {
    answer.discard()
    // A client that saw this would try to sign in there.
    throw new GatewayError('upstream_broken', 'the upstream refused the credential of sallyport')
  }
  if (status < 200 || (status >= 300 && status < 400)) {
    answer.discard()
    throw new GatewayError('upstream_broken', 'the upstream answered with a redirect')
  }
}

function headersFor({ kept }: McpExchange, answer: UpstreamAnswer): Record<string, string> {
  const headers: Record<string, string> = { 'cache-control': 'no-store' }
  const issued = headerText(answer, 'mcp-session-id')
  if (kept.method === 'initialize' && answer.status < 300 && /^[\x21-\x7e]{1,1024}$/.test(issued)) {
    headers['mcp-session-id'] = kept.state.openSession(kept.owner, kept.upstream.id, issued).id
  } else if (kept.session !== undefined) {
    headers['mcp-session-id'] = kept.session.id
  }
  const retryAfter = headerText(answer, 'retry-after')
  if (/^[\w ,:]{1,40}$/.test(retryAfter)) headers['retry-after'] = retryAfter
  return headers
}

function headerText({ headers }: UpstreamAnswer, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

async function handOnBody(
  exchange: McpExchange,
  answer: UpstreamAnswer,
  sink: Sink,
  headers: Record<string, string>,
  notes: Notes,
): Promise<void> {
  const body = await answer.whole(MAX_BODY)
  const message = body.length === 0 ? undefined : messageIn(body.toString('utf8'))
  if (message === undefined) {
    if (body.length > 0 && answer.status < 300) {
      throw new GatewayError('upstream_broken', 'the upstream answered with something that is no message')
    }
    // What is no message is not shown: nobody knows who would read it.
    sink.start(answer.status, headers)
    sink.end()
    return
  }
  const isAnswer = message.kind === 'result' || message.kind === 'error'
  if (!isAnswer || (message.id !== exchange.target.id && message.id !== null)) {
    throw new GatewayError('upstream_broken', 'the upstream did not answer the request')
  }
  const inspected = await inspectMessage(exchange, message, notes)
  if (inspected === undefined) throw new TypeError('an answer was left out')
  sink.start(answer.status, { ...headers, 'content-type': 'application/json' })
  sink.end(writeMessage(inspected))
}

async function handOnStream(
  exchange: McpExchange,
  answer: UpstreamAnswer,
  sink: Sink,
  headers: Record<string, string>,
  notes: Notes,
): Promise<void> {
  sink.start(answer.status, { ...headers, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  // Node holds the head back until something follows; a client waits for it to know that it listens.
  await sink.write(':\n\n')
  const reader = new EventStreamReader(MAX_BODY)
  await answer.each(async (chunk) => {
    for (const event of readEvents(reader, chunk)) {
      for (const text of await inspectEvent(exchange, event, notes)) await sink.write(text)
    }
  })
  sink.end()
}

function readEvents(reader: EventStreamReader, chunk: Uint8Array): readonly (StreamEvent | 'comment')[] {
  try {
    return reader.push(chunk)
  } catch (cause) {
    throw new GatewayError('upstream_broken', 'the upstream sent an event that is too large', { cause })
  }
}

/** What goes to the client for an event: nothing, or one event for each message in it. */
async function inspectEvent(
  exchange: McpExchange,
  event: StreamEvent | 'comment',
  notes: Notes,
): Promise<readonly string[]> {
  if (event === 'comment') return [':\n\n']
  const { state, scope } = exchange.kept
  const id = event.id === undefined ? undefined : state.sealEventId(scope, event.id)
  // An event without data only says where a stream can be resumed.
  if (event.data === '') return [writeEvent({ event: undefined, id, retry: event.retry, data: '' })]
  const texts: string[] = []
  for (const message of messagesIn(event.data)) {
    const inspected = message === undefined ? undefined : await inspectMessage(exchange, message, notes)
    if (inspected !== undefined) {
      texts.push(writeEvent({ event: 'message', id, retry: event.retry, data: writeMessage(inspected) }))
    } else if (message === undefined) {
      const error = new TypeError('not a message')
      exchange.ports.report({ what: 'an event of a tool server was left out', txn: exchange.ctx.txn, error })
    }
  }
  return texts
}

/** One message; or several, as the revision 2025-03-26 allowed. */
function messagesIn(data: string): readonly (RpcMessage | undefined)[] {
  const value = parse(data)
  return Array.isArray(value) ? value.map(messageOf) : [messageOf(value)]
}

function messageIn(text: string): RpcMessage | undefined {
  return messageOf(parse(text))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Members that JSON-RPC does not know are left out. */
function messageOf(value: unknown): RpcMessage | undefined {
  if (!isObject(value)) return undefined
  const { jsonrpc, id, method, params, result, error } = value
  const members = Object.entries({ jsonrpc, id, method, params, result, error })
  return readMessage(Object.fromEntries(members.filter(([, member]) => member !== undefined)) as JsonObject) // JSON values
}

/** The message as the client may see it, or `undefined` where it may not. */
async function inspectMessage(
  exchange: McpExchange,
  message: RpcMessage,
  notes: Notes,
): Promise<RpcMessage | undefined> {
  switch (message.kind) {
    case 'notification':
      observe(exchange, message.params)
      if (message.method === 'notifications/tools/list_changed') {
        exchange.kept.listings.markStale(exchange.ctx, exchange.kept.upstream)
      }
      return message
    case 'request':
      // Each of them is a record; a server does not get to fill the log.
      if (notes.asked++ >= MAX_ASKED)
        throw new GatewayError('upstream_broken', 'the upstream asks too much of its client')
      observe(exchange, message.params)
      if (await admitServerRequest(exchange, message)) return message
      notes.denied++
      return undefined
    case 'error':
      observe(exchange, message.error)
      notes.failed = true
      return message
    case 'result':
      return isObject(message.result) ? inspectResult(exchange, message.id, message.result, notes) : message
  }
}

async function inspectResult(
  exchange: McpExchange,
  id: string | number,
  received: JsonObject,
  notes: Notes,
): Promise<RpcMessage> {
  const { ctx, kept, ports } = exchange
  const result = withoutLookalikes(received)
  if (isObject(result.inputRequests) || result.resultType === 'input_required') {
    const requests = isObject(result.inputRequests) ? result.inputRequests : {}
    observe(exchange, requests)
    const { admitted, methods } = await admitInputRequests(exchange, requests)
    if (!admitted) {
      notes.denied++
      notes.replaced = true
      return { kind: 'error', id, error: deniedInput(exchange, methods) }
    }
  }
  if (Array.isArray(result.tools)) await kept.listings.pin(ctx, kept.upstream, result.tools, ports)
  const filtered = filterListing(ctx, kept.upstream, result, ports)
  if (filtered !== undefined) notes.detail = { ...notes.detail, ...filtered.detail }
  const { tools, ...unseen } = filtered?.result ?? result
  // Definitions of tools that are shown were read and accepted by somebody. Everything else is the server's own word.
  observe(exchange, tools === undefined || filtered !== undefined ? unseen : result)
  if (result.isError === true) notes.detail.isError = true
  return { kind: 'result', id, result: withoutUnserved(filtered?.result ?? result) }
}

/** Some clients do not mind the case of members: they would find tools in `Tools` that were not looked at here. */
function withoutLookalikes(result: JsonObject): JsonObject {
  const members = Object.entries(result)
  const isOne = (name: string) => !INSPECTED.has(name) && INSPECTED_FOLDED.has(fold(name))
  return members.some(([name]) => isOne(name)) ? Object.fromEntries(members.filter(([name]) => !isOne(name))) : result
}

const fold = (name: string): string => name.normalize('NFKC').toLowerCase()

// Members of results by which something is decided.
const INSPECTED: ReadonlySet<string> = new Set([
  ...LISTED,
  'inputRequests',
  'resultType',
  'capabilities',
  'supportedVersions',
])
const INSPECTED_FOLDED: ReadonlySet<string> = new Set([...INSPECTED].map(fold))

function deniedInput({ ctx, record, kept }: McpExchange, methods: readonly string[]): JsonObject {
  const what = methods.map((method) => `\`${method.slice(0, 80)}\``).join(', ')
  return {
    code: RPC.denied,
    message: `denied: the server \`${kept.upstream.id}\` may not ask its client for ${what}`,
    data: { txn: ctx.txn, record, policies: [], advice: [] },
  }
}

/** A server does not offer through Sallyport what Sallyport would deny: tasks, revisions that nobody here knows. */
function withoutUnserved(result: JsonObject): JsonObject {
  const served: Record<string, Json> = { ...result }
  if (isObject(result.capabilities)) {
    const { tasks: _, ...capabilities } = result.capabilities
    served.capabilities = capabilities
  }
  if (Array.isArray(result.supportedVersions)) {
    served.supportedVersions = result.supportedVersions.filter(
      (version) => typeof version === 'string' && SUPPORTED_VERSIONS.includes(version),
    )
  }
  return served
}

function observe({ ctx, kept, ports }: McpExchange, content: Json): void {
  const { parts, rest } = observedText(content)
  const source = { kind: 'tool', server: kept.upstream.id, trusted: kept.upstream.trusted } as const
  if (parts.length > 0) ports.origin.observe(conversationOf(ctx), source, parts)
  if (rest !== '') ports.origin.observe(conversationOf(ctx), source, rest)
}
