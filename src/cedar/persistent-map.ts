import { EMPTY_TRIE, entriesOf, findChange, hashOf, type Key, type Trie, withChange } from './hash-trie.ts'

/**
 * An immutable map that shares structure: `with` costs microseconds whatever the size.
 *
 * What was there at the start lies in one plain `Map`, the fastest thing to read. Changes lie beside it in a hash trie.
 * The plain map is shared by all versions; a key that any of them has changed is marked in it, so that reading a key
 * that none has changed looks at nothing else. Once there are more changes than the base has entries, both are merged
 * into a new base, so the cost of merging is spread over as many changes.
 */
export class PersistentMap<K extends Key, V> {
  readonly size: number
  readonly #base: Map<K, V | Marked<V>>
  readonly #changes: Trie<K, V> | undefined
  readonly #changeCount: number

  private constructor(base: Map<K, V | Marked<V>>, changes: Trie<K, V> | undefined, changeCount: number, size: number) {
    this.#base = base
    this.#changes = changes
    this.#changeCount = changeCount
    this.size = size
  }

  /** Takes the map over: whoever gives it must not use it any more. */
  static of<K extends Key, V>(map: Map<K, V>): PersistentMap<K, V> {
    return new PersistentMap<K, V>(map, undefined, 0, map.size)
  }

  get(key: K): V | undefined {
    const found = this.#base.get(key)
    const original = found instanceof Marked ? found.value : found
    if (this.#changes === undefined || (found !== undefined && found === original)) return original
    const change = findChange(this.#changes, key, hashOf(key))
    return change === undefined ? original : change.value
  }

  /** With `undefined` as value: without the key. */
  with(key: K, value: V | undefined): PersistentMap<K, V> {
    const before = this.get(key)
    if (before === value) return this
    const size = this.size + (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    const hash = hashOf(key)
    const isKnown = this.#changes !== undefined && findChange(this.#changes, key, hash) !== undefined
    const changes = withChange<K, V>(this.#changes ?? EMPTY_TRIE, { hash, key, value })
    const count = this.#changeCount + (isKnown ? 0 : 1)
    const original = this.#base.get(key)
    // INVARIANT: the mark says only that some version has a change; what each version reads stays the same.
    if (original !== undefined && !(original instanceof Marked)) this.#base.set(key, new Marked(original))
    const next = new PersistentMap<K, V>(this.#base, changes, count, size)
    return count > MERGE_FROM && count > this.#base.size ? PersistentMap.of(new Map(next)) : next
  }

  *[Symbol.iterator](): IterableIterator<[K, V]> {
    const changes = this.#changes
    for (const [key, found] of this.#base) {
      if (!(found instanceof Marked)) yield [key, found]
      else if (changes === undefined || findChange(changes, key, hashOf(key)) === undefined) yield [key, found.value]
    }
    if (changes !== undefined) yield* entriesOf(changes)
  }
}

const MERGE_FROM = 64

/** A value in the base whose key some version has changed. */
class Marked<V> {
  readonly value: V

  constructor(value: V) {
    this.value = value
  }
}
