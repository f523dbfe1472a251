import type { Context } from '../../kernel/index.ts'
import { couldAllowForChain, decideForChain, type Judgement, judgeChain, type Known } from '../decide-chain.ts'
import type { Decision, Question } from '../question.ts'
import { type ModesInForce, observedBy } from './modes-in-force.ts'
import { isAdministration, placesOf } from './places.ts'

/**
 * The decision, and whether a denial is only observed. INVARIANT: what is decided does not depend on modes; they say
 * only what a denial refuses. Where nothing is in observe, nobody looks.
 */
export function decideInMode(ctx: Context, question: Question, known: Known): Decision {
  const decision = decideForChain(ctx, question, known)
  const { modes } = known
  return modes === undefined || decision.decision === 'allow'
    ? decision
    : observedDecision(ctx, question, decision, { ...known, modes })
}

type KnownModes = Known & { readonly modes: ModesInForce }

function observedDecision(ctx: Context, question: Question, decision: Decision, known: KnownModes): Decision {
  if (isAdministration(question, known)) return decision
  if (isNeverObserved(judgeChain(ctx, question, known), known)) return decision
  const places = placesOf(ctx, question, known)
  const by = observedBy(places, known.modes.modes)
  return by.length === 0 ? decision : { ...decision, observed: { by, at: [...places.projects, ...places.routes] } }
}

/**
 * What no mode softens: the mandate, because it is the subject's own word; entries of deny lists, because they are the
 * emergency brake; and forbids that say `@always`, among them those of principals who are suspended, of credentials
 * that were narrowed, and of tools that nobody has accepted.
 */
export function isNeverObserved({ outside, listed, links }: Judgement, { set }: Known): boolean {
  if (outside !== undefined) return true
  if (listed.some(({ policy }) => policy.startsWith('list/deny/'))) return true
  return links.some(({ verdict }) => verdict.forbids.some((policy) => set.always.has(policy)))
}

/** Whether there are arguments with which a call could go on. */
export function couldGoOn(ctx: Context, question: Question, known: Known): boolean {
  if (couldAllowForChain(ctx, question, known)) return true
  const { modes } = known
  if (modes === undefined || isAdministration(question, known)) return false
  if (observedBy(placesOf(ctx, question, known), modes.modes).length === 0) return false
  // What fails for want of arguments is not what refuses whatever they are.
  return !isNeverObserved(judgeChain(ctx, { ...question, call: 'unknown' }, leniently(known)), known)
}

function leniently(known: Known): Known {
  return { ...known, set: { ...known.set, engine: known.set.lenient } }
}
