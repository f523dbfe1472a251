import { equalHashes, HASH_SIZE, nodeHash } from './hashing.ts'

/** The root of the leaves `start` (inclusive) to `end` (exclusive). */
export type RangeHash = (start: number, end: number) => Uint8Array

/** The audit path of leaf `index` in the tree of `size` leaves, the leaf's sibling first (RFC 6962 §2.1.1). */
export function inclusionProof(index: number, size: number, rangeHash: RangeHash): Uint8Array[] {
  if (!isIndex(index) || !isIndex(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const path: Uint8Array[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + split(end - start)
    if (index < middle) {
      path.push(rangeHash(middle, end))
      end = middle
    } else {
      path.push(rangeHash(start, middle))
      start = middle
    }
  }
  return path.reverse()
}

/** That the tree of `size1` leaves is a prefix of the tree of `size2` leaves (RFC 6962 §2.1.2). */
export function consistencyProof(size1: number, size2: number, rangeHash: RangeHash): Uint8Array[] {
  if (!isIndex(size1) || !isIndex(size2) || size1 > size2) throw new RangeError(`no proof from ${size1} to ${size2}`)
  const path: Uint8Array[] = []
  if (size1 === 0 || size1 === size2) return path
  let start = 0
  let end = size2
  while (end !== size1) {
    const middle = start + split(end - start)
    if (size1 <= middle) {
      path.push(rangeHash(middle, end))
      end = middle
    } else {
      path.push(rangeHash(start, middle))
      start = middle
    }
  }
  if (start !== 0) path.push(rangeHash(start, end))
  return path.reverse()
}

/** Whether `proof` binds the leaf to `root` (the algorithm of RFC 9162 §2.1.3.2). */
export function isIncluded(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size || leaf.length !== HASH_SIZE || !areHashes(proof)) return false
  let fn = index
  let sn = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equalHashes(hash, root)
}

/**
 * Whether `proof` shows that the tree (`size1`, `root1`) is a prefix of (`size2`, `root2`) (RFC 9162 §2.1.4.2). An
 * empty tree is a prefix of every tree, so there is nothing to prove from it and the answer is no.
 */
export function isConsistent(
  size1: number,
  size2: number,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean {
  if (!isIndex(size1) || !isIndex(size2) || size1 > size2 || !areHashes(proof)) return false
  if (size1 === 0) return false
  if (size1 === size2) return proof.length === 0 && equalHashes(root1, root2)
  let fn = size1 - 1
  let sn = size2 - 1
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2
    sn = Math.floor(sn / 2)
  }
  // A perfect first tree is a node of the second: its root starts the proof without standing in it.
  const [first, ...rest] = fn === 0 ? [root1, ...proof] : proof
  if (first === undefined || rest.length === 0) return false
  let hash1 = first
  let hash2 = first
  for (const sibling of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash1 = nodeHash(sibling, hash1)
      hash2 = nodeHash(sibling, hash2)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      hash2 = nodeHash(hash2, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equalHashes(hash1, root1) && equalHashes(hash2, root2)
}

/** The largest power of two smaller than `count`, for `count` > 1 (RFC 6962 §2.1). */
export function split(count: number): number {
  let k = 1
  while (k * 2 < count) k *= 2
  return k
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function areHashes(proof: readonly Uint8Array[]): boolean {
  return proof.length <= 128 && proof.every((hash) => hash.length === HASH_SIZE)
}
