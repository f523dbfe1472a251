import { type Address, masked, type Network } from './address.ts'

/**
 * Things by network. One map for each length of prefix that occurs, from the masked address: a look costs one look-up
 * for each of these, however many networks there are.
 */
export class NetworkTable<Item> {
  readonly #byFamily = { 4: new Map<number, Bucket<Item>>(), 6: new Map<number, Bucket<Item>>() }

  add({ family, words, prefix }: Network, item: Item): void {
    const buckets = this.#byFamily[family]
    const bucket = buckets.get(prefix) ?? new Map<string | number, Item[]>()
    buckets.set(prefix, bucket)
    const key = keyOf(words)
    const items = bucket.get(key)
    if (items === undefined) bucket.set(key, [item])
    else items.push(item)
  }

  remove({ family, words, prefix }: Network, item: Item): void {
    const buckets = this.#byFamily[family]
    const bucket = buckets.get(prefix)
    const key = keyOf(words)
    const left = bucket?.get(key)?.filter((one) => one !== item)
    if (bucket === undefined || left === undefined) return
    if (left.length > 0) bucket.set(key, left)
    else bucket.delete(key)
    if (bucket.size === 0) buckets.delete(prefix)
  }

  /** What was added with a network that has this address. */
  *find({ family, words }: Address): Iterable<Item> {
    for (const [prefix, bucket] of this.#byFamily[family]) {
      const items = bucket.get(keyOf(masked(words, prefix)))
      if (items !== undefined) yield* items
    }
  }
}

type Bucket<Item> = Map<string | number, Item[]>

function keyOf(words: readonly number[]): string | number {
  return words.length === 1 ? (words[0] ?? 0) : words.join()
}
