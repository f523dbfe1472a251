import type { Context } from '../kernel/index.ts'
import type { Advice } from './advice.ts'
import { couldAllowForChain, decideForChain, type Known } from './decide-chain.ts'
import type { Question, Reason } from './question.ts'

/** When somebody may do something: `now`, `after` following the advice, or `perhaps`: it depends on arguments. */
export interface Allowed {
  readonly when: 'now' | 'after' | 'perhaps'
  /** The grants behind it. */
  readonly reasons: readonly Reason[]
  readonly advice?: readonly Advice[]
}

/** Undefined where nothing helps, or only a grant would. */
export function whenAllowed(ctx: Context, question: Question, known: Known): Allowed | undefined {
  const { decision, reasons, advice = [] } = decideForChain(ctx, question, known)
  if (decision === 'allow') return { when: 'now', reasons }
  // What an administrator would have to grant is not what somebody may do.
  if (advice.length > 0 && advice.every(({ kind }) => kind === 'step_up' || kind === 'approval')) {
    return { when: 'after', reasons: [], advice }
  }
  return couldAllowForChain(ctx, question, known) ? { when: 'perhaps', reasons: [] } : undefined
}
