import { compileTest } from './compile-expression.ts'
import type { CompiledPolicy } from './compile-policy.ts'
import { frameOf, type Ruling } from './decide.ts'
import type { Entities } from './entities.ts'
import type { EntityJson } from './entity-json.ts'
import { readUid } from './entity-json.ts'
import { EvaluationError } from './evaluation-error.ts'
import { constraintExpression } from './explain.ts'
import type { Expression } from './expression.ts'
import { ALWAYS, allOf, anyOf, conditionFor, conditionText, type FilterCondition, not } from './filter-condition.ts'
import type { FilterTree } from './filter-tree.ts'
import { type Frame, partyIn } from './frame.ts'
import { mapFilter } from './map-filter.ts'
import type { Policy } from './policy.ts'
import { residualOf } from './residual.ts'
import type { ResourceMapping } from './resource-mapping.ts'
import { type Sql, type SqlOptions, sqlOf } from './sql.ts'
import type { Uid } from './uid.ts'
import { EntityRef, SetValue } from './value.ts'

/** A request whose resource is not known, only its type. */
export interface FilterRequest {
  readonly principal: Uid
  readonly action: Uid
  readonly resourceType: string
  readonly context?: object | string
}

/** What a resource has to be like for the request to be allowed. */
export interface Filter {
  /** `always`: every resource of the type; `never`: none; `some`: those that meet the condition. */
  readonly kind: 'always' | 'never' | 'some'
  readonly condition: FilterCondition
  /** The condition for a person to read. */
  readonly text: string
  /** Whether this resource is one of them: what `decide` says of it, without asking again about all the rest. */
  matches(resource: EntityJson): boolean
  /**
   * The condition over the columns that hold the resource's attributes, as a small tree that any query language can be
   * made of. Throws `not_translatable` and names the expression, rather than select more or fewer resources.
   */
  tree(mapping: ResourceMapping): FilterTree
  /** The condition as an SQL expression with parameters. Throws `not_translatable`. */
  sql(mapping: ResourceMapping, options: SqlOptions): Sql
}

export function filter(
  request: FilterRequest,
  entities: Entities,
  ruling: Ruling,
  policies: Iterable<CompiledPolicy>,
): Filter {
  const permits: FilterCondition[] = []
  const forbids: FilterCondition[] = []
  for (const { effect, holds, refutes } of policyConditions(request, entities, ruling, policies)) {
    if (effect === 'permit') permits.push(holds)
    // A forbid does not apply where it is false; where it fails, that depends on the mode.
    else forbids.push(ruling.onError === 'deny' ? refutes : not(holds))
  }
  return filterOf(allOf([anyOf(permits), ...forbids]), request.resourceType, entities, ruling)
}

/** What one policy says of the resources of a type. Where neither condition holds, evaluating it fails. */
export interface PolicyCondition {
  readonly policy: string
  readonly effect: 'permit' | 'forbid'
  /** When it applies. */
  readonly holds: FilterCondition
  /** When it does not apply, and does not fail. */
  readonly refutes: FilterCondition
}

/** Policies that can neither apply to a resource of the type nor fail for one are left out. */
export function policyConditions(
  { principal, action, resourceType, context }: FilterRequest,
  entities: Entities,
  ruling: Ruling,
  policies: Iterable<CompiledPolicy>,
): readonly PolicyCondition[] {
  // Nothing looks at the resource of this frame: what mentions the resource stays open.
  const resource = { type: resourceType, id: '' }
  const asked = { principal, action, resource, ...(context === undefined ? {} : { context }) }
  const frame = frameOf(asked, entities, ruling)
  const found: PolicyCondition[] = []
  const known = (ruling.schema ?? entities.schema)?.entityTypes.get(resourceType)
  const type = { name: resourceType, attributes: known?.attributes }
  for (const { policy, isPermit } of policies) {
    const residual = residualOf(conditionOf(policy), frame, type)
    const refutes = conditionFor(residual, false)
    if (refutes.kind === 'always') continue
    found.push({
      policy: policy.id,
      effect: isPermit ? 'permit' : 'forbid',
      holds: conditionFor(residual, true),
      refutes,
    })
  }
  return found
}

/** A filter of a condition that was put together of others. */
export function filterOf(condition: FilterCondition, resourceType: string, entities: Entities, ruling: Ruling): Filter {
  const tree = (mapping: ResourceMapping): FilterTree => mapFilter(condition, { resourceType, mapping, entities })
  return {
    kind: condition.kind === 'always' || condition.kind === 'never' ? condition.kind : 'some',
    condition,
    text: conditionText(condition),
    matches: matcherOf(condition, resourceType, entities, ruling),
    tree,
    sql: (mapping, options) => sqlOf(tree(mapping), options),
  }
}

/** Whether the resource is one of these, or in one. */
export function resourceIn(targets: readonly Uid[]): FilterCondition {
  if (targets.length === 0) return not(ALWAYS)
  const refs = targets.map(({ type, id }) => new EntityRef(type, id))
  const right: Expression = { kind: 'literal', value: new SetValue(refs) }
  return {
    kind: 'test',
    expression: { kind: 'in', left: { kind: 'variable', name: 'resource' }, right },
    outcome: true,
  }
}

/** Scope and conditions as one expression. */
function conditionOf({ bounds, scope, conditions }: Policy): Expression {
  const operands = [
    ...bounds.map(({ of, constraint }) => constraintExpression(of, constraint)),
    constraintExpression('principal', scope.principal),
    constraintExpression('action', scope.action),
    constraintExpression('resource', scope.resource),
    ...conditions.map(({ kind, body }): Expression => (kind === 'when' ? body : { kind: 'not', of: body })),
  ].filter((operand) => operand !== undefined)
  return { kind: 'and', operands: [{ kind: 'literal', value: true }, ...operands] }
}

function matcherOf(
  condition: FilterCondition,
  resourceType: string,
  entities: Entities,
  ruling: Ruling,
): (resource: EntityJson) => boolean {
  const isMet = compileCondition(condition)
  // Conditions speak of nothing but the resource.
  const nobody = { type: resourceType, id: '' }
  const frame = frameOf({ principal: nobody, action: nobody, resource: nobody }, entities, ruling)
  return (resource) => {
    const ref = readUid(resource.uid)
    if (ref.type !== resourceType) return false
    const known = entities.with({ put: [resource] })
    return isMet({ ...frame, entities: known, resource: partyIn(known, frame.actions, ref) })
  }
}

function compileCondition(condition: FilterCondition): (frame: Frame) => boolean {
  switch (condition.kind) {
    case 'always':
      return () => true
    case 'never':
      return () => false
    case 'and': {
      const all = condition.conditions.map(compileCondition)
      return (frame) => all.every((isMet) => isMet(frame))
    }
    case 'or': {
      const any = condition.conditions.map(compileCondition)
      return (frame) => any.some((isMet) => isMet(frame))
    }
    case 'not': {
      const isMet = compileCondition(condition.condition)
      return (frame) => !isMet(frame)
    }
    case 'test': {
      const test = compileTest(condition.expression)
      return (frame) => {
        try {
          return test(frame) === condition.outcome
        } catch (error) {
          if (error instanceof EvaluationError) return false
          throw error
        }
      }
    }
  }
}
