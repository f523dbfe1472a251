import { actorOf, type Caller, type Clock, type PrincipalId } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'

/** A stream without an end of its own. */
export interface OpenStream {
  readonly caller: Caller
  /** Decides again whether it may go on. */
  isAllowed(): boolean
  /** Ends it, for a reason in words for the caller. */
  end(why: string): void
}

export interface OpenStreamsOptions {
  readonly clock: Clock
  /** Whether the credential is still good and everybody in the chain in good standing. */
  readonly holds: (caller: Caller) => boolean
  /** What decisions are made by; when it is another, they may be others. */
  readonly basis: () => unknown
}

/**
 * The streams without an end of their own. What was decided when they began does not hold for ever: each ends when its
 * credential expires or is revoked, and when it would not be allowed any more.
 */
export class OpenStreams {
  readonly #options: OpenStreamsOptions
  readonly #open = new Set<OpenStream>()
  readonly #byActor = new Map<PrincipalId, number>()
  #timer: NodeJS.Timeout | undefined
  #basis: unknown
  #decidedAt = 0
  #isChanged = false

  constructor(options: OpenStreamsOptions) {
    this.#options = options
  }

  /** Returns how to stop watching it. Throws `too_many_streams`, and `cut` for one that may not go on even now. */
  add(stream: OpenStream): () => void {
    const actor = actorOf(stream.caller).id
    const many = this.#byActor.get(actor) ?? 0
    if (many >= MOST_EACH) throw new GatewayError('too_many_streams', `more than ${MOST_EACH} streams are open`)
    if (!this.#options.holds(stream.caller)) throw new GatewayError('cut', REVOKED)
    this.#open.add(stream)
    this.#byActor.set(actor, many + 1)
    this.#watch()
    return () => {
      if (!this.#open.delete(stream)) return
      const left = (this.#byActor.get(actor) ?? 1) - 1
      if (left > 0) this.#byActor.set(actor, left)
      else this.#byActor.delete(actor)
      if (this.#open.size === 0) this.close()
    }
  }

  /** Ends at once what its caller's credential or standing does not hold any more, and soon what would be denied. */
  lookAgain(): void {
    this.#isChanged = true
    for (const stream of [...this.#open]) if (!this.#options.holds(stream.caller)) stream.end(REVOKED)
  }

  /** Stops watching. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #watch(): void {
    if (this.#timer !== undefined) return
    this.#basis = this.#options.basis()
    this.#decidedAt = this.#options.clock.now()
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY)
    this.#timer.unref()
  }

  #look(): void {
    const now = this.#options.clock.now()
    const basis = this.#options.basis()
    // Some rules go by the time.
    const isDue = this.#isChanged || basis !== this.#basis || now - this.#decidedAt >= DECIDE_EVERY
    if (isDue) {
      this.#isChanged = false
      this.#basis = basis
      this.#decidedAt = now
    }
    for (const stream of [...this.#open]) {
      if (stream.caller.expiresAt <= now) stream.end('the credential expired while the stream was open')
      else if (isDue && !isAllowed(stream)) stream.end('access was taken away while the stream was open')
    }
  }
}

/** What cannot be decided is denied. */
function isAllowed(stream: OpenStream): boolean {
  try {
    return stream.isAllowed()
  } catch {
    return false
  }
}

const MOST_EACH = 100
// In milliseconds.
const LOOK_EVERY = 1000
const DECIDE_EVERY = 10_000
const REVOKED = 'the credential was revoked, or somebody suspended, while the request was under way'
