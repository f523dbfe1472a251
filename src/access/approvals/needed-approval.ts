import type { Verdict } from '../judge.ts'
import type { Asking } from './asking.ts'

/**
 * The policies that ask for an approval of a request. None where nothing asks, and none where one that asks could not be
 * evaluated: nobody knows then what it asks for, and it stays a forbid.
 */
export function askingIn(
  links: readonly { readonly verdict: Pick<Verdict, 'forbids' | 'errors'> }[],
  asking: ReadonlyMap<string, Asking>,
): readonly string[] {
  if (asking.size === 0) return NONE
  const found = new Set<string>()
  for (const { verdict } of links) {
    for (const policy of verdict.forbids) {
      if (!asking.has(policy)) continue
      if (verdict.errors.some((error) => error.policy === policy)) return NONE
      found.add(policy)
    }
  }
  return [...found].sort()
}

const NONE: readonly string[] = Object.freeze([])
