import { errorOf } from './errors.ts'
import { official } from './official.ts'
import { positionsIn } from './source-position.ts'

/** Policies in the official layout. Throws `policies_invalid`. */
export function format(
  text: string,
  options: { readonly lineWidth?: number; readonly indentWidth?: number } = {},
): string {
  const answer = official().formatPolicies({ policyText: text, lineWidth: 120, indentWidth: 2, ...options })
  if (answer.type === 'failure') throw errorOf('policies_invalid', positionsIn(text).problemsOf(answer.errors))
  return answer.formatted_policy
}
