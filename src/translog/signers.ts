import { type KeyObject, sign } from 'node:crypto'
import { ed25519CosignedMessage, formatTimestampedSignature, mlDsaCosignedMessage } from './cosigned-message.ts'
import { TranslogError } from './errors.ts'
import type { NoteSigner } from './signed-note.ts'
import { keyId, rawPublicKey, type SignatureType } from './verifier-key.ts'

export interface SignerKey {
  /** the key name of the signature line: for a log its origin */
  readonly name: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** Signs the text of a note with Ed25519 (signature type 0x01): how a log signs its checkpoints. */
export function ed25519Signer(key: SignerKey): NoteSigner {
  return signer(key, 'ed25519', (text) => sign(null, Buffer.from(text), key.privateKey))
}

/** Cosigns checkpoints with Ed25519 (0x04), as witnesses do. `now` in milliseconds since the epoch. */
export function ed25519Cosigner(key: SignerKey, now: () => number): NoteSigner {
  return signer(key, 'ed25519-cosignature', (text) => {
    const timestamp = Math.floor(now() / 1000)
    const signature = sign(null, ed25519CosignedMessage(text, timestamp), key.privateKey)
    return formatTimestampedSignature({ timestamp, signature })
  })
}

/** Cosigns checkpoints with ML-DSA-44 (0x06), as logs should and witnesses can. `now` in milliseconds. */
export function mlDsaCosigner(key: SignerKey, now: () => number): NoteSigner {
  return signer(key, 'ml-dsa-44-cosignature', (text) => {
    const timestamp = Math.floor(now() / 1000)
    const message = mlDsaCosignedMessage(key.name, text, timestamp)
    if (message === undefined) throw new TranslogError('checkpoint_malformed', 'only checkpoints can be cosigned')
    return formatTimestampedSignature({ timestamp, signature: sign(null, message, key.privateKey) })
  })
}

function signer(key: SignerKey, type: SignatureType, signText: (text: string) => Uint8Array): NoteSigner {
  return { name: key.name, id: keyId(key.name, type, rawPublicKey(key.publicKey, type)), sign: signText }
}
