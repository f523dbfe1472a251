import type { Context } from '../kernel/index.ts'
import { askingIn } from './approvals/needed-approval.ts'
import { judgeChain, type Known, prepare } from './decide-chain.ts'
import { layerText } from './layers.ts'
import { decideInMode } from './modes/decide-in-mode.ts'
import type { Decision, Question } from './question.ts'

/** A decision for somebody to read. */
export interface Explanation {
  readonly decision: Decision
  /** Paragraphs: for each principal what decided, with values, or what came nearest; then the policies as written. */
  readonly text: readonly string[]
}

/**
 * Explains a decision to `viewer`. Whoever may ask for decisions is told policy, value and remedy; anybody else only
 * how it was decided.
 */
export function explainTo(viewer: Context, ctx: Context, question: Question, known: Known): Explanation {
  const decision = decideInMode(ctx, question, known)
  if (!mayKnow(viewer, known)) {
    const { decision: outcome, revision } = decision
    return { decision: { decision: outcome, reasons: [], errors: [], revision, facts: {} }, text: [] }
  }
  return {
    decision,
    text: [
      ...linkTexts(ctx, question, known),
      ...observedTexts(decision),
      ...approvalTexts(ctx, question, decision, known),
      ...policyTexts(decision, known),
    ],
  }
}

function mayKnow(viewer: Context, known: Known): boolean {
  const question = { action: 'decision:ask', resource: { type: 'Tenant', id: viewer.tenant } }
  return judgeChain(viewer, question, known).hindrance === undefined
}

function linkTexts(ctx: Context, question: Question, known: Known): readonly string[] {
  const { links, outside, listed } = judgeChain(ctx, question, known)
  const { context, entities, resource, action } = prepare(ctx, question, known)
  const texts = links.map(({ principal, verdict }) => {
    const { text } = known.set.engine.explain({ principal, action, resource, context }, entities)
    const [, ...rest] = text.split('\n')
    const head = `${principal.type}::${principal.id}: ${verdict.isAllowed ? 'allowed' : 'denied'}`
    const ceilings = verdict.ceilings.map(
      ({ name, layer }) => `refused by ${name}: ${layerText(layer)} does not let this be granted`,
    )
    const isDeclared = known.set.schema.vocabulary.applies(question.action, principal.type, question.resource.type)
    const undeclared = isDeclared ? [] : ['the schema does not declare this action for such a principal or resource']
    return [head, ...undeclared, ...ceilings, ...rest].join('\n')
  })
  return [
    ...texts,
    ...(outside === undefined ? [] : [`refused by the mandate: ${outside}`]),
    ...listed.map(
      ({ policy, title, why }) => `refused by ${policy}: ${title ?? ''}${why === undefined ? '' : ` (${why})`}`,
    ),
  ]
}

function observedTexts({ observed }: Decision): readonly string[] {
  return observed === undefined ? [] : [`refuses nothing: ${observed.by.join(', ')} in observe`]
}

/** What an approval has done, or would do. */
function approvalTexts(ctx: Context, question: Question, decision: Decision, known: Known): readonly string[] {
  const asking = askingIn(judgeChain(ctx, question, known).links, known.set.asking)
  if (asking.length === 0) return []
  const names = asking.join(', ')
  if (decision.approval !== undefined)
    return [`allowed once all the same: the approval ${decision.approval} lifts ${names}`]
  const isAdvised = decision.advice?.some(({ kind }) => kind === 'approval') === true
  return isAdvised ? [`an approval of exactly this by somebody else lifts ${names}`] : []
}

/** The policies behind a decision as they were written, each after its place. */
function policyTexts({ reasons }: Decision, known: Known): readonly string[] {
  const ids = [...new Set(reasons.map(({ policy }) => policy))]
  return ids.flatMap((id) => {
    const policy = known.set.engine.policy(id)
    if (policy === undefined) return []
    const { source, line } = policy.position
    return [`${source === undefined ? '' : `${source}:`}${line}\n${policy.text}`]
  })
}
