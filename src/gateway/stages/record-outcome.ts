import type { OutcomeBody } from '../../audit/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Outcome } from '../protocol.ts'

/**
 * Records how a request ended. Nobody waits for it: the decision is durable, and one without an outcome reads as
 * unknown. `started` in milliseconds since the epoch.
 */
export function recordOutcome(
  ctx: Context,
  decision: number,
  started: number,
  outcome: Outcome,
  ports: Pick<GatewayPorts, 'log' | 'report'>,
): void {
  const at = ctx.clock.now()
  const body: { -readonly [K in keyof OutcomeBody]: OutcomeBody[K] } = {
    of: decision,
    status: outcome.status,
    ms: at - started,
  }
  if (outcome.httpStatus !== undefined) body.httpStatus = outcome.httpStatus
  if (outcome.usage !== undefined) body.usage = { ...outcome.usage }
  if (outcome.detail !== undefined) body.detail = outcome.detail
  if (outcome.reasoning !== undefined) body.reasoning = outcome.reasoning
  const { tenant, txn, trace } = ctx
  ports.log
    .append({ kind: 'outcome', tenant, txn, trace, at, body, ...personsOf(ctx, outcome) })
    .catch((error: unknown) => ports.report({ what: 'an outcome could not be recorded', txn, error }))
}

/** What a model writes can be about whoever it was asked for: who forgets them forgets it too. */
function personsOf({ caller }: Context, { reasoning }: Outcome): { readonly persons?: readonly string[] } {
  if (reasoning === undefined) return {}
  const persons = caller.chain.flatMap(({ kind, id }) => (kind === 'User' ? [id] : []))
  return persons.length === 0 ? {} : { persons }
}
