import type { Clock } from '../../kernel/index.ts'

/**
 * Remembers a bounded number of things of many owners, for a bounded time after their last use. Where all together are too
 * many, whoever has most loses what they used longest ago: nobody can push out what is somebody else's.
 */
export class SharedMap<Value> {
  readonly #owners = new Map<string, Map<string, Entry<Value>>>()
  readonly #clock: Clock
  readonly #limit: number
  readonly #ttl: number
  #size = 0

  /** `ttl` in milliseconds. */
  constructor(clock: Clock, limit: number, ttl: number) {
    this.#clock = clock
    this.#limit = limit
    this.#ttl = ttl
  }

  get(owner: string, key: string): Value | undefined {
    const entries = this.#owners.get(owner)
    const entry = entries?.get(key)
    if (entries === undefined || entry === undefined) return undefined
    const now = this.#clock.now()
    if (now - entry.usedAt > this.#ttl) {
      this.delete(owner, key)
      return undefined
    }
    entries.delete(key)
    entries.set(key, { value: entry.value, usedAt: now })
    return entry.value
  }

  set(owner: string, key: string, value: Value): void {
    this.delete(owner, key)
    const entries = this.#owners.get(owner) ?? new Map<string, Entry<Value>>()
    this.#owners.set(owner, entries)
    entries.set(key, { value, usedAt: this.#clock.now() })
    this.#size++
    this.#forgetOld(owner, entries)
    if (this.#size > this.#limit) for (const [id, each] of this.#owners) this.#forgetOld(id, each)
    while (this.#size > this.#limit) this.#giveWay()
  }

  delete(owner: string, key: string): void {
    const entries = this.#owners.get(owner)
    if (entries?.delete(key) !== true) return
    this.#size--
    if (entries.size === 0) this.#owners.delete(owner)
  }

  #forgetOld(owner: string, entries: ReadonlyMap<string, Entry<Value>>): void {
    const now = this.#clock.now()
    for (const [key, { usedAt }] of entries) {
      if (now - usedAt <= this.#ttl) return
      this.delete(owner, key)
    }
  }

  #giveWay(): void {
    let largest = ''
    let most = 0
    for (const [owner, { size }] of this.#owners) if (size > most) [largest, most] = [owner, size]
    const [oldest] = this.#owners.get(largest)?.keys() ?? []
    // INVARIANT: the size is that of all owners, so that whoever has most has something.
    if (oldest === undefined) throw new TypeError('a shared map has lost count')
    this.delete(largest, oldest)
  }
}

interface Entry<Value> {
  readonly value: Value
  readonly usedAt: number
}
