/** A change as it is kept. */
export interface KeptChange {
  readonly version: number
  /** See `WorldChange`. */
  readonly key: string
  /** JSON; null where there is nothing any more, or nobody knows any more what there was. */
  readonly value: string | null
  /** Somebody was forgotten who is named here. */
  readonly erased: boolean
}

interface Held {
  readonly version: number
  readonly value: string | undefined
  readonly erased: boolean
}

/**
 * All states that decisions were made in, by version. A state is everything that the newest change up to its version
 * says of each key.
 */
export class WorldTimeline {
  readonly #byKey = new Map<string, Held[]>()
  readonly #versions: number[] = []
  readonly #keys: string[][] = []
  readonly #known = new Map<number, number>()
  #erased = 0

  /** In the order of their versions. */
  constructor(changes: Iterable<KeptChange>) {
    for (const { version, key, value, erased } of changes) {
      let at = this.#known.get(version)
      if (at === undefined) {
        at = this.#versions.length
        this.#known.set(version, at)
        this.#versions.push(version)
        this.#keys.push([])
      }
      if (erased) this.#erased++
      // A state in which nothing was changed: it was only begun with.
      if (key === '') continue
      this.#keys[at]?.push(key)
      const held = { version, value: value ?? undefined, erased }
      const before = this.#byKey.get(key)
      if (before === undefined) this.#byKey.set(key, [held])
      else before.push(held)
    }
  }

  get versions(): number {
    return this.#versions.length
  }

  /** Whether anybody was forgotten of whom something was kept. */
  get hasErased(): boolean {
    return this.#erased > 0
  }

  /** Whether that state is kept whole. */
  knows(version: number): boolean {
    return this.#known.has(version)
  }

  /** What there was of a key; JSON. */
  valueAt(key: string, version: number): string | undefined {
    return this.#at(key, version)?.value
  }

  isErased(key: string, version: number): boolean {
    return this.#at(key, version)?.erased === true
  }

  /** Keys that are not the same in both states, or were changed in between. `undefined`: before everything. */
  changedBetween(a: number | undefined, b: number): ReadonlySet<string> {
    const [from, to] = a === undefined ? [-1, b] : [Math.min(a, b), Math.max(a, b)]
    const keys = new Set<string>()
    for (let at = this.#firstAfter(from); at < this.#versions.length; at++) {
      if ((this.#versions[at] ?? 0) > to) break
      for (const key of this.#keys[at] ?? []) keys.add(key)
    }
    return keys
  }

  #at(key: string, version: number): Held | undefined {
    const held = this.#byKey.get(key)
    if (held === undefined) return undefined
    // Most states that are asked for are among the newest.
    for (let at = held.length - 1; at >= 0; at--) {
      const one = held[at]
      if (one !== undefined && one.version <= version) return one
      if (held.length - at > NEAR) break
    }
    let [low, high] = [0, held.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((held[middle]?.version ?? 0) <= version) low = middle + 1
      else high = middle
    }
    return held[low - 1]
  }

  #firstAfter(version: number): number {
    let [low, high] = [0, this.#versions.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#versions[middle] ?? 0) <= version) low = middle + 1
      else high = middle
    }
    return low
  }
}

const NEAR = 4
