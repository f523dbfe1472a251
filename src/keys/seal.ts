import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { KeyError } from './errors.ts'

const NONCE = 12
const TAG = 16

/** Seals under one key (AES-256-GCM). What comes out is nonce, ciphertext, tag. */
export interface Sealer {
  seal(plaintext: Uint8Array, associated: string): Uint8Array
  /** Throws `KeyError('seal_broken')` where key, bytes or `associated` are not those of the sealing. */
  open(sealed: Uint8Array, associated: string): Uint8Array
}

export function sealerWith(key: KeyObject): Sealer {
  // NIST SP 800-38D §8.2.1: a fixed field (random for each sealer) and a counter, so that no nonce comes back however
  // much is sealed; random nonces would be worn out after 2^32 messages.
  const nonce = Buffer.concat([randomBytes(6), Buffer.alloc(6)])
  let count = 0
  return {
    seal(plaintext, associated) {
      nonce.writeUIntBE(count, 6, 6)
      count += 1
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(Buffer.from(associated))
      const sealed = Buffer.allocUnsafe(NONCE + plaintext.length + TAG)
      nonce.copy(sealed)
      cipher.update(plaintext).copy(sealed, NONCE)
      cipher.final()
      cipher.getAuthTag().copy(sealed, NONCE + plaintext.length)
      return sealed
    },
    open(sealed, associated) {
      if (sealed.length < NONCE + TAG) throw broken()
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG })
      decipher.setAAD(Buffer.from(associated))
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
      const plaintext = decipher.update(sealed.subarray(NONCE, sealed.length - TAG))
      try {
        decipher.final()
      } catch (cause) {
        throw broken(cause)
      }
      return plaintext
    },
  }
}

function broken(cause?: unknown): KeyError {
  return new KeyError('seal_broken', 'sealed data cannot be opened', { cause })
}
