import { contextChanges, type Decision, type RecordedInputs, type Reserved, verdictOf } from '../access/index.ts'
import type { DecidedQuestion, DecisionBody, JsonObject } from '../audit/index.ts'
import { type Context, SallyportError } from '../kernel/index.ts'
import { decisionBody, denialOf } from './administration.ts'
import type { TenantFace } from './tenant-face.ts'

/** What answering a question came to. */
export interface Asked {
  readonly answer: unknown
  /** What was decided, in the order in which it was asked, each with the whole context that it was decided on. */
  readonly questions: readonly DecidedQuestion[]
  /** People who were asked about. */
  readonly persons: readonly string[]
  /** What else the record says: of a search or a filter, what was looked for and a digest of what was found. */
  readonly target?: JsonObject
  /** What the allowed decisions took. */
  readonly reserved: readonly Reserved[]
}

/**
 * The way of a request that asks for decisions: whoever asks is decided on, then what is asked; one record holds both,
 * and is durable before the answer goes out. Throws `denied`.
 */
export async function answerAsked(
  tenant: TenantFace,
  ctx: Context,
  operation: { readonly action: string; readonly summary: string },
  ask: () => Asked | Promise<Asked>,
): Promise<{ readonly record: number; readonly answer: unknown }> {
  const at = ctx.clock.now()
  const resource = { type: 'Tenant', id: tenant.id }
  const question = { action: operation.action, resource }
  const decided = tenant.access.decide(ctx, question)
  const admitted = await tenant.access.reserve(ctx, [question], [decided])
  const [admission = decided] = admitted.refused ?? []
  const body: DecisionBody = {
    ...decisionBody(ctx, operation.action, resource, admission),
    ...tenant.access.recordedState(ctx, resource),
    ...tenant.access.recordedInputs(question, admission),
    operation: operation.summary,
  }
  const append = (said: Partial<DecisionBody>, persons: readonly string[], reserved: readonly Reserved[]) =>
    tenant.log
      .append({
        kind: 'decision',
        tenant: ctx.tenant,
        txn: ctx.txn,
        trace: ctx.trace,
        at,
        body: { ...body, ...said },
        ...(persons.length === 0 ? {} : { persons }),
      })
      .then(
        (record) => {
          // What is done with the answer nobody here will see: all that was taken counts as used.
          for (const one of reserved) one.settle()
          return record
        },
        (error: unknown) => {
          for (const one of reserved) one.release()
          throw error
        },
      )
  if (admission.decision === 'deny') {
    throw denialOf(ctx, await append({}, [], [admitted]), admission)
  }
  let asked: Asked
  try {
    asked = await ask()
  } catch (error) {
    const code = error instanceof SallyportError ? error.code : 'internal'
    await append({ answered: true, target: { error: code } }, [], [admitted])
    throw error
  }
  const { questions, persons, target } = asked
  const said = {
    answered: true,
    ...(questions.length === 0 ? {} : { questions: withoutRepeats(body, questions) }),
    ...(target === undefined ? {} : { target }),
  }
  return { record: await append(said, persons, [admitted, ...asked.reserved]), answer: asked.answer }
}

/** What a record says of one question of several. */
export function decidedQuestion(
  { chain, action, resource }: Pick<DecidedQuestion, 'chain' | 'action' | 'resource'>,
  decision: Decision,
  inputs: RecordedInputs,
): DecidedQuestion {
  return {
    ...(chain === undefined ? {} : { chain }),
    action,
    resource,
    context: decision.facts,
    revision: decision.revision,
    ...(decision.approval === undefined ? {} : { approval: decision.approval }),
    ...(decision.errors.length === 0
      ? {}
      : { errors: decision.errors.map(({ policy, message }) => `${policy}: ${message}`) }),
    ...inputs,
    decision: verdictOf(decision),
    ...(decision.observed === undefined ? {} : { observed: { ...decision.observed } }),
    reasons: decision.reasons.map(({ policy, principal }) => ({
      policy,
      principal: `${principal.type}::${principal.id}`,
    })),
  }
}

/** Each question with what differs from the one before it: hundreds of one batch are decided on the same facts. */
function withoutRepeats(body: DecisionBody, questions: readonly DecidedQuestion[]): readonly DecidedQuestion[] {
  let before = body.context
  return questions.map(({ context, revision, state, ...question }) => {
    const changes = context === undefined ? undefined : contextChanges(before, context)
    before = context ?? before
    return {
      ...question,
      ...(changes === undefined ? {} : { context: changes }),
      ...(revision === undefined || revision === body.revision ? {} : { revision }),
      ...(state === undefined || state === body.state ? {} : { state }),
    }
  })
}
