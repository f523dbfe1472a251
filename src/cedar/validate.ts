import type { Problem } from './errors.ts'
import { official } from './official.ts'
import type { PolicyInfo } from './policy.ts'
import { positionsIn, within } from './source-position.ts'

/**
 * What the official validator (strict mode) has to say about these policies, with line and column. Those made from
 * templates need their templates beside them. Takes up to a millisecond a policy.
 */
export function problemsIn(
  policies: readonly PolicyInfo[],
  templates: readonly PolicyInfo[],
  schema: { readonly text: string },
): readonly Problem[] {
  const answer = official().validate({
    schema: schema.text,
    policies: {
      staticPolicies: Object.fromEntries(
        policies.filter(({ link }) => link === undefined).map(({ id, text }) => [id, text]),
      ),
      templates: Object.fromEntries(templates.map(({ id, text }) => [id, text])),
      templateLinks: policies.flatMap(({ link }) =>
        link === undefined ? [] : [{ ...link, values: { ...link.values } }],
      ),
    },
  })
  if (answer.type === 'failure') {
    return positionsIn('').problemsOf(answer.errors)
  }
  const byId = new Map([...policies, ...templates].map((info) => [info.id, info]))
  const problems = (list: typeof answer.validationErrors, severity: Problem['severity']): Problem[] =>
    list.flatMap(({ policyId, error }) => {
      const info = byId.get(policyId)
      if (info === undefined) return positionsIn('').problemsOf([error], { policy: policyId })
      return positionsIn(info.text)
        .problemsOf([error], { policy: policyId })
        .map((problem) => ({
          ...problem,
          ...within(info.position, { line: problem.line ?? 1, column: problem.column ?? 1 }),
          severity,
        }))
    })
  return [...problems(answer.validationErrors, 'error'), ...problems(answer.validationWarnings, 'warning')]
}
