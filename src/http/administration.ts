import type { Decision } from '../access/index.ts'
import type { DecisionBody, JsonObject } from '../audit/index.ts'
import { type Context, type Json, SallyportError } from '../kernel/index.ts'
import { HttpError } from './errors.ts'
import type { Call } from './route.ts'
import { statusOf } from './status.ts'
import type { TenantFace } from './tenant-face.ts'

/**
 * The way of an administrative request: decide, reserve, record durably, act, record the outcome. The same decision point as
 * everywhere: Sallyport governs itself. Throws `denied`.
 */
export async function administer(
  tenant: TenantFace,
  ctx: Context,
  operation: { readonly action: string; readonly summary: string; readonly target: JsonObject },
  act: (note: Call['note']) => Promise<unknown>,
): Promise<{ readonly record: number; readonly answer: unknown }> {
  const started = ctx.clock.now()
  const resource = { type: 'Tenant', id: tenant.id }
  const question = { action: operation.action, resource }
  const decided = tenant.access.decide(ctx, question)
  const reserved = await tenant.access.reserve(ctx, [question], [decided])
  const [decision = decided] = reserved.refused ?? []
  const record = await tenant.log
    .append({
      kind: 'decision',
      tenant: ctx.tenant,
      txn: ctx.txn,
      trace: ctx.trace,
      at: started,
      body: {
        ...decisionBody(ctx, operation.action, resource, decision),
        operation: operation.summary,
        target: operation.target,
      },
    })
    .catch((error: unknown) => {
      reserved.release()
      throw error
    })
  // An operation takes what its question needs, however it ends.
  reserved.settle()
  if (decision.decision === 'deny') throw denialOf(ctx, record, decision)
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
    ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
  }
}

/** A denial for whoever may know why: policy ids, titles and the remedy, never the values they looked at. */
function denialOf(ctx: Context, record: number, decision: Decision): HttpError {
  const first = decision.reasons[0]
  return new HttpError('denied', first?.title ?? 'no policy permits this', {
    extra: {
      txn: ctx.txn,
      record,
      policies: decision.reasons.map(({ policy }) => policy),
      ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
    },
  })
}

/** The target of an operation, for the record: what the path and body name, without secrets. */
export function targetOf(call: Pick<Call, 'params'>): JsonObject {
  const { tenant: _, ...rest } = call.params
  return rest
}
