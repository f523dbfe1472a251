import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A new secret: its kind and 256 random bits. Nobody chooses a secret of their own. */
export function newSecret(prefix: 'spk' | 'sps'): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`
}

/**
 * What is kept of a secret. A plain hash is enough against 256 random bits; a slow one would only let whoever guesses keep
 * us busy. Looking it up in a table reveals nothing about the secret by its timing: which entry a guess comes near to says
 * nothing about the next guess.
 */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** Compares in constant time. */
export function matchesSecret(secret: string, kept: string): boolean {
  const expected = Buffer.from(kept, 'base64url')
  const actual = hash('sha256', secret, 'buffer')
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}
