/** What can be a key. Keys that are `===` are the same key. */
export type Key = string | number | bigint | boolean

/** Changes by key, as an immutable hash trie: 32 slots a level. */
export interface Trie<K, V> {
  /** Which of the 32 slots are filled. */
  readonly bitmap: number
  readonly slots: readonly Slot<K, V>[]
}
/** A change of one key; without a value it is a removal. */
export interface Change<K, V> {
  readonly hash: number
  readonly key: K
  readonly value: V | undefined
}
/** Changes with one and the same hash. */
interface Collision<K, V> {
  readonly hash: number
  readonly changes: readonly Change<K, V>[]
}
type Slot<K, V> = Change<K, V> | Trie<K, V> | Collision<K, V>

export const EMPTY_TRIE: Trie<never, never> = { bitmap: 0, slots: [] }

export function findChange<K extends Key, V>(root: Trie<K, V>, key: K, hash: number): Change<K, V> | undefined {
  const slot = slotOf(root, hash)
  if (slot === undefined) return undefined
  if ('key' in slot) return slot.key === key ? slot : undefined
  return slot.changes.find((change) => change.key === key)
}

/** Whether there is a change of any key with this hash. */
export function hasHash(root: Trie<Key, unknown>, hash: number): boolean {
  return slotOf(root, hash)?.hash === hash
}

function slotOf<K extends Key, V>(root: Trie<K, V>, hash: number): Change<K, V> | Collision<K, V> | undefined {
  let trie = root
  for (let shift = 0; ; shift += 5) {
    const bit = 1 << ((hash >>> shift) & 31)
    if ((trie.bitmap & bit) === 0) return undefined
    const slot = trie.slots[countBits(trie.bitmap & (bit - 1))]
    if (slot === undefined || !('bitmap' in slot)) return slot
    trie = slot
  }
}

/** The trie with one change more, in place of an earlier one of the same key. */
export function withChange<K extends Key, V>(root: Trie<K, V>, change: Change<K, V>): Trie<K, V> {
  // A trie with something put in is a trie: only single changes become one here.
  return insert(root, change, 0) as Trie<K, V>
}

function insert<K extends Key, V>(slot: Slot<K, V> | undefined, change: Change<K, V>, shift: number): Slot<K, V> {
  if (slot === undefined) return change
  if ('bitmap' in slot) {
    const bit = 1 << ((change.hash >>> shift) & 31)
    const index = countBits(slot.bitmap & (bit - 1))
    const slots = slot.slots.slice()
    if ((slot.bitmap & bit) === 0) slots.splice(index, 0, change)
    else slots[index] = insert(slot.slots[index], change, shift + 5)
    return { bitmap: slot.bitmap | bit, slots }
  }
  if ('key' in slot && slot.key === change.key) return change
  if (slot.hash === change.hash) {
    const others = 'key' in slot ? [slot] : slot.changes.filter(({ key }) => key !== change.key)
    return { hash: change.hash, changes: [...others, change] }
  }
  const parted: Trie<K, V> = { bitmap: 1 << ((slot.hash >>> shift) & 31), slots: [slot] }
  return insert(parted, change, shift)
}

/** What is there after all changes; removals are left out. */
export function* entriesOf<K extends Key, V>(slot: Slot<K, V>): IterableIterator<[K, V]> {
  if ('bitmap' in slot) for (const child of slot.slots) yield* entriesOf(child)
  else if ('changes' in slot) for (const change of slot.changes) yield* entriesOf(change)
  else if (slot.value !== undefined) yield [slot.key, slot.value]
}

function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const quads = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((quads + (quads >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

// Unknown to whoever chooses the keys, so that nobody can choose keys that collide.
let seed: number | undefined

/** An integer of 30 bits, which V8 keeps without a box. */
export function hashOf(key: Key): number {
  seed ??= Math.floor(Math.random() * 2 ** 32)
  const text = typeof key === 'string' ? key : String(key)
  let hash = seed
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 2
}
