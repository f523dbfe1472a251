import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** The one text of a JSON value (RFC 8785, JCS). Throws a `TypeError` for what JSON cannot hold. */
export function canonicalJson(value: Json): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('value has no JSON form')
  return text
}

/** SHA-256 of the canonical text, base64url. */
export function digestJson(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('base64url')
}
