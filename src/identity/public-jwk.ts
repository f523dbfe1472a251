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

interface Kind {
  readonly curve: string | undefined
  /** What `alg` may say, where it is there. */
  readonly algorithms: readonly string[]
  /** The members that make the thumbprint, in its order. */
  readonly members: readonly string[]
}

const KINDS: Readonly<Record<PublicJwk['kty'], Kind>> = {
  EC: { curve: 'P-256', algorithms: ['ES256'], members: ['crv', 'kty', 'x', 'y'] },
  OKP: { curve: 'Ed25519', algorithms: ['EdDSA', 'Ed25519'], members: ['crv', 'kty', 'x'] },
  RSA: { curve: undefined, algorithms: ['PS256'], members: ['e', 'kty', 'n'] },
}

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
  const { curve, algorithms, members } = KINDS[kty]
  if (curve !== undefined && given.get('crv') !== curve) return { problem: `curve must be ${curve}` }
  const [use, alg] = [given.get('use'), given.get('alg')]
  if (use !== undefined && use !== 'sig') return { problem: 'not a key for signatures' }
  if (alg !== undefined && !algorithms.some((known) => known === alg)) {
    return { problem: `algorithm must be ${algorithms.join(' or ')}` }
  }

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
    const { modulusLength: bits, publicExponent: e } = key.asymmetricKeyDetails ?? {}
    if (bits !== undefined && (bits < 2048 || bits > 8192)) return 'RSA keys have 2048 to 8192 bits'
    return e !== undefined && e < 65_537n ? 'the exponent of an RSA key is 65537 or more' : undefined
  } catch (error) {
    return `not a valid key (${errorText(error).toLowerCase()})`
  }
}
