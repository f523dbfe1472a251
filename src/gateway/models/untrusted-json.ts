import type { Json } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { parseStrictJson } from '../json-text.ts'

export type JsonObject = { readonly [name: string]: Json }

/** JSON that an upstream sent. Throws `upstream_broken` for what is none, or what two readers could read differently. */
export function parseUpstreamJson(text: string): JsonObject {
  try {
    const value = parseStrictJson(Buffer.from(text))
    if (isObject(value)) return value
  } catch (cause) {
    throw broken('the upstream sent something that is not JSON', cause)
  }
  throw broken('the upstream sent something that is not a JSON object')
}

/** JSON in which, however it is read, there is nothing to decide. Throws `upstream_broken` for what is none. */
export function parseHarmlessJson(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch (cause) {
    throw broken('the upstream sent something that is not JSON', cause)
  }
  throw broken('the upstream sent something that is not a JSON object')
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectsIn(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** A piece of the name or the arguments of a tool call, empty where there is none. Throws `upstream_broken`. */
export function pieceIn(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw broken('the upstream sent a tool call whose parts are no text')
  return value
}

export function broken(message: string, cause?: unknown): GatewayError {
  return new GatewayError('upstream_broken', message, { cause })
}

/**
 * Calls `visit` with every key, in lower case, and its value, wherever it stands. Some clients do not mind the case of
 * keys, nor that an `s` is a long one.
 */
export function eachMember(value: Json, visit: (key: string, value: Json, holder: JsonObject) => void): void {
  const open: Json[] = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === null || typeof next !== 'object') continue
    if (Array.isArray(next)) {
      // One by one: a call takes only so many arguments.
      for (const item of next) open.push(item)
      continue
    }
    const holder = next as JsonObject // an object that is no array
    for (const [key, member] of Object.entries(holder)) {
      visit(key.normalize('NFKC').toLowerCase(), member, holder)
      open.push(member)
    }
  }
}
