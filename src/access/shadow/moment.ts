import type { Context } from '../../kernel/index.ts'
import { judgeChain, type Known } from '../decide-chain.ts'
import type { EntityIndex } from '../entity-index.ts'
import { listBook } from '../lists/list-book.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Decision, EntityRef, Question } from '../question.ts'

/** A decision, and all that another one about the same would be made by, as it was at that moment. */
export interface Moment {
  readonly ctx: Context
  readonly question: Question
  readonly decision: Decision
  readonly known: Known
  readonly at: number
}

/** Keeps a moment. Copies nothing: entities and policies never change in place. */
export function momentOf(ctx: Context, question: Question, decision: Decision, known: Known): Moment {
  const entities = known.entities.with(undefined)
  const index: EntityIndex = {
    ...known.entities,
    expire: () => undefined,
    with: (more) => (more === undefined || more.length === 0 ? entities : entities.with({ put: more })),
  }
  return { ctx, question, decision, known: { ...known, entities: index }, at: ctx.clock.now() }
}

/**
 * What other policies would have said at that moment, beside the same mandate and the same lists, and without asking for
 * limits. An approval that it rested on counts for these policies too.
 */
export function judgedUnder(set: PolicySet, { ctx, question, decision, known, at }: Moment): Judged {
  const share = shareIn(decision)
  const under: Known = {
    // What the lists said then stands: where they refused, nobody asks.
    lists: NO_LISTS,
    set: decision.approval === undefined ? set : { ...set, engine: set.approved },
    entities: known.entities,
    timeOf: known.timeOf,
    ...(share === undefined ? {} : { limits: { look: (_ctx, _question, one) => one, share: () => share } }),
  }
  const { links, hindrance } = judgeChain({ ...ctx, clock: { now: () => at } }, question, under)
  const reasons = links.flatMap(({ principal, verdict }) => {
    const spoken =
      hindrance === undefined ? verdict.grants : [...verdict.forbids, ...verdict.ceilings.map(({ name }) => name)]
    return spoken.map((policy) => ({ policy, principal }))
  })
  return { decision: hindrance === undefined ? 'allow' : 'deny', reasons }
}

export interface Judged {
  readonly decision: 'allow' | 'deny'
  readonly reasons: readonly { readonly policy: string; readonly principal: EntityRef }[]
}

const NO_LISTS = listBook()

function shareIn({ facts }: Decision): number | undefined {
  const { usage } = facts
  const share = typeof usage === 'object' && usage !== null && 'share' in usage ? usage.share : undefined
  return typeof share === 'number' ? share : undefined
}
