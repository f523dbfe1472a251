import type { LogOrigin } from '../audit/index.ts'
import type { KeyRing } from '../keys/index.ts'
import { formatVerifierKey, parseCheckpoint } from '../translog/index.ts'

/**
 * The public keys of a tenant's log as verifier keys (C2SP signed-note), one a line, the newest name first: what an
 * auditor keeps. A key stands there under each name that it has signed under.
 */
export function logKeysText(origins: readonly LogOrigin[], keyRing: KeyRing): string {
  const before = origins.flatMap(({ after }) => (after === undefined ? [] : [parseCheckpoint(after).origin]))
  const names = [...new Set([...origins.map(({ origin }) => origin).reverse(), ...before])]
  const keys = names.flatMap((name) => [
    formatVerifierKey(name, 'ed25519', keyRing.logSigner().publicKey),
    formatVerifierKey(name, 'ml-dsa-44-cosignature', keyRing.logQuantumSigner().publicKey),
  ])
  return keys.map((key) => `${key}\n`).join('')
}
