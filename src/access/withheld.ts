import type { Decision } from './question.ts'

/**
 * Whether what was decided on may go on: it is allowed, or it is denied where denials are only observed. The one place
 * that says so for whatever enforces decisions. Sallyport's own administration does not ask it: nothing is observed there.
 */
export function mayGoOn({ decision, observed }: Pick<Decision, 'decision' | 'observed'>): boolean {
  return decision === 'allow' || observed !== undefined
}

/** Whether it may go on, or at most a limit or a missing approval stands in the way of what the policies permit. */
export function isPermitted(decision: Decision): boolean {
  return mayGoOn(decision) || decision.withheld !== undefined
}

/** A decision as records name it. */
export type Verdict = 'allow' | 'deny' | 'observed-deny'

export function verdictOf({ decision, observed }: Pick<Decision, 'decision' | 'observed'>): Verdict {
  return decision === 'deny' && observed !== undefined ? 'observed-deny' : decision
}

/** What comes of several that only go on together. */
export function verdictOfAll(decisions: readonly Decision[]): Verdict {
  if (!decisions.every(mayGoOn)) return 'deny'
  return decisions.every(({ decision }) => decision === 'allow') ? 'allow' : 'observed-deny'
}
