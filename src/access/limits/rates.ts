import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** Counts rates, each key in windows that begin with its first use. Kept in memory: a restart forgets them. */
export interface Rates {
  /** How many there are in the window that runs. */
  count(rate: Rate, key: string): number
  /** Seconds until one more would fit, or 0; consumes nothing. */
  wait(rate: Rate, key: string): number
  /** Counts one, or says in how many seconds it would fit. `beyond`: it is counted even where it does not fit. */
  take(rate: Rate, key: string, beyond?: boolean): Promise<RateTaken | { readonly wait: number }>
  /** Every key that is counted, with what is used of it now. */
  used(rate: Rate): readonly { readonly key: string; readonly used: number; readonly resets: number }[]
  /** Forgets what was counted. */
  reset(rate: Rate, key: string): Promise<void>
}

/** A rate of one statement. */
export interface Rate {
  /** Names it among all. */
  readonly id: string
  readonly points: number
  /** Seconds. */
  readonly duration: number
}

export interface RateTaken {
  /** How many there are now in this window. */
  readonly used: number
  release(): void
}

/** Where nobody else is pushed out, nobody new comes in: a rate counts this many keys at once. */
const MOST_KEYS = 10_000

/**
 * Opens the counters. `monotonic` in milliseconds: what a moment is here has nothing to do with the clock on the wall.
 */
export function openRates(monotonic: () => number = () => performance.now(), mostKeys = MOST_KEYS): Rates {
  const counters = new Map<string, Counter>()
  const counterOf = ({ id, points, duration }: Rate): Counter => {
    const known = counters.get(id)
    if (known !== undefined && known.points === points && known.duration === duration) return known
    const limiter = new RateLimiterMemory({ points, duration, keyPrefix: '' })
    const made = { points, duration, limiter, seen: new Map(), fullUntil: 0 }
    counters.set(id, made)
    return made
  }
  const secondsTo = (moment: number): number => Math.max(1, Math.ceil((moment - monotonic()) / 1000))

  return {
    count(rate, key) {
      const seen = counters.get(rate.id)?.seen.get(key)
      return seen === undefined || seen.until <= monotonic() ? 0 : seen.used
    },
    wait(rate, key) {
      const seen = counters.get(rate.id)?.seen.get(key)
      if (seen === undefined || seen.until <= monotonic() || seen.used < rate.points) return 0
      return secondsTo(seen.until)
    },
    async take(rate, key, beyond = false) {
      const counter = counterOf(rate)
      if (!hasRoom(counter, key, monotonic(), mostKeys)) return { wait: secondsTo(counter.fullUntil) }
      const answer = await consume(counter.limiter, key)
      const until = endOf(counter, key, answer, monotonic())
      if (answer.consumedPoints > rate.points && !beyond) {
        // What is refused has used nothing.
        await counter.limiter.reward(key, 1)
        counter.seen.set(key, { used: rate.points, until })
        return { wait: secondsTo(until) }
      }
      counter.seen.set(key, { used: answer.consumedPoints, until })
      return { used: answer.consumedPoints, release: () => giveBack(counter, key, until, monotonic()) }
    },
    used(rate) {
      const now = monotonic()
      return [...(counters.get(rate.id)?.seen ?? [])]
        .filter(([, { until }]) => until > now)
        .map(([key, { used, until }]) => ({ key, used, resets: secondsTo(until) }))
    },
    async reset(rate, key) {
      const counter = counters.get(rate.id)
      counter?.seen.delete(key)
      await counter?.limiter.delete(key)
    },
  }
}

interface Counter {
  readonly points: number
  readonly duration: number
  readonly limiter: RateLimiterMemory
  /** What the limiter last said of each key: it cannot be asked without waiting. `until` is monotonic. */
  readonly seen: Map<string, Seen>
  fullUntil: number
}

interface Seen {
  readonly used: number
  readonly until: number
}

/** Whether the key is counted, or can be. A full counter is looked through once for each window that ends. */
function hasRoom(counter: Counter, key: string, now: number, mostKeys: number): boolean {
  if (counter.seen.has(key) || counter.seen.size < mostKeys) return true
  if (now < counter.fullUntil) return false
  let next = Number.POSITIVE_INFINITY
  for (const [one, { until }] of counter.seen) {
    if (until <= now) counter.seen.delete(one)
    else next = Math.min(next, until)
  }
  if (counter.seen.size < mostKeys) return true
  counter.fullUntil = next
  return false
}

/** A refusal is what the limiter rejects with. */
async function consume(limiter: RateLimiterMemory, key: string): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key)
  } catch (error) {
    if (error instanceof RateLimiterRes) return error
    throw error
  }
}

/**
 * When the window of a key ends. INVARIANT: it is found when the window begins and stays, whatever the clock on the wall,
 * by which the limiter reckons, does meanwhile.
 */
function endOf({ seen, duration }: Counter, key: string, answer: RateLimiterRes, now: number): number {
  const known = seen.get(key)
  if (known !== undefined && known.until > now && !answer.isFirstInDuration) return known.until
  return now + Math.min(answer.msBeforeNext, duration * 1000)
}

/** A window that has ended is over: what was counted there is not taken from the next. */
function giveBack(counter: Counter, key: string, until: number, now: number): void {
  const seen = counter.seen.get(key)
  if (seen === undefined || now >= until || seen.until !== until) return
  counter.seen.set(key, { ...seen, used: Math.max(0, seen.used - 1) })
  void counter.limiter.reward(key, 1)
}
