/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 up to 1, without 1. */
  next(): number
  /** A whole number from 0 to `below`, without `below`. */
  below(below: number): number
  chance(part: number): boolean
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T
  /** The name of one of these, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name
}

/** mulberry32: small, and good enough for traffic. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    next,
    below,
    chance: (part) => next() < part,
    pick(list) {
      const found = list[below(list.length)]
      if (found === undefined) throw new RangeError('nothing to pick from')
      return found
    },
    weighted(weights) {
      const entries = Object.entries<number>(weights)
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [name, weight] of entries) {
        left -= weight
        // A key of the record that was given.
        if (left < 0) return name as keyof typeof weights
      }
      throw new RangeError('nothing to pick from')
    },
  }
}
