import { equalHashes, HASH_SIZE, leafHash, perfectRoot, TILE_WIDTH, TreeBuilder, tileWidth } from '../translog/index.ts'
import type { LogSource } from './log-source.ts'
import type { Problems } from './problems.ts'

/** What the leaves of the log lead to. */
export interface VerifiedTree {
  /** The roots at the sizes that were asked for, as far as the leaves reach. */
  readonly roots: ReadonlyMap<number, Uint8Array>
  readonly records: number
}

/**
 * Rebuilds the tree of `size` leaves from the records, holds it against the stored tiles, and says which of the two is
 * wrong where they differ: whichever does not lead to the hash above it, and at last to `root`.
 */
export async function verifyTree(
  source: LogSource,
  size: number,
  root: Uint8Array | undefined,
  sizes: ReadonlySet<number>,
  problems: Problems,
  onProgress: (records: number) => Promise<void>,
): Promise<VerifiedTree> {
  const roots = new Map<number, Uint8Array>()
  const tree = new TreeBuilder()
  if (sizes.has(0)) roots.set(0, tree.root())
  for (let group = 0; group * GROUP < size; group++) {
    const blocks = await readGroup(source, group, size, onProgress)
    const above = await source.tile(1, group, tileWidth(1, group, size))
    settle(blocks, above, problems)
    settleByRoot(blocks, tree, size, root, problems)
    for (const block of blocks) {
      for (let i = 0; i < block.width; i++) {
        const hash = block.accepted.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)
        for (const tile of tree.append(Buffer.from(hash))) {
          if (tile.level > 0) await compareTile(source, tile.level, tile.n, tile.hashes, problems)
        }
        if (sizes.has(tree.size)) roots.set(tree.size, tree.root())
      }
    }
  }
  if (source.hasPartialTiles) {
    for (let level = 1; TILE_WIDTH ** level <= size; level++) {
      const n = Math.floor(size / TILE_WIDTH ** (level + 1))
      const width = tileWidth(level, n, size)
      if (width > 0) await compareTile(source, level, n, tree.partialTile(level, width), problems)
    }
  }
  return { roots, records: size }
}

// Leaves below one tile of level 1.
const GROUP = TILE_WIDTH * TILE_WIDTH

/** The leaves of one tile of level 0: their hashes as computed from the records, and as stored. */
interface Block {
  readonly n: number
  readonly width: number
  readonly computed: Buffer
  readonly stored: Uint8Array | undefined
  readonly missing: readonly number[]
  readonly differing: readonly number[]
  accepted: Uint8Array
  settled: boolean
}

async function readGroup(
  source: LogSource,
  group: number,
  size: number,
  onProgress: (records: number) => Promise<void>,
): Promise<Block[]> {
  const blocks: Block[] = []
  for (let n = group * TILE_WIDTH; n < (group + 1) * TILE_WIDTH && n * TILE_WIDTH < size; n++) {
    const width = tileWidth(0, n, size)
    const [leaves, tile] = await Promise.all([source.leaves(n, width), source.tile(0, n, width)])
    blocks.push(compareBlock(n, width, leaves, tile?.length === width * HASH_SIZE ? tile : undefined))
    await onProgress(n * TILE_WIDTH + width)
  }
  return blocks
}

function compareBlock(
  n: number,
  width: number,
  leaves: ReadonlyArray<Uint8Array | undefined>,
  stored: Uint8Array | undefined,
): Block {
  const computed = Buffer.alloc(width * HASH_SIZE)
  const missing: number[] = []
  for (let i = 0; i < width; i++) {
    const leaf = leaves[i]
    if (leaf !== undefined) leafHash(leaf).copy(computed, i * HASH_SIZE)
    else missing.push(i)
    // What is missing is taken from the tile, so that the rest can still be checked.
    if (leaf === undefined && stored !== undefined) computed.set(hashAt(stored, i), i * HASH_SIZE)
  }
  const differing: number[] = []
  if (stored !== undefined && !computed.equals(stored)) {
    for (let i = 0; i < width; i++) if (!equalHashes(hashAt(computed, i), hashAt(stored, i))) differing.push(i)
  }
  const settled = differing.length === 0 && stored !== undefined
  return { n, width, computed, stored, missing, differing, accepted: computed, settled }
}

/** Reports what is plain, and decides by the tile above what is not. */
function settle(blocks: readonly Block[], above: Uint8Array | undefined, problems: Problems): void {
  for (const [i, block] of blocks.entries()) {
    for (const at of block.missing) problems.addMissing(block.n * TILE_WIDTH + at)
    if (block.stored === undefined) {
      problems.add({ part: 'tile', level: 0, n: block.n, message: `tile 0/${block.n} is missing` })
      block.settled = true
    }
    if (block.settled || above === undefined || block.width < TILE_WIDTH) continue
    const expected = hashAt(above, i)
    if (block.stored !== undefined && equalHashes(perfectRoot(block.stored), expected)) blameRecords(block, problems)
    else if (equalHashes(perfectRoot(block.computed), expected)) blameTile(block, problems)
  }
}

/** Decides by the signed root what the tiles above could not: tries which choices lead to it. */
function settleByRoot(
  blocks: readonly Block[],
  tree: TreeBuilder,
  size: number,
  root: Uint8Array | undefined,
  problems: Problems,
): void {
  const open = blocks.filter((block) => !block.settled)
  if (open.length === 0) return
  const last = blocks[blocks.length - 1]
  const isRightEdge = last !== undefined && (last.n % TILE_WIDTH < TILE_WIDTH - 1 || last.width < TILE_WIDTH)
  if (root !== undefined && isRightEdge && open.length <= MAX_TRIED) {
    for (let choice = 0; choice < 2 ** open.length; choice++) {
      for (const [i, block] of open.entries()) {
        block.accepted = Math.floor(choice / 2 ** i) % 2 === 0 ? (block.stored ?? block.computed) : block.computed
      }
      if (!equalHashes(rootWith(blocks, tree, size), root)) continue
      for (const block of open) {
        if (block.accepted === block.computed) blameTile(block, problems)
        else blameRecords(block, problems)
      }
      return
    }
  }
  for (const block of open) {
    block.accepted = block.stored ?? block.computed
    for (const at of block.differing) {
      const index = block.n * TILE_WIDTH + at
      const message = `record ${index} and tile 0/${block.n} do not agree, and nothing says which of them is right`
      problems.add({ part: 'record', index, message })
    }
  }
}

const MAX_TRIED = 6

// The tree as it was before this group, with the group's blocks as they are accepted now.
function rootWith(blocks: readonly Block[], tree: TreeBuilder, size: number): Uint8Array {
  const full = blocks.filter((block) => block.width === TILE_WIDTH)
  return TreeBuilder.restore(size, (level, _n, width) => {
    if (level === 0) return blocks[blocks.length - 1]?.accepted ?? Buffer.alloc(0)
    if (level === 1) return Buffer.concat(full.map((block) => perfectRoot(block.accepted)))
    return tree.partialTile(level, width)
  }).root()
}

function blameRecords(block: Block, problems: Problems): void {
  block.accepted = block.stored ?? block.computed
  block.settled = true
  for (const at of block.differing) {
    const index = block.n * TILE_WIDTH + at
    problems.add({ part: 'record', index, message: `record ${index} was altered` })
  }
}

function blameTile(block: Block, problems: Problems): void {
  block.accepted = block.computed
  block.settled = true
  problems.add({ part: 'tile', level: 0, n: block.n, message: `tile 0/${block.n} was altered` })
}

async function compareTile(
  source: LogSource,
  level: number,
  n: number,
  hashes: Uint8Array,
  problems: Problems,
): Promise<void> {
  const stored = await source.tile(level, n, hashes.length / HASH_SIZE)
  if (stored === undefined) {
    problems.add({ part: 'tile', level, n, message: `tile ${level}/${n} is missing` })
  } else if (!equalHashes(stored, hashes)) {
    problems.add({ part: 'tile', level, n, message: `tile ${level}/${n} does not follow from the records below it` })
  }
}

function hashAt(hashes: Uint8Array, i: number): Uint8Array {
  return hashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)
}
