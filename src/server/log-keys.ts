import type { KeyRing } from '../keys/index.ts'
import { formatVerifierKey } from '../translog/index.ts'

/** The public keys of a tenant's log as verifier keys (C2SP signed-note), one a line: what an auditor keeps. */
export function logKeysText(origin: string, keyRing: KeyRing): string {
  const keys = [
    formatVerifierKey(origin, 'ed25519', keyRing.logSigner().publicKey),
    formatVerifierKey(origin, 'ml-dsa-44-cosignature', keyRing.logQuantumSigner().publicKey),
  ]
  return keys.map((key) => `${key}\n`).join('')
}
