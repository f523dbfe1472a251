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
 * Takes what the request needs of limits and approvals, before anything is recorded. What is answered here needs
 * nothing: a listing shows what could be used.
 */
export function reserve(
  ctx: Context,
  { questions, proceed }: Pick<Inspection, 'questions' | 'proceed'>,
  decisions: readonly Decision[],
  access: GatewayPorts['access'],
): Ready | Promise<Ready> {
  const plan = proceed(decisions)
  const ready = (reserved: Reserved): Ready => {
    const { refused } = reserved
    return refused === undefined
      ? { decisions, plan, reserved }
      : { decisions: refused, plan: proceed(refused), reserved }
  }
  if (plan.kind !== 'forward') return { decisions, plan, reserved: NOTHING }
  const reserved = access.reserve(ctx, questions, decisions)
  return reserved instanceof Promise ? reserved.then(ready) : ready(reserved)
}

const NOTHING: Reserved = { settle: () => undefined, release: () => undefined }
