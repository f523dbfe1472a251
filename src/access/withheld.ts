import type { Decision } from './question.ts'

/** Whether the policies permit it, and at most a limit or a missing approval stands in the way. */
export function isPermitted({ decision, withheld }: Decision): boolean {
  return decision === 'allow' || withheld !== undefined
}
