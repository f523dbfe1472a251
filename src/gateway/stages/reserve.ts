import type { Decision, Reserved } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Inspection, Plan } from '../protocol.ts'

/** A request of which everything is decided: what is done, and what was taken for it. */
export interface Ready {
  /** The final decisions: what cannot be had is denied. */
  readonly decisions: readonly Decision[]
  readonly plan: Plan
  readonly reserved: Reserved
}

/**
 * Takes what the request needs of limits and approvals, before anything is recorded; asks people for the approvals that
 * it lacks. What is answered here needs nothing: a listing shows what could be used.
 */
export function reserve(
  ctx: Context,
  { questions, proceed }: Pick<Inspection, 'questions' | 'proceed'>,
  decisions: readonly Decision[],
  access: GatewayPorts['access'],
): Ready | Promise<Ready> {
  const plan = proceed(decisions)
  const denied = (refused: readonly Decision[]): Ready | Promise<Ready> => {
    const asked = access.ask(ctx, questions, refused)
    const ready = (final: readonly Decision[]): Ready => {
      const refusal = proceed(final)
      // INVARIANT: nothing goes up without what it needs; of that, nothing is held any more.
      if (refusal.kind === 'forward') throw new TypeError('a refused request would have gone on')
      return { decisions: final, plan: refusal, reserved: NOTHING }
    }
    return asked instanceof Promise ? asked.then(ready) : ready(asked)
  }
  const ready = (reserved: Reserved): Ready | Promise<Ready> => {
    const { refused } = reserved
    // What became an observed denial goes on as it would have: the plan stands.
    return refused === undefined ? { decisions: reserved.decisions ?? decisions, plan, reserved } : denied(refused)
  }
  if (plan.kind === 'deny' && decisions.includes(plan.decision)) return denied(decisions)
  if (plan.kind !== 'forward') return { decisions, plan, reserved: NOTHING }
  const reserved = access.reserve(ctx, questions, decisions)
  return reserved instanceof Promise ? reserved.then(ready) : ready(reserved)
}

const NOTHING: Reserved = { settle: () => undefined, release: () => undefined }
