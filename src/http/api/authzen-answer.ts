import { type Advice, type Decision, mayGoOn } from '../../access/index.ts'
import type { Json } from '../../kernel/index.ts'
import type { Properties } from './authzen-request.ts'

/** AuthZEN 1.0, "Decision". */
export interface Answer {
  readonly decision: boolean
  readonly context?: { readonly [name: string]: Json }
}

/** The obligation types that we issue (AuthZEN Profile for Obligations, "Discovery"). */
export const SUPPORTED_OBLIGATIONS: readonly string[] = ['step-up']

/** A decision for whoever may ask for decisions: policies and their titles, and what would help. No values. */
export function answerOf(decision: Decision, context: Properties | undefined): Answer {
  const { revision, reasons, remedy, advice } = decision
  const said: { [name: string]: Json } = {
    revision,
    reasons: reasons.map(({ policy, title }) => (title === undefined ? { policy } : { policy, title })),
  }
  // Where denials are only observed, an enforcement point that knows nothing of modes lets it pass like everything else.
  if (decision.observed !== undefined) said.observed = { decision: false, by: [...decision.observed.by] }
  if (mayGoOn(decision)) return { decision: true, context: said }
  if (remedy !== undefined) said.remedy = remedy
  if (advice !== undefined) {
    said.advice = advice.map((one) => ({ ...one }))
    const obligations = obligationsOf(advice, context)
    if (obligations.length > 0) said.obligations = obligations
  }
  return { decision: false, context: said }
}

/** Whoever is not in the directory may do nothing; the answer does not say whether it was that. */
export function answerForNobody(revision: string): Answer {
  return { decision: false, context: { revision, reasons: [] } }
}

/** "Errors in individual evaluations": decisions default to closed. */
export function answerToProblem(message: string): Answer {
  return { decision: false, context: { error: { status: 400, message } } }
}

/** An enforcement point that says which types it supports is not given others, which it would have to treat as denials. */
function obligationsOf(advice: readonly Advice[], context: Properties | undefined): readonly Json[] {
  const supported = context?.supported_obligations
  if (Array.isArray(supported) && !supported.includes('step-up')) return []
  return advice.flatMap((one) =>
    one.kind === 'step_up'
      ? [{ id: 'step-up', type: 'step-up', properties: { acr_value: one.acr, max_age: one.maxAge } }]
      : [],
  )
}
