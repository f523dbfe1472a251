import { AccessError } from '../errors.ts'

/** Requests, refused ones among them, that one principal makes in an hour. */
const PER_PRINCIPAL = 60
/** … and all of a tenant. */
const PER_TENANT = 3_000
const HOUR = 3_600_000

/** Counts who asks how often: looking at a request costs more than sending one. */
export class AskBounds {
  #hour = -1
  #all = 0
  readonly #byPrincipal = new Map<string, number>()

  /** Throws `requests_full`. */
  count(principal: string, now: number): void {
    const hour = Math.floor(now / HOUR)
    if (hour !== this.#hour) {
      this.#hour = hour
      this.#all = 0
      this.#byPrincipal.clear()
    }
    const own = this.#byPrincipal.get(principal) ?? 0
    if (own >= PER_PRINCIPAL) throw new AccessError('requests_full', `at most ${PER_PRINCIPAL} requests an hour`)
    if (this.#all >= PER_TENANT)
      throw new AccessError('requests_full', 'too many requests of this tenant within an hour')
    this.#byPrincipal.set(principal, own + 1)
    this.#all++
  }
}
