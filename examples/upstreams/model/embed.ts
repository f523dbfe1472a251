import { createHash } from 'node:crypto'

/** A vector of length one that depends on nothing but the words of `text`: texts that share words lie close together. */
export function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const digest = createHash('sha256').update(word).digest()
    const axis = digest.readUInt32LE(0) % dimensions
    vector[axis] = (vector[axis] ?? 0) + (digest.readUInt8(4) % 2 === 0 ? 1 : -1)
  }
  const length = Math.hypot(...vector)
  // words can cancel each other out; a zero vector has no direction
  if (length === 0) vector[0] = 1
  return length === 0 ? vector : vector.map((value) => value / length)
}
