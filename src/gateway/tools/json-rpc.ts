import type { Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { hasTooManyMembers } from '../json-members.ts'
import { parseStrictJson } from '../json-text.ts'

export type JsonObject = { readonly [name: string]: Json }
export type RpcId = string | number

/** A JSON-RPC 2.0 message, by what it is. */
export type RpcMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'result'; readonly id: RpcId; readonly result: Json }
  | { readonly kind: 'error'; readonly id: RpcId | null; readonly error: JsonObject }

/** The codes that Sallyport answers with itself. */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  /** Also a COAZ-MCP mapping error. */
  invalidParams: -32602,
  /** Also: the decision point could not be asked (COAZ-MCP). */
  internalError: -32603,
  /** COAZ-MCP: an authorization denial. */
  denied: -32001,
  /** MCP 2026-07-28: the headers do not match the body. */
  headerMismatch: -32020,
  unsupportedVersion: -32022,
} as const

/**
 * The one message in a client's body. Throws `body_not_json` and `body_invalid`. Batches, which only the revision
 * 2025-03-26 had, are refused, and so is whatever else could be read in two ways: a member that JSON-RPC does not know,
 * or one that differs from one it knows only in its case, as some readers do not mind.
 */
export function parseClientMessage(body: Uint8Array): RpcMessage {
  if (hasTooManyMembers(body)) throw new GatewayError('body_invalid', 'the body holds too many members')
  const value = parseStrictJson(body)
  if (Array.isArray(value)) throw new GatewayError('body_invalid', 'batches are not part of this protocol')
  const message = isObject(value) ? readMessage(value) : undefined
  if (message === undefined) throw new GatewayError('body_invalid', 'not a JSON-RPC 2.0 message')
  if (message.kind === 'request' || message.kind === 'notification') checkParams(message.params)
  return message
}

/** A message as an object can hold it, or `undefined` for what is none. */
export function readMessage(value: JsonObject): RpcMessage | undefined {
  if (value.jsonrpc !== '2.0' || Object.keys(value).some((key) => !MEMBERS.has(key))) return undefined
  const { id, method, params, result, error } = value
  if (method !== undefined) {
    if (typeof method !== 'string' || result !== undefined || error !== undefined) return undefined
    if (params !== undefined && !isObject(params)) return undefined
    if (id === undefined) return { kind: 'notification', method, params: params ?? {} }
    return isRpcId(id) ? { kind: 'request', id, method, params: params ?? {} } : undefined
  }
  if (params !== undefined) return undefined
  if (result !== undefined) return isRpcId(id) && error === undefined ? { kind: 'result', id, result } : undefined
  if (!isObject(error) || (id !== undefined && id !== null && !isRpcId(id))) return undefined
  return { kind: 'error', id: id ?? null, error }
}

/** The message in its one form on the wire. */
export function writeMessage(message: RpcMessage): string {
  const { kind: _, ...members } = message
  // A request without parameters has none, rather than empty ones.
  const isBare = 'params' in members && Object.keys(members.params).length === 0
  return JSON.stringify({ jsonrpc: '2.0', ...members, ...(isBare ? { params: undefined } : {}) })
}

/** The id to answer to: of a request that could be read far enough, else `null`. */
export function requestIdOf(body: Uint8Array | undefined): RpcId | null {
  if (body === undefined || body.length === 0 || hasTooManyMembers(body)) return null
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return isObject(value) && isRpcId(value.id) ? value.id : null
  } catch {
    return null
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isRpcId(value: unknown): value is RpcId {
  return (typeof value === 'string' && value.length <= 256) || Number.isSafeInteger(value)
}

const MEMBERS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

// Parameters that Sallyport decides by, or that decide what an upstream does.
const PARAMETERS = [
  '_meta',
  'argument',
  'arguments',
  'capabilities',
  'context',
  'cursor',
  'inputResponses',
  'level',
  'name',
  'notifications',
  'protocolVersion',
  'ref',
  'requestState',
  'task',
  'uri',
]
const FOLDED: ReadonlyMap<string, string> = new Map(PARAMETERS.map((name) => [name.toLowerCase(), name]))

function checkParams(params: JsonObject): void {
  for (const name of Object.keys(params)) {
    const known = FOLDED.get(name.toLowerCase())
    if (known !== undefined && known !== name) {
      throw new GatewayError('body_invalid', `the parameter \`${name}\` is not \`${known}\``)
    }
  }
}
