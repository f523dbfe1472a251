import type { KeyObject } from 'node:crypto'

/** A pair of keys that signs checkpoints. */
export interface SigningPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** What the log needs of the key ring; `server/` satisfies it. */
export interface LogKeys {
  /** Ed25519: signs every checkpoint. */
  readonly signer: SigningPair
  /** ML-DSA-44: the second signature of every checkpoint, where there is one. */
  readonly quantumSigner?: SigningPair
  /** AES-256: wraps the keys that bodies are sealed under. */
  readonly sealing: KeyObject
}
