/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** A whole number from 0 to `below`, without `below`. */
  below(below: number): number
  chance(part: number): boolean
  /** Undefined where there is nothing to pick from. */
  pick<T>(list: readonly T[]): T | undefined
}

/** mulberry32: small, and good enough for trying policies. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return { below, chance: (part) => next() < part, pick: (list) => list[below(list.length)] }
}
