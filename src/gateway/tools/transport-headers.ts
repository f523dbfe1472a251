import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Context, Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { isObject, type JsonObject, type RpcMessage } from './json-rpc.ts'

/** `sessions`: 2025-11-25 and before. `stateless`: 2026-07-28, where every request says everything. */
export type Generation = 'sessions' | 'stateless'

export const STATELESS_VERSION = '2026-07-28'
export const SESSION_VERSIONS: readonly string[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
export const SUPPORTED_VERSIONS: readonly string[] = [STATELESS_VERSION, ...SESSION_VERSIONS]
export const VERSION_META = 'io.modelcontextprotocol/protocolVersion'

/**
 * Which generation of the protocol a message belongs to. Throws `headers_invalid` when the headers say something else
 * than the body (MCP 2026-07-28, Streamable HTTP, "Server Validation"), `version_unsupported` for versions that nobody
 * here knows. Headers that a revision does not ask for must still be true when they are there: somebody behind us may
 * go by them.
 */
export function checkHeaders(headers: IncomingHttpHeaders, message: RpcMessage): Generation {
  const version = headerOf(headers, 'mcp-protocol-version')
  const stated = message.kind === 'request' || message.kind === 'notification' ? versionOf(message.params) : undefined
  const generation: Generation = version === STATELESS_VERSION || stated !== undefined ? 'stateless' : 'sessions'
  if (generation === 'stateless' && message.kind === 'request') {
    // What the body lacks is its own fault, not that of the headers.
    if (stated === undefined) throw new GatewayError('arguments_invalid', `\`_meta\` lacks \`${VERSION_META}\``)
    if (version !== stated) throw mismatch('MCP-Protocol-Version', version, stated)
  }
  for (const each of [version, stated]) {
    if (each !== undefined && !SUPPORTED_VERSIONS.includes(each)) {
      throw new GatewayError('version_unsupported', `the protocol version \`${each.slice(0, 40)}\` is not supported`)
    }
  }
  checkMirrored(headers, message, generation)
  return generation
}

/**
 * Checks the headers into which a tool's definition mirrors arguments (`x-mcp-header`). What the definition does not
 * name goes on as it is: an intermediary that does not recognize such a header ignores it.
 */
export function checkArgumentHeaders(headers: IncomingHttpHeaders, definition: Json, args: JsonObject): void {
  for (const { header, path } of mirroredArguments(definition)) {
    const sent = decodeValue(headerOf(headers, `mcp-param-${header.toLowerCase()}`))
    const value = path.reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), args)
    const expected = value === undefined || value === null ? undefined : value
    const isSame =
      typeof expected === 'number' && sent !== undefined ? Number(sent) === expected : sent === expected?.toString()
    if (!isSame) throw mismatch(`Mcp-Param-${header}`, sent, expected?.toString())
  }
}

/** What goes up of the client's headers, and nothing else. */
export function upstreamHeaders(
  ctx: Context,
  headers: IncomingHttpHeaders,
  session: string | undefined,
  lastEventId?: string,
): Readonly<Record<string, string>> {
  const passed: Record<string, string> = {
    accept: 'application/json, text/event-stream',
    traceparent: `00-${ctx.trace}-${randomBytes(8).toString('hex')}-01`,
  }
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !(PASSED.has(name) || name.startsWith('mcp-param-'))) continue
    // MCP 2026-07-28, value encoding: anything else is base64.
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw new GatewayError('headers_invalid', `the header ${name} is not ASCII`)
    passed[name] = value
  }
  if (session !== undefined) passed['mcp-session-id'] = session
  if (lastEventId !== undefined) passed['last-event-id'] = lastEventId
  return passed
}

const PASSED: ReadonlySet<string> = new Set(['mcp-protocol-version', 'mcp-method', 'mcp-name', 'tracestate'])

/** RFC 6454; MCP: "Servers MUST validate the Origin header". Browsers only ever come from our own pages. */
export function checkOrigin(headers: IncomingHttpHeaders, publicUrl: string): void {
  if (headers.origin !== undefined && headers.origin !== new URL(publicUrl).origin) {
    throw new GatewayError('origin_refused', 'requests from other web sites are not accepted')
  }
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

function versionOf(params: JsonObject): string | undefined {
  const version = isObject(params._meta) ? params._meta[VERSION_META] : undefined
  if (version !== undefined && typeof version !== 'string') {
    throw new GatewayError('body_invalid', `\`${VERSION_META}\` is not a text`)
  }
  return version
}

function checkMirrored(headers: IncomingHttpHeaders, message: RpcMessage, generation: Generation): void {
  const sentMethod = headerOf(headers, 'mcp-method')
  const sentName = decodeValue(headerOf(headers, 'mcp-name'))
  const method = message.kind === 'request' || message.kind === 'notification' ? message.method : undefined
  const isDue = generation === 'stateless' && message.kind === 'request'
  if (sentMethod === undefined ? isDue : sentMethod !== method) throw mismatch('Mcp-Method', sentMethod, method)
  const name = nameOf(message)
  if (sentName === undefined ? isDue && name !== undefined : sentName !== name)
    throw mismatch('Mcp-Name', sentName, name)
}

const NAMED: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

function nameOf(message: RpcMessage): string | undefined {
  if (message.kind !== 'request' || !Object.hasOwn(NAMED, message.method)) return undefined
  const value = message.params[NAMED[message.method] ?? 'name']
  return typeof value === 'string' ? value : undefined
}

/** The base64 form is for what a header cannot hold as it is. */
function decodeValue(value: string | undefined): string | undefined {
  const encoded = value === undefined ? undefined : /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1]
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8')
}

function mismatch(header: string, sent: string | undefined, expected: string | undefined): GatewayError {
  const shown = (text: string | undefined) => (text === undefined ? 'nothing' : `\`${text.slice(0, 80)}\``)
  return new GatewayError(
    'headers_invalid',
    `the header ${header} says ${shown(sent)} where the body says ${shown(expected)}`,
  )
}

interface Mirrored {
  readonly header: string
  readonly path: readonly string[]
}

/** Only what is reached through `properties` alone can be mirrored. */
function mirroredArguments(definition: Json): readonly Mirrored[] {
  const found: Mirrored[] = []
  const visit = (schema: Json | undefined, path: readonly string[]): void => {
    if (!isObject(schema) || path.length > 32) return
    const header = schema['x-mcp-header']
    if (typeof header === 'string' && path.length > 0) found.push({ header, path })
    if (!isObject(schema.properties)) return
    for (const [name, property] of Object.entries(schema.properties)) visit(property, [...path, name])
  }
  visit(isObject(definition) ? definition.inputSchema : undefined, [])
  return found
}
