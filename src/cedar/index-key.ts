import type { Condition, Constraint, Expression } from './expression.ts'
import type { Policy } from './policy.ts'
import type { EntityRef, Value } from './value.ts'

export type PartyName = 'principal' | 'action' | 'resource'

/** A question about a request whose answer tells which policies can matter. */
export type Probe = PartyProbe | PathProbe

/** Which entity it is; which entity it is or is in; of which type it is. */
export interface PartyProbe {
  readonly kind: 'equal' | 'in' | 'type'
  /** Probes with the same id ask the same question. */
  readonly id: string
  readonly of: PartyName
}

/** Which value is found along a path of attributes. */
export interface PathProbe {
  readonly kind: 'path'
  readonly id: string
  readonly of: PartyName | 'context'
  readonly path: readonly string[]
  /** Whether policies compare with entities; otherwise with texts, integers or booleans. */
  readonly isEntity: boolean
  /** Policies ask first whether the first attribute is there: without it they do not apply, instead of failing. */
  readonly isGuarded: boolean
}

/** One of several answers under which a policy can matter. Entities and types answer with text. */
export interface IndexKey {
  readonly probe: Probe
  readonly answers: readonly Answer[]
  /**
   * Probes that must be asked before. A condition that stands behind another one may only be used once that one is
   * known to hold: else a policy that fails there would be passed over instead of reported.
   */
  readonly after: readonly string[]
}

export type Answer = string | number | bigint | boolean

export interface IndexKeys {
  /** Every way in which a policy can be found. */
  readonly keys: readonly IndexKey[]
  /** The id of the probe that proves a condition, or an operand of it, for a policy that was found by it. */
  readonly proofs: ReadonlyMap<Expression, string>
}

export function indexKeysOf(policy: Policy): IndexKeys {
  const proofs = new Map<Expression, string>()
  const keys = [
    ...policy.bounds.flatMap(({ of, constraint }) => scopeKeys(of, constraint)),
    ...scopeKeys('principal', policy.scope.principal),
    ...scopeKeys('action', policy.scope.action),
    ...scopeKeys('resource', policy.scope.resource),
    ...conditionKeys(policy.conditions, proofs),
  ]
  return { keys, proofs }
}

function scopeKeys(of: PartyName, constraint: Constraint): readonly IndexKey[] {
  switch (constraint.kind) {
    case 'any':
      return []
    case 'equal':
      return [partyKey('equal', of, [constraint.uid.key])]
    case 'in':
      return [
        partyKey(
          'in',
          of,
          constraint.uids.map((uid) => uid.key),
        ),
      ]
    case 'is': {
      const type = partyKey('type', of, [constraint.type])
      return constraint.within === undefined ? [type] : [partyKey('in', of, [constraint.within.key]), type]
    }
  }
}

function partyKey(kind: PartyProbe['kind'], of: PartyName, answers: readonly string[]): IndexKey {
  return { probe: PARTY_PROBES[of][kind], answers: unique(answers), after: NOTHING }
}

const NOTHING: readonly string[] = []

function partyProbes(of: PartyName): Readonly<Record<PartyProbe['kind'], PartyProbe>> {
  return {
    equal: { kind: 'equal', id: `${of} equal`, of },
    in: { kind: 'in', id: `${of} in`, of },
    type: { kind: 'type', id: `${of} type`, of },
  }
}

const PARTY_PROBES: Readonly<Record<PartyName, Readonly<Record<PartyProbe['kind'], PartyProbe>>>> = {
  principal: partyProbes('principal'),
  action: partyProbes('action'),
  resource: partyProbes('resource'),
}

function unique<A extends Answer>(answers: readonly A[]): readonly A[] {
  return answers.length < 2 ? answers : [...new Set(answers)]
}

/** Keys from the conditions that are evaluated first, up to the first that may fail in a way we cannot foresee. */
function conditionKeys(conditions: readonly Condition[], proofs: Map<Expression, string>): readonly IndexKey[] {
  const keys: IndexKey[] = []
  const after: string[] = []
  const present = new Set<string>()
  for (const { kind, body } of conditions) {
    if (kind === 'unless') return keys
    for (const operand of body.kind === 'and' ? body.operands : [body]) {
      const found = readOperand(operand, present)
      if (found === undefined) return keys
      if (found.key === undefined) continue
      keys.push(after.length === 0 ? found.key : { ...found.key, after: [...after] })
      proofs.set(operand, found.key.probe.id)
      if (!found.isSafe) after.push(found.key.probe.id)
    }
  }
  return keys
}

interface Operand {
  readonly key?: IndexKey
  /** Whether evaluating it can never fail. */
  readonly isSafe: boolean
}

function readOperand(operand: Expression, present: Set<string>): Operand | undefined {
  switch (operand.kind) {
    case 'literal':
      return operand.value === true ? { isSafe: true } : undefined
    case 'has': {
      const [name, ...more] = operand.path
      if (operand.of.kind !== 'variable' || name === undefined || more.length > 0) return undefined
      present.add(pathId(operand.of.name, [name]))
      return { isSafe: true }
    }
    case 'is': {
      const of = partyOf(operand.of)
      if (of === undefined || operand.within !== undefined) return undefined
      return { key: partyKey('type', of, [operand.type]), isSafe: true }
    }
    case 'in': {
      const of = partyOf(operand.left)
      const [target] = literalsOf(operand.right)
      if (of === undefined || operand.right.kind !== 'literal' || !isEntity(target)) return undefined
      return { key: partyKey('in', of, [target.key]), isSafe: true }
    }
    case 'compare':
      if (operand.operator !== '==') return undefined
      return (
        equality(operand.left, literalsOf(operand.right), present) ??
        equality(operand.right, literalsOf(operand.left), present)
      )
    case 'call': {
      const [set, element] = operand.parameters
      if (operand.name !== 'contains' || set?.kind !== 'set' || element === undefined) return undefined
      const literals = set.elements.flatMap(literalsOf)
      return literals.length === set.elements.length ? equality(element, literals, present) : undefined
    }
    default:
      return undefined
  }
}

function partyOf(expression: Expression): PartyName | undefined {
  if (expression.kind !== 'variable' || expression.name === 'context') return undefined
  return expression.name
}

function literalsOf(expression: Expression): readonly Value[] {
  return expression.kind === 'literal' ? [expression.value] : []
}

function isEntity(value: Value | undefined): value is EntityRef {
  return typeof value === 'object' && value.kind === 'entity'
}

/** `left == literal`, where one literal of several may be the one. */
function equality(left: Expression, literals: readonly Value[], present: ReadonlySet<string>): Operand | undefined {
  const entities = literals.filter(isEntity)
  const plain = literals.filter((value) => typeof value !== 'object')
  if (literals.length === 0 || (entities.length > 0 && plain.length > 0)) return undefined
  const answers = entities.length > 0 ? entities.map((entity) => entity.key) : plain
  const party = partyOf(left)
  if (party !== undefined) {
    return entities.length === 0
      ? undefined
      : {
          key: partyKey(
            'equal',
            party,
            entities.map(({ key }) => key),
          ),
          isSafe: true,
        }
  }
  const found = pathOf(left)
  if (found === undefined) return undefined
  const isGuarded = present.has(pathId(found.of, found.path.slice(0, 1)))
  const isEntityProbe = entities.length > 0
  const id = `${pathId(found.of, found.path)} ${isEntityProbe ? 'entity' : 'plain'}${isGuarded ? ' guarded' : ''}`
  const probe: PathProbe = { kind: 'path', id, ...found, isEntity: isEntityProbe, isGuarded }
  return { key: { probe, answers: unique(answers), after: NOTHING }, isSafe: isGuarded && found.path.length === 1 }
}

function pathOf(expression: Expression): { of: PathProbe['of']; path: readonly string[] } | undefined {
  const path: string[] = []
  let at = expression
  while (at.kind === 'attribute') {
    path.unshift(at.name)
    at = at.of
  }
  return at.kind === 'variable' && path.length > 0 ? { of: at.name, path } : undefined
}

function pathId(of: string, path: readonly string[]): string {
  return `${of} ${JSON.stringify(path)}`
}
