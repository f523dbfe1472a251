import type { Context } from '../../kernel/index.ts'
import type { Decision, Question } from '../question.ts'
import { mayGoOn } from '../withheld.ts'
import type { Approvals } from './approvals.ts'

/**
 * Asks people for the approvals that enforced denials lack. Only where approvals are all that is lacking, and for every
 * question of a request: what would be denied all the same is not worth anybody's attention.
 */
export function askForApprovals(
  ctx: Context,
  questions: readonly Question[],
  decisions: readonly Decision[],
  approvals: Pick<Approvals, 'ask'> | undefined,
): readonly Decision[] | Promise<readonly Decision[]> {
  if (approvals === undefined || !decisions.some(lacksApproval)) return decisions
  if (!decisions.every((decision) => mayGoOn(decision) || lacksApproval(decision))) return decisions
  return Promise.all(
    decisions.map(async (decision, index) => {
      const question = questions[index]
      if (question === undefined || !lacksApproval(decision)) return decision
      const asked = await approvals.ask(ctx, question)
      return asked === undefined ? decision : waitingFor(asked.id, decision)
    }),
  )
}

function lacksApproval({ decision, observed, advice = [] }: Decision): boolean {
  // Of what goes on anyway nobody is asked.
  return decision === 'deny' && observed === undefined && advice.length === 1 && advice[0]?.kind === 'approval'
}

function waitingFor(id: string, decision: Decision): Decision {
  const { remedy } = decision
  const waits = remedy === undefined || remedy.includes(id) ? remedy : `${remedy} (\`${id}\`)`
  return { ...decision, ...(waits === undefined ? {} : { remedy: waits }), advice: [{ kind: 'approval', id }] }
}
