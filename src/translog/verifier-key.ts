import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { ed25519CosignedMessage, mlDsaCosignedMessage, parseTimestampedSignature } from './cosigned-message.ts'
import { TranslogError } from './errors.ts'

/** The signature types of C2SP signed-note that Sallyport speaks. */
export type SignatureType = 'ed25519' | 'ed25519-cosignature' | 'ml-dsa-44-cosignature'

/** A key that notes can be verified with. */
export interface Verifier {
  readonly name: string
  readonly id: number
  readonly type: SignatureType
  /** Whether `signature` (without the key id) is one over the note's text. */
  verify(text: string, signature: Uint8Array): boolean
}

interface TypeRow {
  readonly byte: number
  readonly keySize: number
  /** What stands before the raw key in its SubjectPublicKeyInfo, which is how node:crypto takes keys in. */
  readonly spkiPrefix: Buffer
  readonly verify: (name: string, key: KeyObject, text: string, signature: Uint8Array) => boolean
}

const TYPES: Readonly<Record<SignatureType, TypeRow>> = {
  ed25519: {
    byte: 0x01,
    keySize: 32,
    spkiPrefix: Buffer.from('302a300506032b6570032100', 'hex'),
    verify: (_name, key, text, signature) => verify(null, Buffer.from(text), key, signature),
  },
  'ed25519-cosignature': {
    byte: 0x04,
    keySize: 32,
    spkiPrefix: Buffer.from('302a300506032b6570032100', 'hex'),
    verify: (_name, key, text, signature) => {
      const parts = parseTimestampedSignature(signature)
      return parts !== undefined && verify(null, ed25519CosignedMessage(text, parts.timestamp), key, parts.signature)
    },
  },
  'ml-dsa-44-cosignature': {
    byte: 0x06,
    keySize: 1312,
    spkiPrefix: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
    verify: (name, key, text, signature) => {
      const parts = parseTimestampedSignature(signature)
      const message = parts && mlDsaCosignedMessage(name, text, parts.timestamp)
      return parts !== undefined && message !== undefined && verify(null, message, key, parts.signature)
    },
  },
}

/** A verifier for a public key that node:crypto holds; `name` is the key name of the signature lines. */
export function createVerifier(name: string, type: SignatureType, publicKey: KeyObject): Verifier {
  const row = TYPES[type]
  const id = keyId(name, type, rawPublicKey(publicKey, type))
  return { name, id, type, verify: (text, signature) => row.verify(name, publicKey, text, signature) }
}

/** `<key name>+<hex key id>+<base64 of type and key>` (C2SP signed-note, "Verifier keys"). */
export function formatVerifierKey(name: string, type: SignatureType, publicKey: KeyObject): string {
  const raw = rawPublicKey(publicKey, type)
  const id = keyId(name, type, raw).toString(16).padStart(8, '0')
  return `${name}+${id}+${Buffer.concat([Buffer.of(TYPES[type].byte), raw]).toString('base64')}`
}

/** Throws `verifier_key_malformed`, also where the key id is not that of name and key. */
export function parseVerifierKey(text: string): Verifier {
  const match = /^([^\p{Z}\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(text.trim())
  const [, name = '', id = '', base64 = ''] = match ?? []
  const bytes = Buffer.from(base64, 'base64')
  const type = TYPE_NAMES.find((candidate) => TYPES[candidate].byte === bytes[0])
  const raw = bytes.subarray(1)
  if (type === undefined || raw.length !== TYPES[type].keySize || keyId(name, type, raw) !== Number.parseInt(id, 16)) {
    throw new TranslogError('verifier_key_malformed', `\`${text.slice(0, 80)}\` is not a verifier key`)
  }
  const key = createPublicKey({ key: Buffer.concat([TYPES[type].spkiPrefix, raw]), format: 'der', type: 'spki' })
  return createVerifier(name, type, key)
}

/** SHA-256(name ‖ newline ‖ type ‖ public key), its first four bytes. */
export function keyId(name: string, type: SignatureType, raw: Uint8Array): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(TYPES[type].byte), raw])
  return hash('sha256', input, 'buffer').readUInt32BE(0)
}

/** The public key as the specification encodes it: without the wrapping of its SubjectPublicKeyInfo. */
export function rawPublicKey(publicKey: KeyObject, type: SignatureType): Buffer {
  const { spkiPrefix, keySize } = TYPES[type]
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  if (spki.length !== spkiPrefix.length + keySize || !spki.subarray(0, spkiPrefix.length).equals(spkiPrefix)) {
    throw new TranslogError('verifier_key_malformed', `the key is not one for ${type} signatures`)
  }
  return spki.subarray(spkiPrefix.length)
}

/** The verifier of a signature line: name and id must both agree. */
export function verifierFor(
  verifiers: readonly Verifier[],
  signature: { readonly name: string; readonly id: number },
): Verifier | undefined {
  return verifiers.find((verifier) => verifier.name === signature.name && verifier.id === signature.id)
}

const TYPE_NAMES: readonly SignatureType[] = ['ed25519', 'ed25519-cosignature', 'ml-dsa-44-cosignature']
