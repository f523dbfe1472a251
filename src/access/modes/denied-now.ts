import type { Context } from '../../kernel/index.ts'
import { judgeChain, type Known } from '../decide-chain.ts'
import type { RecordedDecision } from '../history/recorded-decision.ts'
import type { Question } from '../question.ts'

/**
 * Whether what was denied would be denied by the policies, roles and entities of now, under the facts of then. What was
 * refused by a limit, and what the record does not say enough of, counts as denied.
 */
export function isDeniedNow(asker: Context, recorded: RecordedDecision, known: Known): boolean {
  if (recorded.withheld === 'limit' || UNKNOWABLE.has(recorded.unreplayable ?? '')) return true
  const ctx: Context = {
    ...asker,
    caller: {
      chain: recorded.chain,
      delegation: undefined,
      ...(recorded.mandate === undefined ? {} : { mandate: recorded.mandate }),
      authentication: recorded.authentication ?? { method: 'asserted', at: recorded.at },
      scope: undefined, // the context on record says it
      credential: 'none',
      expiresAt: asker.caller.expiresAt,
    },
  }
  const { action, resource, attributes, entities = [], arguments: given } = recorded
  const call =
    given === undefined ? [] : [{ uid: { type: 'Arguments', id: 'call' }, attrs: {}, parents: [], tags: given }]
  const question: Question = {
    action,
    resource,
    ...(attributes === undefined ? {} : { attributes }),
    entities: [...entities, ...call],
  }
  try {
    return judgeChain(ctx, question, { ...known, recorded: () => recorded.context }).hindrance !== undefined
  } catch {
    // Facts or attributes that the schema of now does not know.
    return true
  }
}

const UNKNOWABLE: ReadonlySet<string> = new Set([
  'not_decided',
  'other_question',
  'arguments_unrecorded',
  'stated_unrecorded',
  'unreadable',
])
