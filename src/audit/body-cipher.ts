import { createCipheriv, createDecipheriv, createSecretKey, hash, randomFillSync } from 'node:crypto'

/** A sealed body, and the commitment that goes into the leaf. */
export interface SealedBody {
  readonly sealed: Buffer
  readonly commitment: Buffer
}

export interface OpenedBody {
  readonly text: string
  readonly commitment: Buffer
  /** What to show, together with the text, to somebody who is to check the commitment. */
  readonly salt: Buffer
}

/**
 * Encrypts a body under a key of its own (AES-256-GCM) and commits to it. Key and salt of the commitment are derived
 * from `root` and a fresh seed, so whoever destroys `root` has destroyed both. `sealed` is seed ‖ ciphertext ‖ tag.
 */
export function sealBody(root: Uint8Array, text: string): SealedBody {
  const seed = freshSeed()
  const material = derive(root, seed)
  // One utf-16 unit takes at most three bytes.
  const plain =
    SALT_SIZE + text.length * 3 <= scratch.length ? scratch : Buffer.allocUnsafe(SALT_SIZE + text.length * 3)
  material.copy(plain, 0, KEY_SIZE)
  const end = SALT_SIZE + plain.write(text, SALT_SIZE, 'utf8')
  const commitment = hash('sha256', plain.subarray(0, end), 'buffer')

  const cipher = createCipheriv('aes-256-gcm', createSecretKey(material.subarray(0, KEY_SIZE)), NONCE)
  const encrypted = cipher.update(plain.subarray(SALT_SIZE, end))
  cipher.final()
  const sealed = Buffer.allocUnsafe(SEED_SIZE + encrypted.length + TAG_SIZE)
  seed.copy(sealed, 0)
  encrypted.copy(sealed, SEED_SIZE)
  cipher.getAuthTag().copy(sealed, SEED_SIZE + encrypted.length)
  return { sealed, commitment }
}

/** `undefined` where the bytes are not what was sealed under this root. */
export function openBody(root: Uint8Array, sealed: Uint8Array): OpenedBody | undefined {
  const opened = decrypted(root, sealed)
  if (opened === undefined) return undefined
  const salt = opened.material.subarray(KEY_SIZE)
  const plain = Buffer.concat([salt, opened.text])
  return { text: opened.text.toString('utf8'), commitment: hash('sha256', plain, 'buffer'), salt }
}

/** The text alone, without its commitment: for reading very many. */
export function openBodyText(root: Uint8Array, sealed: Uint8Array): string | undefined {
  return decrypted(root, sealed)?.text.toString('utf8')
}

function decrypted(
  root: Uint8Array,
  sealed: Uint8Array,
): { readonly material: Buffer; readonly text: Buffer } | undefined {
  if (sealed.length < SEED_SIZE + TAG_SIZE) return undefined
  const material = derive(root, sealed.subarray(0, SEED_SIZE))
  const end = sealed.length - TAG_SIZE
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(material.subarray(0, KEY_SIZE)), NONCE, TAG)
  decipher.setAuthTag(sealed.subarray(end))
  const text = decipher.update(sealed.subarray(SEED_SIZE, end))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return { material, text }
}

/** The commitment that a leaf holds for this text: SHA-256(salt ‖ text). */
export function commitTo(salt: Uint8Array, text: string): Buffer {
  return hash('sha256', Buffer.concat([salt, Buffer.from(text)]), 'buffer')
}

export const ROOT_SIZE = 32
const KEY_SIZE = 32
const SALT_SIZE = 32
const SEED_SIZE = 16
const TAG_SIZE = 16
const TAG = { authTagLength: TAG_SIZE }
// Every body has a key of its own, so a fixed nonce is never used twice under one key.
const NONCE = Buffer.alloc(12)
const LABEL = Buffer.from('sallyport body 1')

const scratch = Buffer.alloc(64 * 1024)
const input = Buffer.alloc(LABEL.length + ROOT_SIZE + SEED_SIZE)
LABEL.copy(input)

// SHA-512 over secret and seed, all of fixed length: 64 bytes, enough for a key and a salt in one pass.
function derive(root: Uint8Array, seed: Uint8Array): Buffer {
  input.set(root, LABEL.length)
  input.set(seed, LABEL.length + ROOT_SIZE)
  return hash('sha512', input, 'buffer')
}

const pool = Buffer.alloc(16 * 1024)
let poolAt = pool.length

function freshSeed(): Buffer {
  if (poolAt + SEED_SIZE > pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += SEED_SIZE
  return pool.subarray(poolAt - SEED_SIZE, poolAt)
}
