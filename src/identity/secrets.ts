import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** A new secret: its kind and 256 random bits. */
export function newSecret(prefix: 'spk' | 'sps'): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`
}

/**
 * What is kept of a gateway key. A plain hash is enough against 256 random bits, and looking it up in a table reveals
 * nothing about the secret by its timing: which entry a guess comes near to says nothing about the next guess.
 */
export function hashGatewayKey(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

const COST = { N: 16_384, r: 8, p: 1 } as const

/** What is kept of a client secret: `scrypt$N$r$p$salt$hash` (RFC 7914). */
export async function hashClientSecret(secret: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(secret, salt, COST)
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

/** Compares in constant time. */
export async function matchesClientSecret(secret: string, kept: string): Promise<boolean> {
  const [kind, N, r, p, salt, hash] = kept.split('$')
  if (kind !== 'scrypt' || salt === undefined || hash === undefined) return false
  const expected = Buffer.from(hash, 'base64url')
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  const actual = await derive(secret, Buffer.from(salt, 'base64url'), cost)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function derive(secret: string, salt: Buffer, cost: { N: number; r: number; p: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, 32, { ...cost, maxmem: 64 * 1024 * 1024 }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
