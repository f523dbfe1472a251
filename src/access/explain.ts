import type { Context } from '../kernel/index.ts'
import { decideForChain, type Known } from './decide-chain.ts'
import type { Question } from './question.ts'

/** The policies behind a decision as they were written, each after its place. */
export function explainForChain(ctx: Context, question: Question, known: Known): readonly string[] {
  const { reasons } = decideForChain(ctx, question, known)
  const ids = [...new Set(reasons.map(({ policy }) => policy))]
  return ids.flatMap((id) => {
    const policy = known.set.engine.policy(id)
    if (policy === undefined) return []
    const { source, line } = policy.position
    return [`${source === undefined ? '' : `${source}:`}${line}\n${policy.text}`]
  })
}
