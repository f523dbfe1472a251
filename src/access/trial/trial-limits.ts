import type { Context } from '../../kernel/index.ts'
import { type Known, prepareWithoutUsage } from '../decide-chain.ts'
import { type Applying, applyingTo } from '../limits/applying.ts'
import type { Limits } from '../limits/limits.ts'
import { type Need, needsOf } from '../limits/needs.ts'
import { refusalOf, type Unmet } from '../limits/refusal.ts'
import { lengthOf, type Window, type WindowName } from '../limits/windows.ts'
import type { Decision, Question } from '../question.ts'

/** Limits as a trial counts them: nothing is used before it begins, and nothing of it is kept. */
export interface TrialLimits extends Pick<Limits, 'look' | 'share'> {
  /** Uses what the request needs, as enforcing it would; only for what is allowed. */
  use(ctx: Context, question: Question): void
  /** The statements that match, each with its allowances. */
  applying(ctx: Context, question: Question): readonly Applying[]
}

/**
 * Counts for one case, by the same rules as a running tenant. INVARIANT: a rate's window begins with its first use, a
 * budget's with the calendar; what is refused uses nothing.
 */
export function trialLimits(known: Known, windowOf: (name: WindowName, now: number) => Window): TrialLimits {
  const counts = new Map<string, { used: number; until: number }>()
  const applying: TrialLimits['applying'] = (ctx, question) => {
    const { limits } = known.set
    return limits === undefined ? [] : applyingTo(ctx.caller, prepareWithoutUsage(ctx, question, known), limits)
  }
  const needs = (ctx: Context, question: Question): readonly Need[] => {
    const action = known.set.schema.vocabulary.uidOf(question.action)
    return needsOf(applying(ctx, question), question, action.id)
  }
  const usedOf = (need: Need, now: number): number => {
    const count = counts.get(keyOf(need))
    return count === undefined || now >= count.until ? 0 : count.used
  }
  const endOf = (need: Need, now: number): number => {
    const { window } = need.allowance
    const until = counts.get(keyOf(need))?.until
    if (until !== undefined && now < until) return until
    return need.kind === 'rate' ? now + (lengthOf(window) ?? 0) : windowOf(window, now).end
  }
  return {
    applying,
    look(ctx, question, decision): Decision {
      if (decision.decision === 'deny') return decision
      const now = ctx.clock.now()
      const unmet = needs(ctx, question).flatMap((need): readonly Unmet[] => {
        if (usedOf(need, now) + countOf(need) <= mostOf(need)) return []
        const isNever = countOf(need) > mostOf(need)
        return [{ need, wait: isNever ? undefined : Math.max(1, Math.ceil((endOf(need, now) - now) / 1000)) }]
      })
      return unmet.length === 0 ? decision : refusalOf(decision, unmet)
    },
    share(ctx, question) {
      const now = ctx.clock.now()
      const shares = needs(ctx, question).map((need) => Math.floor((usedOf(need, now) * 100) / mostOf(need)))
      return shares.length === 0 ? undefined : Math.max(...shares)
    },
    use(ctx, question) {
      const now = ctx.clock.now()
      for (const need of needs(ctx, question)) {
        counts.set(keyOf(need), { used: usedOf(need, now) + countOf(need), until: endOf(need, now) })
      }
    },
  }
}

function keyOf({ applying, allowance }: Need): string {
  return JSON.stringify([applying.statement.id, allowance.unit, allowance.window, applying.key])
}

function countOf(need: Need): number {
  return need.kind === 'rate' ? 1 : need.count
}

function mostOf(need: Need): number {
  return need.kind === 'rate' ? need.rate.points : need.most
}
