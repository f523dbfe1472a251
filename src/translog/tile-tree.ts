import { TranslogError } from './errors.ts'
import { HASH_SIZE, nodeHash } from './hashing.ts'
import { type RangeHash, split } from './proofs.ts'
import { TILE_WIDTH, tileWidth } from './tile-path.ts'
import { perfectRoot } from './tree-builder.ts'

/** The first `width` hashes of a tile, or `undefined` where it is not to be had. */
export type TileLookup = (level: number, n: number, width: number) => Uint8Array | undefined

/**
 * Hashes of ranges of the tree of `size` leaves, out of its tiles: what `inclusionProof` and `consistencyProof` ask
 * for. Each tile is looked up once. The function throws `tile_missing`.
 */
export function rangeHashFromTiles(size: number, lookup: TileLookup): RangeHash {
  const seen = new Map<string, Uint8Array>()
  const tile = (level: number, n: number): Uint8Array => {
    const key = `${level}/${n}`
    const known = seen.get(key)
    if (known !== undefined) return known
    const width = tileWidth(level, n, size)
    const found = lookup(level, n, width)
    if (found === undefined || found.length !== width * HASH_SIZE) {
      throw new TranslogError('tile_missing', `tile ${key} of width ${width} is missing`)
    }
    seen.set(key, found)
    return found
  }

  // A range that is a node of the tree lies as `span` hashes side by side in one tile, eight levels of height a tile.
  const perfect = (start: number, height: number): Uint8Array => {
    const level = Math.floor(height / 8)
    const span = 2 ** (height % 8)
    const first = start / TILE_WIDTH ** level
    const hashes = tile(level, Math.floor(first / TILE_WIDTH))
    const at = (first % TILE_WIDTH) * HASH_SIZE
    return perfectRoot(hashes.subarray(at, at + span * HASH_SIZE))
  }

  const rangeHash: RangeHash = (start, end) => {
    const count = end - start
    const height = Math.log2(count)
    if (Number.isInteger(height)) return perfect(start, height)
    const middle = start + split(count)
    return nodeHash(rangeHash(start, middle), rangeHash(middle, end))
  }
  return rangeHash
}
