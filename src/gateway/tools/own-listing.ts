import type { Json } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { UpstreamAnswer } from '../protocol.ts'
import { EventStreamReader } from './event-stream.ts'
import { isObject, type JsonObject } from './json-rpc.ts'
import { STATELESS_VERSION, VERSION_META } from './transport-headers.ts'

/**
 * All tools of a server as it shows them to Sallyport itself, in whatever revision it speaks. Throws `upstream_broken`
 * when it cannot be had, besides what `forward` throws.
 */
export async function listOwnTools(upstream: Upstream, ports: Pick<GatewayPorts, 'forward'>): Promise<readonly Json[]> {
  const stateless = await everyPage((params) =>
    call(upstream, ports, STATELESS_HEADERS, { method: 'tools/list', params: { ...params, _meta: STATELESS_META } }),
  )
  if (stateless !== undefined) return stateless
  const session = await begin(upstream, ports)
  try {
    const tools = await everyPage((params) => call(upstream, ports, session, { method: 'tools/list', params }))
    if (tools !== undefined) return tools
  } finally {
    await end(upstream, ports, session)
  }
  throw new GatewayError('upstream_broken', `the server \`${upstream.id}\` does not show its tools`)
}

const CLIENT = { name: 'sallyport', version: '1' }
// Everything that a client could be able to: some servers show certain tools only to who can answer their questions.
const CAPABILITIES = { roots: { listChanged: true }, sampling: {}, elicitation: {} }
const SESSION_VERSION = '2025-11-25'
const STATELESS_HEADERS = { 'mcp-protocol-version': STATELESS_VERSION, 'mcp-method': 'tools/list' }
const STATELESS_META = {
  [VERSION_META]: STATELESS_VERSION,
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
}
const MAX_PAGES = 100
const MAX_TOOLS = 10_000
const MAX_BYTES = 16 * 1024 * 1024

type Ask = (params: JsonObject) => Promise<Json | undefined>

/** `undefined` when the first page is not to be had. */
async function everyPage(ask: Ask): Promise<readonly Json[] | undefined> {
  const tools: Json[] = []
  let cursor: Json | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await ask(cursor === undefined ? {} : { cursor })
    if (!isObject(result) || !Array.isArray(result.tools)) {
      if (page === 0) return undefined
      throw new GatewayError('upstream_broken', 'a listing of tools broke off')
    }
    tools.push(...result.tools)
    if (result.nextCursor === undefined || result.nextCursor === null) return tools
    if (result.nextCursor === cursor || tools.length > MAX_TOOLS) break
    cursor = result.nextCursor
  }
  throw new GatewayError('upstream_broken', 'a listing of tools has no end')
}

type Headers = Readonly<Record<string, string>>

async function begin(upstream: Upstream, ports: Pick<GatewayPorts, 'forward'>): Promise<Headers> {
  const params = { protocolVersion: SESSION_VERSION, capabilities: CAPABILITIES, clientInfo: CLIENT }
  const answer = await post(upstream, ports, {}, { id: 'sallyport', method: 'initialize', params })
  const id = answer.headers['mcp-session-id']
  const result = await resultOf(answer)
  const version =
    isObject(result) && typeof result.protocolVersion === 'string' ? result.protocolVersion : SESSION_VERSION
  const session = { 'mcp-protocol-version': version, ...(typeof id === 'string' ? { 'mcp-session-id': id } : {}) }
  const noted = await post(upstream, ports, session, { method: 'notifications/initialized' })
  noted.discard()
  return session
}

async function end(upstream: Upstream, ports: Pick<GatewayPorts, 'forward'>, session: Headers): Promise<void> {
  if (session['mcp-session-id'] === undefined) return
  // Whether the server minds that we leave does not matter any more.
  const answer = await ports.forward({ upstream, method: 'DELETE', path: '', headers: session }).catch(() => undefined)
  answer?.discard()
}

/** The result, or `undefined` for an error of whatever kind. */
async function call(
  upstream: Upstream,
  ports: Pick<GatewayPorts, 'forward'>,
  headers: Headers,
  message: { readonly method: string; readonly params: JsonObject },
): Promise<Json | undefined> {
  return resultOf(await post(upstream, ports, headers, { id: 'sallyport', ...message }))
}

function post(
  upstream: Upstream,
  ports: Pick<GatewayPorts, 'forward'>,
  headers: Headers,
  message: JsonObject,
): Promise<UpstreamAnswer> {
  return ports.forward({
    upstream,
    method: 'POST',
    path: '',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

async function resultOf(answer: UpstreamAnswer): Promise<Json | undefined> {
  if (answer.status !== 200) {
    answer.discard()
    return undefined
  }
  if (!String(answer.headers['content-type'] ?? '').startsWith('text/event-stream')) {
    return resultIn(Buffer.from(await answer.whole(MAX_BYTES)).toString('utf8'))
  }
  const reader = new EventStreamReader(MAX_BYTES)
  let result: Json | undefined
  // The answer ends the stream; a server that goes on is left.
  await answer
    .each((chunk) => {
      for (const event of reader.push(chunk)) result ??= event === 'comment' ? undefined : resultIn(event.data)
      if (result !== undefined) throw new Answered()
    })
    .catch((error: unknown) => {
      if (!(error instanceof Answered)) throw error
    })
  return result
}

class Answered extends Error {}

function resultIn(text: string): Json | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return isObject(message) && message.id === 'sallyport' ? message.result : undefined
  } catch {
    return undefined
  }
}
