import { compileCall } from '../../src/cedar/compile-call.ts'
import type { Entities } from '../../src/cedar/entities.ts'
import { readContext } from '../../src/cedar/entity-json.ts'
import { EvaluationError } from '../../src/cedar/evaluation-error.ts'
import type { Constraint, Expression } from '../../src/cedar/expression.ts'
import type { Frame } from '../../src/cedar/frame.ts'
import type { AccessRequest, PolicyDecision } from '../../src/cedar/index.ts'
import { toLong } from '../../src/cedar/long.ts'
import { parsePolicies } from '../../src/cedar/parse-policies.ts'
import type { Policy, PolicySource, TemplateLink } from '../../src/cedar/policy.ts'
import { EntityRef, isEqual, RecordValue, SetValue, type Value } from '../../src/cedar/value.ts'

// The definition of Cedar's authorization, as short as it can be said: every policy is looked at, every expression is
// walked. It shares the parser and the values with the engine, and nothing of what makes the engine fast.

export function parseForScan(
  sources: string | readonly PolicySource[],
  links: readonly TemplateLink[],
): readonly Policy[] {
  const { policies, templates } = parsePolicies(sources)
  const linked = links.flatMap((link) =>
    templates.filter(({ info }) => info.id === link.templateId).map((template) => template.link(link)),
  )
  return [...policies, ...linked]
}

export function decideByScan(policies: readonly Policy[], request: AccessRequest, entities: Entities): PolicyDecision {
  const world: Scope = {
    principal: new EntityRef(request.principal.type, request.principal.id),
    action: new EntityRef(request.action.type, request.action.id),
    resource: new EntityRef(request.resource.type, request.resource.id),
    context: readContext(request.context ?? {}, undefined),
    entities,
  }
  const satisfied: Policy[] = []
  const errors: { policy: string; message: string }[] = []
  for (const policy of policies) {
    try {
      if (isSatisfied(policy, world)) satisfied.push(policy)
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      errors.push({ policy: policy.id, message: error.message })
    }
  }
  const forbids = satisfied.filter(({ effect }) => effect === 'forbid')
  const permits = satisfied.filter(({ effect }) => effect === 'permit')
  const allowed = forbids.length === 0 && permits.length > 0
  return { decision: allowed ? 'allow' : 'deny', reasons: (allowed ? permits : forbids).map(({ id }) => id), errors }
}

interface Scope {
  readonly principal: EntityRef
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly context: RecordValue
  readonly entities: Entities
}

function isSatisfied({ only, scope, conditions }: Policy, world: Scope): boolean {
  for (const name of ['principal', 'resource'] as const) {
    const within = only?.[name]
    if (within !== undefined && !isIn(world[name], new EntityRef(within.type, within.id), world)) return false
  }
  for (const name of ['principal', 'action', 'resource'] as const)
    if (!fits(scope[name], world[name], world)) return false
  for (const { kind, body } of conditions) if (bool(evaluate(body, world)) !== (kind === 'when')) return false
  return true
}

function fits(constraint: Constraint, ref: EntityRef, world: Scope): boolean {
  switch (constraint.kind) {
    case 'any':
      return true
    case 'equal':
      return isEqual(ref, constraint.uid)
    case 'in':
      return constraint.uids.some((uid) => isIn(ref, uid, world))
    case 'is':
      return ref.type === constraint.type && (constraint.within === undefined || isIn(ref, constraint.within, world))
  }
}

function isIn(ref: EntityRef, target: EntityRef, world: Scope): boolean {
  if (isEqual(ref, target)) return true
  return (world.entities.find(ref)?.parents.refs ?? []).some((parent) => isIn(parent, target, world))
}

/** The right side of `in` is an entity, or a set of them; also after `is T`. */
function isInAny(ref: EntityRef, right: Value, world: Scope): boolean {
  const targets = typeof right === 'object' && right.kind === 'set' ? right.elements.map(entity) : [entity(right)]
  return targets.some((target) => isIn(ref, target, world))
}

function evaluate(expression: Expression, world: Scope): Value {
  const value = (inner: Expression): Value => evaluate(inner, world)
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'variable':
      return world[expression.name]
    case 'and':
      return expression.operands.every((operand) => bool(value(operand)))
    case 'or':
      return expression.operands.some((operand) => bool(value(operand)))
    case 'not':
      return !bool(value(expression.of))
    case 'negate':
      return fitting(-integer(value(expression.of)))
    case 'if':
      return bool(value(expression.condition)) ? value(expression.whenTrue) : value(expression.whenFalse)
    case 'compare':
      return compare(expression.operator, value(expression.left), value(expression.right))
    case 'arithmetic': {
      const [a, b] = [integer(value(expression.left)), integer(value(expression.right))]
      return fitting({ '+': a + b, '-': a - b, '*': a * b }[expression.operator])
    }
    case 'in': {
      return isInAny(entity(value(expression.left)), value(expression.right), world)
    }
    case 'is': {
      const ref = entity(value(expression.of))
      if (ref.type !== expression.type) return false
      return expression.within === undefined || isInAny(ref, value(expression.within), world)
    }
    case 'attribute':
      return there(attribute(value(expression.of), expression.name, world))
    case 'has': {
      let base: Value | undefined = value(expression.of)
      for (const name of expression.path) {
        if (base !== undefined) base = attribute(base, name, world)
      }
      return base !== undefined
    }
    case 'like':
      return likes(text(value(expression.of)), expression.pattern)
    case 'getTag': {
      const ref = entity(value(expression.of))
      return there(world.entities.find(ref)?.tags?.[text(value(expression.tag))])
    }
    case 'hasTag': {
      const ref = entity(value(expression.of))
      const tag = text(value(expression.tag))
      return world.entities.find(ref)?.tags?.[tag] !== undefined
    }
    case 'set':
      return new SetValue(expression.elements.map(value))
    case 'record': {
      const fields = Object.fromEntries(expression.fields.map(([name, field]) => [name, value(field)]))
      return new RecordValue(Object.assign(Object.create(null), fields), expression.fields.length)
    }
    case 'call':
      return compileCall(
        expression.name,
        expression.parameters.map((parameter) => () => value(parameter)),
      )(NO_FRAME)
  }
}

// The parameters above ignore it.
const NO_FRAME = undefined as unknown as Frame

function compare(operator: string, a: Value, b: Value): boolean {
  if (operator === '==') return isEqual(a, b)
  if (operator === '!=') return !isEqual(a, b)
  const [left, right] = [ordered(a, b), ordered(b, a)]
  return { '<': left < right, '<=': left <= right, '>': left > right }[operator] ?? left >= right
}

function ordered(value: Value, other: Value): bigint {
  if (typeof value !== 'object') return integer(value)
  if (typeof other !== 'object' || value.kind !== other.kind) throw new EvaluationError('different types')
  if (value.kind !== 'datetime' && value.kind !== 'duration') throw new EvaluationError('no order')
  return BigInt(value.milliseconds)
}

function attribute(base: Value, name: string, world: Scope): Value | undefined {
  if (typeof base === 'object' && base.kind === 'record') return base.fields[name]
  return world.entities.find(entity(base))?.attributes[name]
}

function likes(subject: string, pattern: readonly (string | undefined)[]): boolean {
  const [part, ...rest] = pattern
  if (pattern.length === 0) return subject === ''
  if (part !== undefined) return subject.startsWith(part) && likes(subject.slice(part.length), rest)
  return Array.from({ length: subject.length + 1 }, (_, at) => subject.slice(at)).some((tail) => likes(tail, rest))
}

function bool(value: Value): boolean {
  if (typeof value !== 'boolean') throw new EvaluationError('no boolean')
  return value
}

function integer(value: Value): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new EvaluationError('no integer')
  return BigInt(value)
}

function text(value: Value): string {
  if (typeof value !== 'string') throw new EvaluationError('no text')
  return value
}

function entity(value: Value): EntityRef {
  if (typeof value !== 'object' || value.kind !== 'entity') throw new EvaluationError('no entity')
  return value
}

function there(value: Value | undefined): Value {
  if (value === undefined) throw new EvaluationError('not there')
  return value
}

function fitting(value: bigint): Value {
  const long = toLong(value)
  if (long === undefined) throw new EvaluationError('overflow')
  return long
}
