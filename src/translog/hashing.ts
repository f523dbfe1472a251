import { hash } from 'node:crypto'

/** Bytes of one hash of the tree (SHA-256). */
export const HASH_SIZE = 32

/** The hash of a tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = hash('sha256', '', 'buffer')

/** The hash of a leaf: SHA-256(0x00 ‖ entry) (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Buffer {
  const input = entry.length < SMALL ? leafScratch.subarray(0, entry.length + 1) : Buffer.allocUnsafe(entry.length + 1)
  input[0] = 0x00
  input.set(entry, 1)
  return hash('sha256', input, 'buffer')
}

/** The hash of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + HASH_SIZE)
  return hash('sha256', nodeScratch, 'buffer')
}

export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

// Scratch space is safe here: hashing is synchronous, and the domain byte of a node never changes.
const SMALL = 1024
const leafScratch = Buffer.alloc(SMALL)
const nodeScratch = Buffer.alloc(1 + 2 * HASH_SIZE)
nodeScratch[0] = 0x01
