import { hash, randomBytes } from 'node:crypto'
import { BlurredSet } from './blurred-set.ts'
import type { Moment, Sight, Utterance } from './conversation.ts'

export interface EarlierLimits {
  /** Names that are remembered exactly, of each sort. */
  readonly names: number
  /** Characters of texts that wait to be read. */
  readonly characters: number
}

/**
 * Which addresses one actor has met in all its conversations, and whether somebody trustworthy or untrusted content had
 * them first. An agent that renews its token begins a new conversation, and whoever sums up the old one for it may do so
 * in the user's role: what a document brought up stays suspicious then. For a day.
 *
 * INVARIANT: bounds make nothing trustworthy. What is pushed out is remembered roughly, and after a text that could not
 * be read nothing new is believed.
 */
export class EarlierSights {
  readonly #limits: EarlierLimits
  /** By name, who was first to bring it up; the oldest first. */
  readonly #tainted = new Map<number, Sight>()
  /** By name, when somebody trustworthy last said it; the oldest first. */
  readonly #vouched = new Map<number, number>()
  readonly #blurred = new BlurredSet(REMEMBERED)
  #waiting: Utterance[] = []
  #waitingSize = 0
  /** When something untrusted was last said that could not be read. */
  #lost: Moment | undefined

  constructor(limits: EarlierLimits) {
    this.#limits = limits
  }

  /** Names that are remembered exactly. */
  get names(): number {
    return this.#tainted.size + this.#vouched.size
  }

  /** Characters that wait to be read. */
  get waiting(): number {
    return this.#waitingSize
  }

  /** Only takes note: what this costs is paid by `heed`. */
  hear(utterance: Utterance): void {
    this.#waiting.push(utterance)
    this.#waitingSize += utterance.text.length
    if (this.#waitingSize > this.#limits.characters) this.dropWaiting()
  }

  /** Something untrusted was said and will never be read. */
  lose(moment: Moment): void {
    this.#lost = moment
  }

  /** Reads what waits. */
  heed(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingSize = 0
    for (const utterance of waiting) {
      this.#forgetOld(utterance.sight.at)
      for (const name of utterance.names()) {
        if (utterance.strictness === 'loose') this.#taint(keyOf(name), utterance.sight)
        else this.#vouch(keyOf(name), utterance.sight)
      }
    }
  }

  /** Does not read what waits: there is too much. */
  dropWaiting(): void {
    const last = this.#waiting.findLast(({ strictness }) => strictness === 'loose')
    if (last !== undefined) this.lose(last.sight)
    this.#waiting = []
    this.#waitingSize = 0
  }

  /**
   * Who brought this address up before `moment`, where that was untrusted content; for an address that somebody names
   * then. Call `heed` first.
   */
  taintOf(name: string, moment: Moment): Sight | undefined {
    const key = keyOf(name)
    if (this.#isVouched(key, moment)) return undefined
    return this.#taintOf(key, moment)
  }

  /** Remembers roughly what it remembers exactly, to need less room. */
  blur(): void {
    for (const [key, { at }] of this.#tainted) this.#blurred.add(key, at)
    this.#tainted.clear()
  }

  #taintOf(key: number, moment: Moment): Sight | undefined {
    const sight = this.#tainted.get(key)
    if (sight !== undefined) return isFresh(sight, moment) ? sight : undefined
    if (this.#blurred.has(key, moment.at)) return SOMEWHERE
    return this.#lost !== undefined && isFresh(this.#lost, moment) ? SOMEWHERE : undefined
  }

  #isVouched(key: number, { at }: Moment): boolean {
    const vouchedAt = this.#vouched.get(key)
    return vouchedAt !== undefined && at - vouchedAt <= REMEMBERED
  }

  #taint(key: number, sight: Sight): void {
    if (this.#isVouched(key, sight) || this.#tainted.has(key)) return
    this.#tainted.set(key, sight)
    if (this.#tainted.size <= this.#limits.names) return
    for (const [oldest, { at }] of this.#tainted) {
      this.#blurred.add(oldest, at)
      this.#tainted.delete(oldest)
      return
    }
  }

  #vouch(key: number, sight: Sight): void {
    if (!this.#isVouched(key, sight) && this.#taintOf(key, sight) !== undefined) return
    this.#vouched.delete(key)
    this.#vouched.set(key, sight.at)
    if (this.#vouched.size <= this.#limits.names) return
    for (const oldest of this.#vouched.keys()) {
      this.#vouched.delete(oldest)
      return
    }
  }

  #forgetOld(now: number): void {
    for (const [key, { at }] of this.#tainted) {
      if (now - at <= REMEMBERED) break
      this.#tainted.delete(key)
    }
    for (const [key, at] of this.#vouched) {
      if (now - at <= REMEMBERED) break
      this.#vouched.delete(key)
    }
  }
}

const REMEMBERED = 24 * 60 * 60 * 1000

const SOMEWHERE: Sight = { kind: 'untrusted', server: undefined, order: -1, at: 0 }

function isFresh(earlier: Moment, { order, at }: Moment): boolean {
  return earlier.order < order && at - earlier.at <= REMEMBERED
}

// So that nobody outside can look for two names with one key.
const SALT = randomBytes(16).toString('base64')

function keyOf(name: string): number {
  return hash('sha256', SALT + name, 'buffer').readUIntBE(0, 6)
}
