import { AccessError, type Asked, layerKey, type Question, revisionQuestion } from '../../access/index.ts'
import type { Call } from '../route.ts'

/**
 * Asked before policies come in force, whichever way they do: rejects with `locked_out` where somebody can change the
 * policies of such a layer now, or do one of `otherWays`, and nobody could any more. Whoever asks for it with `lockOut` is not asked.
 */
export function policyLockOut(
  { tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>,
  lockOut: boolean,
  ...otherWays: readonly Question[]
): NonNullable<Asked['check']> {
  return async (candidate, changed) => {
    for (const revision of lockOut ? [] : changed) {
      const question = revisionQuestion('policy:activate', revision, tenant.id)
      if (!(await candidate.leavesNobody(ctx, question, ...otherWays))) continue
      const why = `nobody could change the policies of \`${layerKey(revision.layer)}\` any more`
      throw new AccessError('locked_out', `${why}; ask for it with \`lockOut\` (\`--lock-out\`)`)
    }
  }
}
