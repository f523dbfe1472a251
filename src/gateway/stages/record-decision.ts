import { contextChanges, type Decision, type RecordedInputs, type Verdict, verdictOf } from '../../access/index.ts'
import type { DecidedQuestion, DecisionBody, DecisionReason, JsonObject } from '../../audit/index.ts'
import type { Context, Json, SallyportError } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked } from '../protocol.ts'

/** What the gateway records of a decision, beside what every decision has. */
type GatewayDecision = DecisionBody & {
  /** Index of the request's own decision, for one that its answer made necessary. */
  readonly within?: number
  /** Why the request could not be decided; it was refused. */
  readonly refusal?: string
  /** Whether the denial was answered as if there were no such resource. */
  readonly hidden?: boolean
  /** What the protocol adds: method, counts, digests. */
  readonly detail?: JsonObject
}

/** What recording a decision takes of the ports. */
type RecordPorts = {
  readonly access: Pick<GatewayPorts['access'], 'recordedState' | 'recordedInputs'>
  readonly log: GatewayPorts['log']
}

export interface DecidedRequest {
  readonly questions: readonly [Asked, ...Asked[]]
  readonly decisions: readonly Decision[]
  /** The final one. */
  readonly outcome: Verdict
  /** The one that decided, where it is not the first with this outcome. */
  readonly deciding?: Decision
  readonly within?: number
  readonly hidden?: boolean
  readonly detail?: JsonObject
  /** In place of what the caller gave as its reasons. */
  readonly reasoning?: string | undefined
}

/**
 * Resolves with the index of the record once it is durable. INVARIANT: nothing of what was decided happens before, and
 * nothing happens at all when this rejects.
 */
export function recordDecision(ctx: Context, decided: DecidedRequest, ports: RecordPorts): Promise<number> {
  return append(ctx, bodyOf(ctx, decided, ports), ports)
}

/** The record of a request that was refused before anything could be decided. `about` says what is known of it. */
export function recordRefusal(
  ctx: Context,
  error: SallyportError,
  about: { readonly action: string; readonly resource: { readonly type: string; readonly id: string } },
  ports: GatewayPorts,
): Promise<number> {
  const body: GatewayDecision = {
    ...callerOf(ctx),
    action: about.action,
    resource: about.resource,
    context: {},
    decision: 'deny',
    reasons: [],
    errors: [],
    revision: ports.access.revision(),
    refusal: error.code,
    ...ports.access.recordedState(ctx, about.resource),
  }
  return append(ctx, body, ports)
}

function append(ctx: Context, body: GatewayDecision, ports: RecordPorts): Promise<number> {
  const { tenant, txn, trace } = ctx
  return ports.log.append({ kind: 'decision', tenant, txn, trace, at: ctx.clock.now(), body })
}

function bodyOf(ctx: Context, decided: DecidedRequest, ports: RecordPorts): GatewayDecision {
  const { questions, decisions, outcome } = decided
  const at = decisions.findIndex((one) =>
    decided.deciding === undefined ? verdictOf(one) === outcome : one === decided.deciding,
  )
  const question = questions[Math.max(0, at)] ?? questions[0]
  const decision = decided.deciding ?? decisions[Math.max(0, at)]
  const body: Mutable<GatewayDecision> = {
    ...callerOf(ctx),
    action: question.action,
    resource: question.resource,
    context: decision?.facts ?? {},
    decision: outcome,
    reasons: decision === undefined ? [] : reasonsOf(decision),
    errors: decision === undefined ? [] : errorsOf(decision),
    revision: decision?.revision ?? '',
  }
  const { permissions, resourceState } = ports.access.recordedState(ctx, question.resource)
  body.permissions = permissions
  if (resourceState !== undefined) body.resourceState = resourceState
  const reasoning = decided.reasoning ?? ctx.reasoning
  if (reasoning !== undefined) body.reasoning = reasoning
  // What is refused in the end was not only observed, whatever one of its questions would have been.
  if (outcome === 'observed-deny' && decision?.observed !== undefined) body.observed = { ...decision.observed }
  if (decision?.remedy !== undefined) body.remedy = decision.remedy
  if (decision?.advice !== undefined) body.advice = decision.advice.map((one) => ({ ...one }))
  if (decision?.approval !== undefined) body.approval = decision.approval
  if (decision !== undefined) Object.assign(body, inputsOf(question, decision, at >= 0, ports))
  if (question.argumentsDigest !== undefined) body.argumentsDigest = question.argumentsDigest
  const origin = originOf(question)
  if (origin !== undefined) body.origin = origin
  if (decided.within !== undefined) body.within = decided.within
  if (decided.hidden === true) body.hidden = true
  if (decided.detail !== undefined) body.detail = decided.detail
  if (questions.length > 1) {
    let { context } = body
    body.questions = questions.map((one, index) => {
      // What is refused as a whole has refused each of its parts, whatever they would have been alone.
      const decision = outcome === 'deny' ? refused(decisions[index]) : decisions[index]
      const { state, ...said } = questionOf(ctx, one, decision, ports)
      const differing = differingIn(body, context, decision)
      context = decision?.state === undefined ? context : decision.facts
      return { ...said, ...differing, ...(state === undefined || state === body.state ? {} : { state }) }
    })
  }
  return body
}

/** What it was decided on. Where it was not its own question, nobody can decide it again. */
function inputsOf(question: Asked, decision: Decision, isOwn: boolean, { access }: RecordPorts): RecordedInputs {
  const inputs = access.recordedInputs(question, decision)
  return isOwn || inputs.unreplayable !== undefined ? inputs : { ...inputs, unreplayable: 'other_question' }
}

/** What of a question's decision is not as the record says of the request, or of the question before it. */
function differingIn(
  body: GatewayDecision,
  before: JsonObject,
  decision: Decision | undefined,
): Partial<DecidedQuestion> {
  if (decision?.state === undefined) return { undecided: true }
  const context = contextChanges(before, decision.facts)
  const errors = errorsOf(decision)
  return {
    ...(context === undefined ? {} : { context }),
    ...(errors.length === 0 ? {} : { errors }),
    ...(decision.revision === body.revision ? {} : { revision: decision.revision }),
    ...(decision.approval === undefined ? {} : { approval: decision.approval }),
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function callerOf(
  ctx: Context,
): Pick<DecisionBody, 'chain' | 'delegation' | 'mandate' | 'credential' | 'authentication'> {
  const { chain, delegation, mandate, credential, authentication } = ctx.caller
  if (delegation === undefined && mandate === undefined) return { chain, credential, authentication }
  return {
    chain,
    ...(delegation === undefined ? {} : { delegation }),
    ...(mandate === undefined ? {} : { mandate }),
    credential,
    authentication,
  }
}

function refused(decision: Decision | undefined): Decision | undefined {
  if (decision?.observed === undefined) return decision
  const { observed: _, ...rest } = decision
  return rest
}

function questionOf(
  ctx: Context,
  question: Asked,
  decision: Decision | undefined,
  ports: RecordPorts,
): DecidedQuestion & { readonly origin?: JsonObject } {
  const origin = originOf(question)
  const { resourceState } = ports.access.recordedState(ctx, question.resource)
  return {
    action: question.action,
    resource: question.resource,
    decision: decision === undefined ? 'deny' : verdictOf(decision),
    ...(decision?.observed === undefined ? {} : { observed: { ...decision.observed } }),
    reasons: decision === undefined ? [] : reasonsOf(decision),
    ...(question.argumentsDigest === undefined ? {} : { argumentsDigest: question.argumentsDigest }),
    ...(origin === undefined ? {} : { origin }),
    ...(decision === undefined ? {} : inputsOf(question, decision, true, ports)),
    ...(resourceState === undefined ? {} : { resourceState }),
  }
}

function reasonsOf(decision: Decision): DecisionReason[] {
  return decision.reasons.map(({ policy, principal }) => ({ policy, principal: `${principal.type}::${principal.id}` }))
}

function errorsOf(decision: Decision): string[] {
  return decision.errors.map(({ policy, message }) => `${policy}: ${message}`)
}

/** By argument, who brought its value: `{ "/to": { "source": "tool:office", "trusted": false } }`. Never the value. */
function originOf({ call }: Asked): JsonObject | undefined {
  if (call === undefined || call === 'unknown' || !('sources' in call) || call.sources.length === 0) return undefined
  const origin: Record<string, Json> = {}
  for (const { pointer, source, trusted } of call.sources) origin[pointer] = { source, trusted }
  return origin
}
