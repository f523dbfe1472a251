import { RECORD_KINDS, type RecordKind } from './record.ts'

/** What of a record everybody may see: when, of which kind, and a commitment to everything else. */
export interface Leaf {
  /** Version of the body's schema. */
  readonly schema: number
  readonly kind: RecordKind
  /** milliseconds since the epoch */
  readonly at: number
  /** index of the decision that an outcome belongs to */
  readonly of: number | undefined
  /** SHA-256(salt ‖ body text); says nothing about the body without the salt */
  readonly commitment: Uint8Array
}

export const BODY_SCHEMA = 1
export const LEAF_SIZE = 49

/** 1 byte format, 1 kind, 1 schema, 6 time, 8 index of the decision or all ones, 32 commitment; big-endian. */
export function encodeLeaf(leaf: Leaf): Buffer {
  const bytes = Buffer.allocUnsafe(LEAF_SIZE)
  bytes[0] = FORMAT
  bytes[1] = RECORD_KINDS.indexOf(leaf.kind)
  bytes[2] = leaf.schema
  bytes.writeUIntBE(leaf.at, 3, 6)
  if (leaf.of === undefined) bytes.fill(0xff, 9, 17)
  else {
    bytes.writeUInt16BE(0, 9)
    bytes.writeUIntBE(leaf.of, 11, 6)
  }
  bytes.set(leaf.commitment, 17)
  return bytes
}

/** `undefined` where the bytes are not a leaf of a format that this version knows. */
export function parseLeaf(bytes: Uint8Array): Leaf | undefined {
  const kind = RECORD_KINDS[bytes[1] ?? -1]
  if (bytes.length !== LEAF_SIZE || bytes[0] !== FORMAT || kind === undefined) return undefined
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const of = view.readUInt16BE(9) === 0xffff ? undefined : view.readUIntBE(11, 6)
  return { schema: view[2] ?? 0, kind, at: view.readUIntBE(3, 6), of, commitment: view.subarray(17) }
}

const FORMAT = 1
