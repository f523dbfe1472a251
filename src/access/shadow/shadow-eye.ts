import type { Context } from '../../kernel/index.ts'
import type { Known } from '../decide-chain.ts'
import type { Followed } from '../policies-in-force.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Decision, Question } from '../question.ts'
import type { Affected } from './affected.ts'
import { type Judged, judgedUnder, type Moment, momentOf } from './moment.ts'

/** How many decisions it has seen, and what became of them. */
export interface ShadowCounts {
  readonly seen: number
  /** Those that a changed policy can have a say in; all others both sets decide alike. */
  readonly concerned: number
  /** Those that were decided under the candidate, too. */
  readonly judged: number
  /** Concerned, and left out: there were more than its share of the work allows. */
  readonly skipped: number
  readonly differing: number
}

export interface ShadowEyeOptions extends ShadowHooks {
  readonly candidate: Followed
  readonly affected: Affected
}

export interface ShadowHooks {
  /** Told of each decision that would be another one. */
  readonly onDifference: (moment: Moment, judged: Judged) => void
  /** Told once: the candidate cannot go on. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Looks at decisions after they are made, and decides some of them under a candidate, when nothing else is to do.
 * INVARIANT: a decision waits for nothing here, and nothing that fails here reaches it; of what deciding costs, it takes
 * no more than `SHARE`, however many requests it concerns.
 */
export class ShadowEye {
  readonly #options: ShadowEyeOptions
  readonly #counts = { seen: 0, concerned: 0, judged: 0, skipped: 0, differing: 0 }
  #waiting: { readonly moment: Moment; readonly candidate: PolicySet }[] = []
  #credit = MOST_CREDIT
  #threshold = 1
  #isScheduled = false
  #isEnded = false

  constructor(options: ShadowEyeOptions) {
    this.#options = options
  }

  get counts(): ShadowCounts {
    return { ...this.#counts }
  }

  saw(ctx: Context, question: Question, decision: Decision, known: Known): void {
    if (this.#isEnded) return
    try {
      this.#look(ctx, question, decision, known)
    } catch (error) {
      this.#fail(error)
    }
  }

  end(): void {
    this.#isEnded = true
    this.#waiting = []
    this.#options.candidate.end()
  }

  /** Ends it for a reason that whoever watches is told. */
  abandon(why: unknown): void {
    this.#fail(why)
  }

  #look(ctx: Context, question: Question, decision: Decision, known: Known): void {
    const counts = this.#counts
    counts.seen++
    this.#credit = Math.min(this.#credit + SHARE, MOST_CREDIT)
    if (!this.#options.affected.concerns(question.action, ctx.caller.chain, known.entities)) return
    counts.concerned++
    // What mandate or lists refuse, no policy allows.
    if (isSettled(decision, known)) {
      counts.judged++
      return
    }
    if (this.#credit < this.#threshold || this.#waiting.length >= MOST_WAITING) {
      counts.skipped++
      return
    }
    const candidate = this.#options.candidate.current()
    // It has to have the roles of the moment, and nobody waits for that.
    if (candidate === undefined) {
      counts.skipped++
      return
    }
    this.#credit -= 1
    // Not every n-th: requests have a rhythm, too.
    this.#threshold = 1 + Math.random() * 4
    this.#waiting.push({ moment: momentOf(ctx, question, decision, known), candidate })
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#judgeSome())
  }

  #judgeSome(): void {
    this.#isScheduled = false
    if (this.#isEnded) return
    const since = performance.now()
    try {
      let done = 0
      for (const { moment, candidate } of this.#waiting) {
        const judged = judgedUnder(candidate, moment)
        done++
        this.#counts.judged++
        if (isOther(moment.decision, judged)) {
          this.#counts.differing++
          this.#options.onDifference(moment, judged)
        }
        if (performance.now() - since > TURN) break
      }
      this.#waiting.splice(0, done)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#waiting.length === 0) return
    this.#isScheduled = true
    setImmediate(() => this.#judgeSome())
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return
    this.end()
    this.#options.onFailure(error)
  }
}

/** Decisions that are made again, for each that is made. */
const SHARE = 0.12
/** To begin with, and after a time in which few were concerned, so many in a row. */
const MOST_CREDIT = 200
const MOST_WAITING = 500
/** Milliseconds until others get their turn. */
const TURN = 2

/** Refused by the mandate or by a list: names that no policy in force has. */
function isSettled({ decision, reasons }: Decision, { set }: Known): boolean {
  if (decision === 'allow') return false
  return reasons.some(({ policy }) => set.engine.policy(policy) === undefined && isNoPolicy(policy))
}

function isNoPolicy(name: string): boolean {
  return name === 'mandate' || name.startsWith('list/')
}

/** What a limit alone refused, the policies allowed. */
function isOther(decision: Decision, judged: Judged): boolean {
  const was = decision.decision === 'allow' || decision.withheld === 'limit'
  return was !== (judged.decision === 'allow')
}
