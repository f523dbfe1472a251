import type { Decision } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked } from '../protocol.ts'

/** The answers of the decision point, in the order of the questions. */
export function decide(ctx: Context, questions: readonly Asked[], access: GatewayPorts['access']): readonly Decision[] {
  return questions.map((question) =>
    question.undecidable === undefined
      ? access.decide(ctx, question)
      : refusal(ctx, question, question.undecidable, access),
  )
}

/** A denial of what no policy could be asked about. */
function refusal(ctx: Context, question: Asked, remedy: string, access: GatewayPorts['access']): Decision {
  const denial = { decision: 'deny', reasons: [], errors: [], revision: access.revision(), remedy, facts: {} } as const
  return question.isOnlyProposed === true ? access.deniedInMode(ctx, question, denial) : denial
}
