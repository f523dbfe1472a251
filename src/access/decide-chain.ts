import type { Entities, Uid } from '../cedar/index.ts'
import type { Context, Json, PrincipalRef } from '../kernel/index.ts'
import { type Advice, adviceFor, type Hindrance } from './advice.ts'
import { approvalDigest } from './approvals/approval-digest.ts'
import type { ApprovalLook } from './approvals/approval-look.ts'
import { askingIn } from './approvals/needed-approval.ts'
import { callFactsFor } from './call-facts.ts'
import type { EntityIndex } from './entity-index.ts'
import { factsOf } from './facts.ts'
import { couldBeAllowed, judge, type Verdict } from './judge.ts'
import { layerText } from './layers.ts'
import type { Limits } from './limits/limits.ts'
import type { Statement } from './limits/statement.ts'
import type { ListBook } from './lists/list-book.ts'
import { outsideOfMandate } from './mandate.ts'
import type { ModesInForce } from './modes/modes-in-force.ts'
import type { PolicySet } from './policy-set.ts'
import type { Decision, EntityRef, PolicyFault, Question, Reason } from './question.ts'
import { statedEntities } from './stated-entity.ts'

/**
 * The decision: the layers speak to every principal of the chain, the mandate and the lists to all of them. INVARIANT:
 * each step can only refuse, but for an approval: it lifts the forbids that ask for it, and nothing else. Limits come last;
 * they look at what is allowed otherwise, and nothing here uses anything up.
 */
export function decideForChain(ctx: Context, question: Question, known: Known): Decision {
  const at = inOneMoment(ctx)
  const decision = decideLayers(at, question, known)
  return known.set.limits === undefined
    ? decision
    : (known.limits?.look(at, question, decision, known.refuses) ?? uncounted(decision))
}

/** INVARIANT: all of a decision is made for one moment, the one on record: made again for it, it comes out the same. */
function inOneMoment(ctx: Context): Context {
  const now = ctx.clock.now()
  return { ...ctx, clock: { now: () => now } }
}

/** Where nobody counts, what is limited is denied. */
function uncounted(decision: Decision): Decision {
  if (decision.decision === 'deny') return decision
  return { ...decision, ...UNCOUNTED }
}

const UNCOUNTED = {
  decision: 'deny',
  overruled: true,
  reasons: [],
  remedy: 'the limits that may apply are not counted here',
} as const

function decideLayers(ctx: Context, question: Question, known: Known): Decision {
  const { set } = known
  const judged = judgeChain(ctx, question, known)
  const { links, outside, listed, facts, hindrance } = judged
  if (hindrance === undefined) return allowed(judged, set)
  const wanted = approvalWanted(ctx, question, judged, known)
  const found = wanted === undefined ? undefined : known.approvals?.find(wanted.digest, ctx.clock.now())
  if (wanted !== undefined && found?.state === 'approved') {
    return { ...allowed(wanted.approved, set), approval: found.id }
  }
  const errors = faultsOf(judged)
  const reasons = links.flatMap(({ principal, verdict }) => refusalsOf(verdict, principal, set))
  if (outside !== undefined) {
    reasons.push({ policy: 'mandate', principal: entityOf(ctx.caller.chain[0]), title: outside })
  }
  reasons.push(...listed)
  const mayAsk = set.asking.size > 0
  // What would have helped then, nobody asks again.
  const helps =
    known.recorded !== undefined
      ? NO_ADVICE
      : adviceFor(ctx, hindrance, mayAsk, (changed, isApproved) =>
          isApproved ? hindranceIfApproved(changed, question, known) : judgeChain(changed, question, known).hindrance,
        )
  const advice = withApproval(helps, found)
  const remedy = remedyFor(set, reasons, errors) ?? approvalRemedy(helps, found)
  return {
    decision: 'deny',
    reasons,
    errors,
    revision: set.revision,
    facts,
    ...stateOf(judged),
    ...(remedy === undefined ? {} : { remedy }),
    ...(advice.length === 0 ? {} : { advice }),
    ...(wanted === undefined ? {} : { withheld: 'approval' as const }),
  }
}

function allowed(judged: Judgement, set: PolicySet): Decision {
  const reasons = judged.links.flatMap(({ principal, verdict }) =>
    verdict.grants.map((policy) => reasonOf(set, policy, principal)),
  )
  const { facts } = judged
  return { decision: 'allow', reasons, errors: faultsOf(judged), revision: set.revision, facts, ...stateOf(judged) }
}

function stateOf({ state }: Judgement): { readonly state?: number } {
  return state === undefined ? NOTHING : { state }
}

const NOTHING = Object.freeze({})
const NO_ADVICE: readonly Advice[] = Object.freeze([])

function faultsOf({ links }: Judgement): readonly PolicyFault[] {
  return links.flatMap(({ principal, verdict }) =>
    verdict.errors.map(({ policy, message }): PolicyFault => ({ policy, principal, message })),
  )
}

/** What a person would have to agree to, where a request lacks nothing else. */
export interface ApprovalWanted {
  readonly digest: string
  readonly revision: string
  /** The policies that ask for it. */
  readonly policies: readonly string[]
  /** How it is judged without them. */
  readonly approved: Judgement
}

/**
 * Found by judging again with the approval supposed to be there. INVARIANT: only the forbids that ask for an approval
 * are left out, and all of those that apply are named in what the approval is bound to.
 */
export function approvalWanted(
  ctx: Context,
  question: Question,
  judged: Judgement,
  known: Known,
): ApprovalWanted | undefined {
  if (question.call === 'unknown') return undefined
  const policies = askingIn(judged.links, known.set.asking)
  if (policies.length === 0) return undefined
  const approved = judgeChain(ctx, question, asIfApproved(known))
  if (approved.hindrance !== undefined) return undefined
  // Roles that people get or lose are decided anew when it is used; what was agreed to stands in the policies.
  const { revision } = known.set
  const digest = digestFor(ctx, question, { policies, revision })
  return digest === undefined ? undefined : { digest, revision, policies, approved }
}

/** `undefined` for what has no canonical form: nobody can agree to exactly that. */
function digestFor(...asked: Parameters<typeof approvalDigest>): string | undefined {
  try {
    return approvalDigest(...asked)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function hindranceIfApproved(ctx: Context, question: Question, known: Known): Hindrance {
  const judged = judgeChain(ctx, question, known)
  if (judged.hindrance === undefined || askingIn(judged.links, known.set.asking).length === 0) return judged.hindrance
  return judgeChain(ctx, question, asIfApproved(known)).hindrance
}

function asIfApproved(known: Known): Known {
  return { ...known, set: { ...known.set, engine: known.set.approved } }
}

type Found = ReturnType<ApprovalLook['find']>

/** What has been asked before is named; what a person has refused is no longer advised. */
function withApproval(advice: readonly Advice[], found: Found): readonly Advice[] {
  if (found === undefined) return advice
  return advice.flatMap((one): readonly Advice[] => {
    if (one.kind !== 'approval') return [one]
    return found.state === 'pending' ? [{ ...one, id: found.id }] : []
  })
}

function approvalRemedy(advice: readonly Advice[], found: Found): string | undefined {
  if (!advice.some(({ kind }) => kind === 'approval')) return undefined
  if (found?.state === 'denied') return `somebody who was asked has refused exactly this (\`${found.id}\`)`
  const which = found === undefined ? '' : ` (\`${found.id}\`)`
  return `somebody else has to approve exactly this${which}; then ask again`
}

/** An approval of an approval would have no end. */
const GIVE = 'approval:give'

/** What the layers and the mandate say to a request, link by link. */
export interface Judgement {
  readonly links: readonly { readonly principal: EntityRef; readonly verdict: Verdict }[]
  /** Why the mandate does not cover it. */
  readonly outside: string | undefined
  /** Why allow and deny lists refuse it. */
  readonly listed: readonly Reason[]
  readonly facts: { readonly [name: string]: Json }
  readonly hindrance: Hindrance
  /** Of what was looked at. */
  readonly state: number | undefined
}

export function judgeChain(ctx: Context, question: Question, known: Known): Judgement {
  const { context, entities, resource, action } = prepare(ctx, question, known)
  // Otherwise a policy that asks for approvals of all administration could not be met, nor taken back, by anybody.
  const { set } = action.id === GIVE ? asIfApproved(known) : known
  const read = set.engine.context(action, context)
  const now = ctx.clock.now()
  const outside = outsideOfMandate(ctx, action, resource, entities)
  const { chain } = ctx.caller
  const listed = known.lists.refusals({ chain, action, resource, entities, address: ctx.address }, now)
  let hindrance: Hindrance = outside === undefined && listed.length === 0 ? undefined : 'refusal'
  const links = ctx.caller.chain.map((link) => {
    const principal = entityOf(link)
    const judged = judge({ principal, action, resource, context: read }, entities, set, now)
    const verdict = applies(question, link, known) ? judged : { ...judged, isAllowed: false, grants: [] }
    if (!verdict.isAllowed) {
      const isRefused = verdict.forbids.length > 0 || verdict.ceilings.length > 0
      if (isRefused || hindrance === undefined) hindrance = isRefused ? 'refusal' : 'no_grant'
    }
    return { principal, verdict }
  })
  return { links, outside, listed, facts: context, hindrance, state: known.world?.version }
}

export function couldAllowForChain(ctx: Context, question: Question, known: Known): boolean {
  // Without `arguments` and `origin` in the context, exactly the policies that need them fail to evaluate.
  const { context, entities, resource, action } = prepare(ctx, { ...question, call: 'unknown' }, known)
  if (outsideOfMandate(ctx, action, resource, entities) !== undefined) return false
  const now = ctx.clock.now()
  const { chain } = ctx.caller
  const listed = { chain, action, resource, entities, address: ctx.address, isLenient: true }
  if (known.lists.refusals(listed, now).length > 0) return false
  return chain.every(
    (link) =>
      applies(question, link, known) &&
      couldBeAllowed({ principal: entityOf(link), action, resource, context }, entities, known.set, now),
  )
}

/**
 * Policies are validated for the principals and resources that the schema declares for an action: what one would say of
 * others, nobody has written, and so it grants nothing.
 */
export function applies({ action, resource }: Question, { kind }: PrincipalRef, { set }: Known): boolean {
  return set.schema.vocabulary.applies(action, kind, resource.type)
}

/** All that a tenant's decisions are made by, as it is now. */
export interface Known {
  readonly set: PolicySet
  readonly entities: EntityIndex
  readonly lists: ListBook
  readonly timeOf: ((now: number) => { readonly [name: string]: Json }) | undefined
  /** Undefined where everything is enforced. */
  readonly modes?: ModesInForce | undefined
  readonly approvals?: ApprovalLook | undefined
  readonly limits?: Pick<Limits, 'look' | 'share'> | undefined
  /** Which state of all this it is, where states are kept. */
  readonly world?: { readonly version: number | undefined } | undefined
  /** The context on record, where a decision is made again: nothing of it is found out anew. */
  readonly recorded?: ((ctx: Context) => { readonly [name: string]: Json }) | undefined
  /** Which statements of limits can refuse; all, where it is absent. */
  readonly refuses?: (statement: Statement) => boolean
}

/** A question as the policy engine takes it. */
export interface Prepared {
  readonly context: { readonly [name: string]: Json }
  readonly entities: Entities
  readonly resource: Uid
  readonly action: Uid
}

export function prepare(ctx: Context, question: Question, known: Known): Prepared {
  const prepared = prepareWithoutUsage(ctx, question, known)
  // What was used of limits is on record too.
  if (known.recorded !== undefined) return prepared
  const share = known.set.looksAtUsage ? known.limits?.share(ctx, question) : undefined
  return share === undefined ? prepared : { ...prepared, context: { ...prepared.context, usage: { share } } }
}

/** What is used of limits is a fact for policies, and not for the limits themselves. */
export function prepareWithoutUsage(ctx: Context, question: Question, known: Known): Prepared {
  const { entities: index, timeOf, set } = known
  const action = set.schema.vocabulary.uidOf(question.action)
  const stated = statedEntities(ctx, question, set.schema.vocabulary, index)
  index.expire(ctx.clock.now())
  const recorded = known.recorded?.(ctx)
  if (recorded !== undefined) {
    return { context: recorded, entities: index.with(stated), resource: question.resource, action }
  }
  const facts = factsOf(ctx, question, timeOf)
  if (question.call === undefined || question.call === 'unknown') {
    return { context: facts, entities: index.with(stated), resource: question.resource, action }
  }
  const call = callFactsFor(question.call)
  return {
    context: { ...facts, ...call.facts },
    entities: index.with([...(stated ?? []), call.entity]),
    resource: question.resource,
    action,
  }
}

export function entityOf(link: PrincipalRef): EntityRef {
  return { type: link.kind, id: link.id }
}

function refusalsOf({ forbids, ceilings }: Verdict, principal: EntityRef, set: PolicySet): readonly Reason[] {
  if (forbids.length === 0 && ceilings.length === 0) return []
  return [
    ...forbids.map((policy) => reasonOf(set, policy, principal)),
    ...ceilings.map(({ name, layer }) => ({
      policy: name,
      principal,
      title: `${layerText(layer)} does not let this be granted`,
    })),
  ]
}

function reasonOf({ engine }: PolicySet, policy: string, principal: EntityRef): Reason {
  const annotations = engine.policy(policy)?.annotations
  return {
    policy,
    principal,
    ...(annotations?.title === undefined ? {} : { title: annotations.title }),
    ...(annotations?.why === undefined ? {} : { why: annotations.why }),
  }
}

function remedyFor(
  { engine }: PolicySet,
  refused: readonly Reason[],
  errors: readonly PolicyFault[],
): string | undefined {
  for (const { policy } of refused) {
    const remedy = engine.policy(policy)?.annotations.remedy
    if (remedy !== undefined) return remedy
  }
  if (refused.length === 0 && errors.length === 0) return 'ask an administrator for access'
  return undefined
}
