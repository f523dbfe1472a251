import { type Decision, type EntityRef, personsStated, type Question } from '../access/index.ts'
import type { DecisionBody, JsonObject } from '../audit/index.ts'
import { type Context, type Json, SallyportError } from '../kernel/index.ts'
import { HttpError } from './errors.ts'
import type { Call, Decided } from './route.ts'
import { statusOf } from './status.ts'
import type { TenantFace } from './tenant-face.ts'

/**
 * The way of an administrative request: decide, reserve, record durably, act, record the outcome. The same decision
 * point as everywhere: Sallyport governs itself. Throws `denied` and `limit_reached`.
 */
export async function administer(
  tenant: TenantFace,
  ctx: Context,
  operation: Operation,
  act: (note: Call['note']) => Promise<unknown>,
): Promise<{ readonly record: number; readonly answer: unknown }> {
  const started = ctx.clock.now()
  const decided = await (operation.decide?.() ?? decideOn(tenant, ctx, operation))
  const { question, hide } = decided
  const reserved = await tenant.access.reserve(ctx, [question], [decided.decision])
  const [final = decided.decision] = reserved.refused ?? []
  // Nobody is asked for an approval of what the caller may not even know of.
  const [decision = final] = hide === undefined ? await tenant.access.ask(ctx, [question], [final]) : [final]
  const record = await tenant.log
    .append({
      kind: 'decision',
      tenant: ctx.tenant,
      txn: ctx.txn,
      trace: ctx.trace,
      at: started,
      body: {
        ...decisionBody(ctx, question.action, question.resource, decision),
        ...tenant.access.recordedState(ctx, question.resource),
        ...tenant.access.recordedInputs(question, decision),
        operation: operation.summary,
        target: operation.target,
      },
      persons: personsStated(question),
    })
    .catch((error: unknown) => {
      reserved.release()
      throw error
    })
  // An operation takes what its question needs, however it ends.
  reserved.settle()
  if (decision.decision === 'deny') throw hide ?? denialOf(ctx, record, decision)
  const outcome = async (status: string, detail: { readonly [name: string]: Json } = {}): Promise<void> => {
    const at = ctx.clock.now()
    await tenant.log.append({
      kind: 'outcome',
      tenant: ctx.tenant,
      txn: ctx.txn,
      trace: ctx.trace,
      at,
      body: { of: record, status, ms: at - started, detail },
    })
  }
  let noted: { readonly [name: string]: Json } = {}
  try {
    const answer = await act((detail) => {
      noted = { ...noted, ...detail }
    })
    await outcome('ok', noted)
    return { record, answer }
  } catch (error) {
    await outcome('failed', {
      httpStatus: statusOf(error),
      error: error instanceof SallyportError ? error.code : 'internal',
    })
    throw error
  }
}

/** What is asked of the administration. */
export interface Operation {
  readonly action: string
  readonly summary: string
  readonly target: JsonObject
  /** What it would be done with, whole: an approval is bound to it. */
  readonly input?: Json
  readonly decide?: () => Promise<Decided>
  /** What it is done to; the tenant without it. */
  readonly on?: EntityRef | undefined
}

function decideOn(tenant: TenantFace, ctx: Context, { action, summary, input, on }: Operation): Decided {
  const question: Question = {
    action,
    resource: on ?? { type: 'Tenant', id: tenant.id },
    described: describedAs(summary, input),
  }
  return { question, decision: tenant.access.decide(ctx, question) }
}

/** What an approval of an operation is bound to: the same action can stand for several. */
export function describedAs(summary: string, input: Json | undefined): Json {
  return { operation: summary, input: input ?? null }
}

/** What a decision record says of a single decision. */
export function decisionBody(
  ctx: Context,
  action: string,
  resource: { readonly type: string; readonly id: string },
  decision: Decision,
): DecisionBody {
  const { caller } = ctx
  return {
    chain: caller.chain,
    ...(caller.delegation === undefined ? {} : { delegation: caller.delegation }),
    ...(caller.mandate === undefined ? {} : { mandate: caller.mandate }),
    credential: caller.credential,
    authentication: caller.authentication,
    action,
    resource: { type: resource.type, id: resource.id },
    context: decision.facts,
    decision: decision.decision,
    reasons: decision.reasons.map(({ policy, principal }) => ({
      policy,
      principal: `${principal.type}::${principal.id}`,
    })),
    errors: decision.errors.map(({ policy, message }) => `${policy}: ${message}`),
    revision: decision.revision,
    ...(ctx.reasoning === undefined ? {} : { reasoning: ctx.reasoning }),
    ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
    ...(decision.advice === undefined ? {} : { advice: decision.advice.map((one) => ({ ...one })) }),
    ...(decision.approval === undefined ? {} : { approval: decision.approval }),
  }
}

/** A denial for whoever may know why: policy ids, titles and the remedy, never the values they looked at. */
export function denialOf(ctx: Context, record: number, decision: Decision): HttpError {
  const first = decision.reasons[0]
  const [wait] = decision.withheld === 'limit' ? (decision.advice ?? []) : []
  return new HttpError(wait?.kind === 'wait' ? 'limit_reached' : 'denied', first?.title ?? 'no policy permits this', {
    extra: {
      txn: ctx.txn,
      record,
      policies: decision.reasons.map(({ policy }) => policy),
      ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
      ...(decision.advice === undefined ? {} : { advice: decision.advice }),
    },
    ...(wait?.kind === 'wait' ? { retryAfter: wait.seconds } : {}),
  })
}

/** The target of an operation, for the record: what the path and body name, without secrets. */
export function targetOf(call: Pick<Call, 'params'>): JsonObject {
  const { tenant: _, ...rest } = call.params
  return rest
}
