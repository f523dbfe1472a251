import { createHash, createPublicKey } from 'node:crypto'
import { errorText } from '../kernel/index.ts'

/** The public half of a key pair, reduced to the members that we know. */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP' | 'RSA'
  readonly [member: string]: string
}

/** A registered key and its name, the RFC 7638 thumbprint. */
export interface RegisteredKey {
  readonly thumbprint: string
  readonly jwk: PublicJwk
}

/** Members that only a private or a secret key has (RFC 7518 §6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const

/** By key type: curves (or `undefined` where there are none), the members that make the thumbprint, in its order. */
const KINDS = {
  EC: { curves: ['P-256'], members: ['crv', 'kty', 'x', 'y'] },
  OKP: { curves: ['Ed25519'], members: ['crv', 'kty', 'x'] },
  RSA: { curves: undefined, members: ['e', 'kty', 'n'] },
} as const

const OPTIONAL = ['kid', 'alg', 'use'] as const

/**
 * Takes a public JWK (RFC 7517) that can verify a signature: P-256, Ed25519, or RSA of 2048 to 8192 bits. Anything
 * else, above all a private key, gives the reason why not.
 */
export function parsePublicJwk(value: unknown): RegisteredKey | { readonly problem: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'not a JSON web key' }
  const given = new Map<string, unknown>(Object.entries(value))
  if (PRIVATE.some((member) => given.has(member))) return { problem: 'a private key; register only its public half' }
  const kty = given.get('kty')
  if (kty !== 'EC' && kty !== 'OKP' && kty !== 'RSA') return { problem: 'key type must be EC, OKP or RSA' }
  const { curves, members } = KINDS[kty]
  if (curves !== undefined && !curves.some((curve) => curve === given.get('crv'))) {
    return { problem: `curve must be ${curves.join(' or ')}` }
  }
  const use = given.get('use')
  if (use !== undefined && use !== 'sig') return { problem: 'not a key for signatures' }

  const jwk: Record<string, string> = {}
  for (const member of [...members, ...OPTIONAL]) {
    const text = given.get(member)
    if (typeof text === 'string' && text.length <= 2048) jwk[member] = text
    else if (text !== undefined) return { problem: `member \`${member}\` is not a string` }
  }
  const problem = problemOf(jwk)
  if (problem !== undefined) return { problem }
  const required = JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]])))
  return { thumbprint: createHash('sha256').update(required).digest('base64url'), jwk: { ...jwk, kty } }
}

function problemOf(jwk: Readonly<Record<string, string>>): string | undefined {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    return bits !== undefined && (bits < 2048 || bits > 8192) ? 'RSA keys have 2048 to 8192 bits' : undefined
  } catch (error) {
    return `not a valid key (${errorText(error).toLowerCase()})`
  }
}
