import { compile } from './engine.ts'
import type { Entities } from './entities.ts'
import { CedarError } from './errors.ts'
import type { Expression } from './expression.ts'
import { operandsOf } from './locate.ts'
import { parsePolicies } from './parse-policies.ts'

/** A condition over one entity, `resource`. What cannot be evaluated of it does not hold. */
export interface EntityCondition {
  holdsOf(id: string, entities: Entities): boolean
}

/** Throws `policies_invalid` for a condition that does not fit the type, or that is about anything else than `resource`. */
export function entityCondition(type: string, when: string, schema: string): EntityCondition {
  // A comment at its end must not swallow the bracket.
  const text = `permit (principal, action, resource is ${type}) when { ${when}\n};`
  const { policies, templates } = parsePolicies(text)
  const [policy, ...more] = policies
  if (policy === undefined || more.length + templates.length > 0 || policy.conditions.length !== 1) {
    throw new CedarError('policies_invalid', 'must be one condition')
  }
  if (policy.conditions.some(({ body }) => isAboutMore(body))) {
    throw new CedarError('policies_invalid', 'must be about `resource` alone')
  }
  compile({ policies: text, schema })
  // The schema has been asked; whoever acts makes no difference.
  const engine = compile({ policies: text })
  const nobody = { principal: { type: 'Nobody', id: '' }, action: { type: 'Action', id: '' }, context: {} }
  return {
    holdsOf: (id, entities) => engine.decide({ ...nobody, resource: { type, id } }, entities).decision === 'allow',
  }
}

function isAboutMore(expression: Expression): boolean {
  if (expression.kind === 'variable') return expression.name !== 'resource'
  return operandsOf(expression).some(isAboutMore)
}
