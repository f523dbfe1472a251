import { EMPTY_ROOT, HASH_SIZE, nodeHash } from './hashing.ts'
import { TILE_WIDTH, tileWidth } from './tile-path.ts'

/** A tile that has just become full. `hashes` is the caller's to keep. */
export interface FullTile {
  readonly level: number
  readonly n: number
  readonly hashes: Uint8Array
}

/**
 * The right edge of a growing Merkle tree: enough to append, to know the root, and to give out every partial tile.
 * It needs no leaf again once that is appended; reopening takes the partial tiles (at most 255 hashes a level).
 */
export class TreeBuilder {
  #size = 0
  // INVARIANT: one perfect subtree for each bit of #size that is set, the largest first.
  readonly #peaks: Uint8Array[] = []
  // #edge[level] holds the hashes of the tile of that level that is not full yet.
  readonly #edge: Buffer[] = []

  /** Continues a tree of `size` leaves; `partialTile` gives the rightmost tile of each level that is not full. */
  static restore(size: number, partialTile: (level: number, n: number, width: number) => Uint8Array): TreeBuilder {
    const builder = new TreeBuilder()
    builder.#size = size
    let levels = 0
    for (let rest = size; rest > 0; rest = Math.floor(rest / TILE_WIDTH)) levels++
    for (let level = levels - 1; level >= 0; level--) {
      const n = Math.floor(size / TILE_WIDTH ** (level + 1))
      const width = tileWidth(level, n, size)
      if (width === 0) continue
      const hashes = Buffer.from(partialTile(level, n, width))
      hashes.copy(builder.#edgeOf(level))
      let at = 0
      for (let span = TILE_WIDTH / 2; span >= 1; span /= 2) {
        if (Math.floor(width / span) % 2 === 0) continue
        builder.#peaks.push(perfectRoot(hashes.subarray(at * HASH_SIZE, (at + span) * HASH_SIZE)))
        at += span
      }
    }
    return builder
  }

  get size(): number {
    return this.#size
  }

  /** Adds a leaf by its hash; returns the tiles that this leaf has filled, lowest level first. */
  append(leaf: Uint8Array): readonly FullTile[] {
    const index = this.#size
    this.#size = index + 1
    let full = this.#store(0, index, leaf, NO_TILES)
    let hash = leaf
    let height = 0
    for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#peaks.pop()
      // The invariant above promises a peak for every set bit.
      if (left === undefined) throw new RangeError('the right edge of the tree is broken')
      hash = nodeHash(left, hash)
      height++
      if (height % 8 === 0) full = this.#store(height / 8, (rest - 1) / 2, hash, full)
    }
    this.#peaks.push(hash)
    return full
  }

  /** The root of the tree as it is (RFC 6962 §2.1). */
  root(): Uint8Array {
    let root: Uint8Array | undefined
    for (let i = this.#peaks.length - 1; i >= 0; i--) {
      const peak = this.#peaks[i]
      if (peak !== undefined) root = root === undefined ? peak : nodeHash(peak, root)
    }
    return root ?? EMPTY_ROOT
  }

  /** The first `width` hashes of the tile at the right edge of `level`; the caller knows that it has as many. */
  partialTile(level: number, width: number): Uint8Array {
    return Buffer.from(this.#edgeOf(level).subarray(0, width * HASH_SIZE))
  }

  #store(level: number, index: number, hash: Uint8Array, full: readonly FullTile[]): readonly FullTile[] {
    const edge = this.#edgeOf(level)
    const at = index % TILE_WIDTH
    edge.set(hash, at * HASH_SIZE)
    if (at !== TILE_WIDTH - 1) return full
    return [...full, { level, n: Math.floor(index / TILE_WIDTH), hashes: Buffer.from(edge) }]
  }

  #edgeOf(level: number): Buffer {
    for (let next = this.#edge.length; next <= level; next++) this.#edge.push(Buffer.alloc(TILE_WIDTH * HASH_SIZE))
    return this.#edge[level] ?? Buffer.alloc(0)
  }
}

/** The root over `hashes` as leaves of a perfect tree; their number is a power of two. */
export function perfectRoot(hashes: Uint8Array): Uint8Array {
  let row: Uint8Array[] = []
  for (let at = 0; at < hashes.length; at += HASH_SIZE) row.push(hashes.subarray(at, at + HASH_SIZE))
  while (row.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i + 1 < row.length; i += 2) {
      const [left, right] = [row[i], row[i + 1]]
      if (left !== undefined && right !== undefined) above.push(nodeHash(left, right))
    }
    row = above
  }
  return Buffer.from(row[0] ?? EMPTY_ROOT)
}

const NO_TILES: readonly FullTile[] = []
