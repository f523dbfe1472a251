import { SEGMENT_SIZE } from './segment.ts'

/**
 * Positions in a segment, rising, as the search index stores them: up to 127 of them as one byte that counts them and
 * the gaps between them (one byte below 128, else two), more of them as 255 and a bit for each position.
 */
export function encodeOffsets(offsets: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(mostBytes(offsets))
  return bytes.subarray(0, writeOffsets(bytes, 0, offsets))
}

/** The bytes that a list takes at most. */
export function mostBytes(offsets: readonly number[]): number {
  return offsets.length >= AS_BITS ? 1 + BITMAP : 1 + offsets.length * 2
}

/** Writes a list from `from` on, and returns where it ends. */
export function writeOffsets(bytes: Buffer, from: number, offsets: readonly number[]): number {
  if (offsets.length >= AS_BITS) {
    bytes.fill(0, from + 1, from + 1 + BITMAP)
    bytes[from] = 255
    for (const offset of offsets) {
      const at = from + 1 + (offset >> 3)
      bytes[at] = (bytes[at] ?? 0) | (1 << (offset & 7))
    }
    return from + 1 + BITMAP
  }
  bytes[from] = offsets.length
  let at = from + 1
  let before = -1
  for (const offset of offsets) {
    const gap = offset - before - 1
    before = offset
    if (gap < 128) bytes[at++] = gap
    else {
      bytes[at++] = 128 | (gap >> 7)
      bytes[at++] = gap & 127
    }
  }
  return at
}

/** The positions of a list as a column holds it; none where it holds no list. */
export function parseOffsets(value: unknown): number[] {
  return value instanceof Uint8Array ? readOffsets(value, 0).offsets : []
}

/** The list that begins at `from`, and where it ends. */
export function readOffsets(bytes: Uint8Array, from: number): { readonly offsets: number[]; readonly end: number } {
  const count = bytes[from] ?? 0
  const offsets: number[] = []
  if (count === 255) {
    for (let offset = 0; offset < SEGMENT_SIZE; offset++) {
      if (((bytes[from + 1 + (offset >> 3)] ?? 0) & (1 << (offset & 7))) !== 0) offsets.push(offset)
    }
    return { offsets, end: from + 1 + BITMAP }
  }
  let at = from + 1
  let before = -1
  for (let i = 0; i < count && at < bytes.length; i++) {
    const first = bytes[at++] ?? 0
    before += 1 + (first < 128 ? first : ((first & 127) << 7) | (bytes[at++] ?? 0))
    offsets.push(before)
  }
  return { offsets, end: at }
}

/** Where the list that begins at `from` ends, without reading it. */
export function endOfOffsets(bytes: Uint8Array, from: number): number {
  const count = bytes[from] ?? 0
  if (count === 255) return from + 1 + BITMAP
  let at = from + 1
  for (let i = 0; i < count; i++) at += (bytes[at] ?? 0) < 128 ? 1 : 2
  return at
}

const AS_BITS = 128
const BITMAP = SEGMENT_SIZE / 8
