import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EMPTY_ROOT, HASH_SIZE, leafHash, nodeHash } from './hashing.ts'
import { consistencyProof, inclusionProof, isConsistent, isIncluded, split } from './proofs.ts'
import { tileWidth } from './tile-path.ts'
import { rangeHashFromTiles } from './tile-tree.ts'
import { TreeBuilder } from './tree-builder.ts'

const leaves = Array.from({ length: 66_000 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))

// The definition of RFC 6962 §2.1, word for word: what the incremental code has to agree with.
function treeHash(start: number, end: number): Uint8Array {
  if (end === start) return EMPTY_ROOT
  if (end - start === 1) return leaves[start] ?? EMPTY_ROOT
  const middle = start + split(end - start)
  return nodeHash(treeHash(start, middle), treeHash(middle, end))
}

function build(size: number, from = new TreeBuilder(), tiles = new Map<string, Uint8Array>()) {
  for (const leaf of leaves.slice(from.size, size)) {
    for (const tile of from.append(leaf)) tiles.set(`${tile.level}/${tile.n}`, tile.hashes)
  }
  return { builder: from, tiles }
}

const lookupIn =
  ({ builder, tiles }: ReturnType<typeof build>) =>
  (level: number, n: number, width: number): Uint8Array =>
    (tiles.get(`${level}/${n}`) ?? builder.partialTile(level, width)).subarray(0, width * HASH_SIZE)

test('the root grown leaf by leaf is the root of the definition', () => {
  for (const size of [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 513, 1000]) {
    assert.deepEqual(Buffer.from(build(size).builder.root()), Buffer.from(treeHash(0, size)), `size ${size}`)
  }
})

test('a tree of 66,000 leaves fills 257 tiles of level 0 and one of level 1', () => {
  const { tiles, builder } = build(66_000)
  assert.equal(tiles.size, 257 + 1)
  assert.deepEqual(Buffer.from(builder.root()), Buffer.from(treeHash(0, 66_000)))
})

test('a tree reopened from its tiles grows as if it had never been closed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 600 }), (size, more) => {
      const first = build(size)
      const again = TreeBuilder.restore(size, lookupIn(first))
      assert.deepEqual(again.root(), first.builder.root())
      const grown = build(size + more, again, new Map(first.tiles))
      assert.deepEqual(Buffer.from(grown.builder.root()), Buffer.from(treeHash(0, size + more)))
      for (let level = 0; level < 2; level++) {
        const n = Math.floor((size + more) / 256 ** (level + 1))
        const width = tileWidth(level, n, size + more)
        assert.deepEqual(grown.builder.partialTile(level, width), build(size + more).builder.partialTile(level, width))
      }
    }),
    { numRuns: 30 },
  )
})

test('a tree of 65,536 and more leaves is reopened through three levels of tiles', () => {
  for (const size of [65_535, 65_536, 65_537, 65_999]) {
    const first = build(size)
    assert.deepEqual(
      Buffer.from(TreeBuilder.restore(size, lookupIn(first)).root()),
      Buffer.from(treeHash(0, size)),
      `size ${size}`,
    )
  }
})

test('proofs made from tiles are accepted, and refused for every other leaf, index and root', () => {
  const tree = build(66_000)
  const lookup = lookupIn(tree)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 66_000 }), fc.nat(), (size, seed) => {
      const index = seed % size
      const root = treeHash(0, size)
      const proof = inclusionProof(index, size, rangeHashFromTiles(size, lookup))
      const leaf = leaves[index] ?? EMPTY_ROOT
      assert.ok(isIncluded(leaf, index, size, proof, root))
      assert.ok(!isIncluded(EMPTY_ROOT, index, size, proof, root))
      assert.ok(!isIncluded(leaf, index, size, proof, EMPTY_ROOT))
      assert.ok(!isIncluded(leaf, index + 1, size, proof, root))
      assert.ok(!isIncluded(leaf, index, size, [...proof, root], root))
    }),
    { numRuns: 40 },
  )
})

test('consistency proofs made from tiles are accepted, and refused for another root', () => {
  const lookup = lookupIn(build(66_000))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 66_000 }), fc.nat(), (size2, seed) => {
      const size1 = 1 + (seed % size2)
      const proof = consistencyProof(size1, size2, rangeHashFromTiles(size2, lookup))
      const [root1, root2] = [treeHash(0, size1), treeHash(0, size2)]
      assert.ok(isConsistent(size1, size2, proof, root1, root2))
      if (size1 !== size2) assert.ok(!isConsistent(size1, size2, proof, root2, root2))
      assert.ok(!isConsistent(size1, size2, proof, root1, leafHash(root2)))
    }),
    { numRuns: 40 },
  )
})

test('a missing tile is named', () => {
  assert.throws(() => rangeHashFromTiles(300, () => undefined)(0, 256), /tile 1\/0 of width 1 is missing/)
})
