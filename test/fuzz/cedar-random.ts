/** A small generator of random numbers that gives the same numbers for the same seed (splitmix32). */
export interface Random {
  /** 0 ≤ n < limit. */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** Between so many and so many items. */
  list<T>(least: number, most: number, item: (index: number) => T): T[]
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  const below = (limit: number): number => next() % limit
  return {
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick(list) {
      const item = list[below(list.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    list: (least, most, item) => Array.from({ length: least + below(most - least + 1) }, (_, index) => item(index)),
  }
}
