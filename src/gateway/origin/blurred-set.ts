/**
 * A set of numbers that takes the same room however many it holds (a Bloom filter), and forgets them after one to two
 * times `ttl`. What is in it is always found; what is not is found by mistake, one time in a hundred with 100,000
 * numbers, one in twelve with 200,000, and so on.
 */
export class BlurredSet {
  readonly #ttl: number
  // Two generations: the older one is dropped as a whole.
  #young: Generation | undefined
  #old: Generation | undefined

  /** `ttl` in milliseconds. */
  constructor(ttl: number) {
    this.#ttl = ttl
  }

  /** `key` below 2^48, spread evenly; `now` in milliseconds since the epoch. */
  add(key: number, now: number): void {
    this.#age(now)
    this.#young ??= { since: now, bits: new Uint32Array(BITS / 32) }
    const { bits } = this.#young
    for (let i = 0; i < PLACES; i++) {
      const place = placeOf(key, i)
      bits[place >>> 5] = (bits[place >>> 5] ?? 0) | (1 << (place & 31))
    }
  }

  has(key: number, now: number): boolean {
    this.#age(now)
    return isIn(key, this.#young) || isIn(key, this.#old)
  }

  #age(now: number): void {
    if (this.#young !== undefined && now - this.#young.since > this.#ttl) {
      this.#old = now - this.#young.since > 2 * this.#ttl ? undefined : this.#young
      this.#young = undefined
    }
    if (this.#old !== undefined && now - this.#old.since > 2 * this.#ttl) this.#old = undefined
  }
}

interface Generation {
  readonly since: number
  readonly bits: Uint32Array
}

// 128 KiB a generation.
const BITS = 2 ** 20
const PLACES = 4
const HALF = 2 ** 24

function isIn(key: number, generation: Generation | undefined): boolean {
  if (generation === undefined) return false
  for (let i = 0; i < PLACES; i++) {
    const place = placeOf(key, i)
    if (((generation.bits[place >>> 5] ?? 0) & (1 << (place & 31))) === 0) return false
  }
  return true
}

/** The places of a number from its two halves (Kirsch and Mitzenmacher, "Less Hashing, Same Performance"). */
function placeOf(key: number, index: number): number {
  const step = Math.floor(key / HALF) | 1
  return ((key % HALF) + index * step) % BITS
}
