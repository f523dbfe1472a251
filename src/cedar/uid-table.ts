import { EMPTY_TRIE, entriesOf, findChange, hasHash, hashOf, type Trie, withChange } from './hash-trie.ts'

/**
 * An immutable map from names of entities (`User::"alice"`), for the index. That a name is not there, the usual answer,
 * is told by one place in memory; a plain `Map` visits four or five, which with many policies are all out of cache.
 *
 * The base is an open-addressing table. Changes lie before it in a hash trie, until there are as many as the base has
 * entries; then both are merged.
 */
export class UidTable<V> {
  readonly size: number
  readonly #base: Base<V>
  readonly #changes: Trie<string, V> | undefined
  readonly #changeCount: number

  private constructor(base: Base<V>, changes: Trie<string, V> | undefined, changeCount: number, size: number) {
    this.#base = base
    this.#changes = changes
    this.#changeCount = changeCount
    this.size = size
  }

  static of<V>(entries: ReadonlyMap<string, V>): UidTable<V> {
    return new UidTable<V>(baseOf(entries), undefined, 0, entries.size)
  }

  /** False where no name with this hash is there. It takes no look at names, so it is worth asking first. */
  mayHave(hash: number): boolean {
    if (this.#changes !== undefined && hasHash(this.#changes, hash)) return true
    const { slots, mask } = this.#base
    for (let slot = hash & mask; slots[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      if (slots[2 * slot] === hash) return true
    }
    return false
  }

  get({ key, hash }: { readonly key: string; readonly hash: number }): V | undefined {
    const change = this.#changes === undefined ? undefined : findChange(this.#changes, key, hash)
    return change === undefined ? findEntry(this.#base, key, hash) : change.value
  }

  at(key: string): V | undefined {
    return this.get({ key, hash: hashOf(key) })
  }

  /** With `undefined` as value: without the key. */
  with(key: string, value: V | undefined): UidTable<V> {
    const before = this.at(key)
    if (before === value) return this
    const size = this.size + (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    const hash = hashOf(key)
    const isKnown = this.#changes !== undefined && findChange(this.#changes, key, hash) !== undefined
    const changes = withChange<string, V>(this.#changes ?? EMPTY_TRIE, { hash, key, value })
    const count = this.#changeCount + (isKnown ? 0 : 1)
    const next = new UidTable<V>(this.#base, changes, count, size)
    return count > MERGE_FROM && count > this.#base.keys.length ? UidTable.of(new Map(next)) : next
  }

  *[Symbol.iterator](): IterableIterator<[string, V]> {
    const { keys, values } = this.#base
    for (const [index, key] of keys.entries()) {
      const value = values[index]
      if (value === undefined) continue
      if (this.#changes === undefined || findChange(this.#changes, key, hashOf(key)) === undefined) yield [key, value]
    }
    if (this.#changes !== undefined) yield* entriesOf(this.#changes)
  }
}

const MERGE_FROM = 64

interface Base<V> {
  /** Two integers a slot: the hash of a key, and one more than its index; zero where there is none. */
  readonly slots: Int32Array
  /** One less than the number of slots, which is a power of two and more than twice the number of keys. */
  readonly mask: number
  readonly keys: readonly string[]
  readonly values: readonly V[]
}

function baseOf<V>(entries: ReadonlyMap<string, V>): Base<V> {
  const mask = 2 ** Math.ceil(Math.log2(2 * entries.size + 2)) - 1
  const slots = new Int32Array(2 * (mask + 1))
  const keys = [...entries.keys()]
  for (const [index, key] of keys.entries()) {
    const hash = hashOf(key)
    let slot = hash & mask
    while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask
    slots[2 * slot] = hash
    slots[2 * slot + 1] = index + 1
  }
  return { slots, mask, keys, values: [...entries.values()] }
}

function findEntry<V>({ slots, mask, keys, values }: Base<V>, key: string, hash: number): V | undefined {
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const index = (slots[2 * slot + 1] ?? 0) - 1
    if (index === -1) return undefined
    if (slots[2 * slot] === hash && keys[index] === key) return values[index]
  }
}
