import type { Context } from '../kernel/index.ts'
import { decideForChain } from './decide-chain.ts'
import type { EntityIndex } from './entity-index.ts'
import type { PolicySet } from './policy-set.ts'
import type { Question } from './question.ts'

/** The policies behind a decision as they were written, each after its place. */
export function explainForChain(
  ctx: Context,
  question: Question,
  set: PolicySet,
  index: EntityIndex,
): readonly string[] {
  const { reasons } = decideForChain(ctx, question, set, index)
  const ids = [...new Set(reasons.map(({ policy }) => policy))]
  return ids.flatMap((id) => {
    const policy = set.engine.policy(id)
    if (policy === undefined) return []
    const { source, line } = policy.position
    return [`${source === undefined ? '' : `${source}:`}${line}\n${policy.text}`]
  })
}
