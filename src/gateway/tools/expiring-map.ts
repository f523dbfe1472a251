import type { Clock } from '../../kernel/index.ts'

/** Remembers a bounded number of things for a bounded time after their last use; the least used are forgotten first. */
export class ExpiringMap<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly usedAt: number }>()
  readonly #clock: Clock
  readonly #size: number
  readonly #ttl: number

  /** `ttl` in milliseconds. */
  constructor(clock: Clock, size: number, ttl: number) {
    this.#clock = clock
    this.#size = size
    this.#ttl = ttl
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (this.#clock.now() - entry.usedAt > this.#ttl) return undefined
    this.#entries.set(key, { value: entry.value, usedAt: this.#clock.now() })
    return entry.value
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, usedAt: this.#clock.now() })
    for (const [oldest, { usedAt }] of this.#entries) {
      if (this.#entries.size <= this.#size && this.#clock.now() - usedAt <= this.#ttl) return
      this.#entries.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
