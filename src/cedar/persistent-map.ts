/** What can be a key. Keys that are `===` are the same key. */
export type Key = string | number | bigint | boolean

/**
 * An immutable map that shares structure: `with` costs microseconds whatever the size.
 *
 * What was there at the start lies in one plain `Map`, the fastest thing to read. Changes lie before it in a hash trie
 * (32 slots a level). Once there are more changes than the base has entries, both are merged into a new base, so the
 * cost of merging is spread over as many changes.
 */
export class PersistentMap<K extends Key, V> {
  readonly size: number
  readonly #base: ReadonlyMap<K, V>
  readonly #changes: Branch<K, V> | undefined
  readonly #changeCount: number

  private constructor(base: ReadonlyMap<K, V>, changes: Branch<K, V> | undefined, changeCount: number, size: number) {
    this.#base = base
    this.#changes = changes
    this.#changeCount = changeCount
    this.size = size
  }

  /** Takes the map over: whoever gives it must not change it any more. */
  static of<K extends Key, V>(map: ReadonlyMap<K, V>): PersistentMap<K, V> {
    return new PersistentMap(map, undefined, 0, map.size)
  }

  get(key: K): V | undefined {
    if (this.#changes !== undefined) {
      const change = find(this.#changes, key)
      if (change !== undefined) return change.value
    }
    return this.#base.get(key)
  }

  /** With `undefined` as value: without the key. */
  with(key: K, value: V | undefined): PersistentMap<K, V> {
    const before = this.get(key)
    if (before === value) return this
    const size = this.size + (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    const known = this.#changes !== undefined && find(this.#changes, key) !== undefined
    const changes = insert(this.#changes ?? EMPTY_BRANCH, { hash: hashOf(key), key, value }, 0) as Branch<K, V>
    const count = this.#changeCount + (known ? 0 : 1)
    const next = new PersistentMap(this.#base, changes, count, size)
    return count > MERGE_FROM && count > this.#base.size ? PersistentMap.of(new Map(next)) : next
  }

  *[Symbol.iterator](): IterableIterator<[K, V]> {
    const changes = this.#changes
    for (const [key, value] of this.#base) {
      if (changes === undefined || find(changes, key) === undefined) yield [key, value]
    }
    if (changes !== undefined) yield* changesIn(changes)
  }
}

const MERGE_FROM = 64

/** A change of one key; without a value it is a removal. */
interface Leaf<K, V> {
  readonly hash: number
  readonly key: K
  readonly value: V | undefined
}
interface Branch<K, V> {
  /** Which of the 32 slots are filled. */
  readonly bitmap: number
  readonly slots: readonly Slot<K, V>[]
}
/** Leaves with one and the same hash. */
interface Collision<K, V> {
  readonly hash: number
  readonly leaves: readonly Leaf<K, V>[]
}
type Slot<K, V> = Leaf<K, V> | Branch<K, V> | Collision<K, V>

const EMPTY_BRANCH: Branch<never, never> = { bitmap: 0, slots: [] }

function find<K extends Key, V>(root: Branch<K, V>, key: K): Leaf<K, V> | undefined {
  const hash = hashOf(key)
  let branch = root
  for (let shift = 0; ; shift += 5) {
    const bit = 1 << ((hash >>> shift) & 31)
    if ((branch.bitmap & bit) === 0) return undefined
    const slot = branch.slots[countBits(branch.bitmap & (bit - 1))]
    if (slot === undefined) return undefined
    if ('bitmap' in slot) {
      branch = slot
      continue
    }
    if ('key' in slot) return slot.key === key ? slot : undefined
    return slot.leaves.find((leaf) => leaf.key === key)
  }
}

function insert<K extends Key, V>(slot: Slot<K, V> | undefined, leaf: Leaf<K, V>, shift: number): Slot<K, V> {
  if (slot === undefined) return leaf
  if ('bitmap' in slot) {
    const bit = 1 << ((leaf.hash >>> shift) & 31)
    const index = countBits(slot.bitmap & (bit - 1))
    const slots = slot.slots.slice()
    if ((slot.bitmap & bit) === 0) slots.splice(index, 0, leaf)
    else slots[index] = insert(slot.slots[index], leaf, shift + 5)
    return { bitmap: slot.bitmap | bit, slots }
  }
  if ('key' in slot && slot.key === leaf.key) return leaf
  if (slot.hash === leaf.hash) {
    const others = 'key' in slot ? [slot] : slot.leaves.filter(({ key }) => key !== leaf.key)
    return { hash: leaf.hash, leaves: [...others, leaf] }
  }
  const parted: Branch<K, V> = { bitmap: 1 << ((slot.hash >>> shift) & 31), slots: [slot] }
  return insert(parted, leaf, shift)
}

function* changesIn<K extends Key, V>(slot: Slot<K, V>): IterableIterator<[K, V]> {
  if ('bitmap' in slot) for (const child of slot.slots) yield* changesIn(child)
  else if ('leaves' in slot) for (const leaf of slot.leaves) yield* changesIn(leaf)
  else if (slot.value !== undefined) yield [slot.key, slot.value]
}

function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const quads = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((quads + (quads >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

// Unknown to whoever chooses the keys, so that nobody can choose keys that collide.
let seed: number | undefined

function hashOf(key: Key): number {
  seed ??= Math.floor(Math.random() * 2 ** 32)
  const text = typeof key === 'string' ? key : String(key)
  let hash = seed
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
