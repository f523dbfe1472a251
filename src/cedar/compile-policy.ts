import { expressionText } from './cedar-text.ts'
import { compileTest } from './compile-expression.ts'
import type { Condition, Constraint, Expression } from './expression.ts'
import { isWithin, partyOf, type Test } from './frame.ts'
import { type IndexKey, indexKeysOf, type PartyName } from './index-key.ts'
import type { Policy } from './policy.ts'
import type { SharedTests } from './shared-tests.ts'
import { type EntityRef, isEqual } from './value.ts'

/** A policy, ready to be asked. */
export interface CompiledPolicy {
  readonly policy: Policy
  /** Its place among the policies of an engine, for the order of answers. */
  readonly order: number
  readonly isPermit: boolean
  /** Whether scope and conditions hold. Throws `EvaluationError`; the scope alone never does. */
  readonly isSatisfied: Test
  /** What `isSatisfied` is made of. */
  readonly parts: readonly PolicyPart[]
  /** The ways in which an index can find it. */
  readonly keys: readonly IndexKey[]
}

interface PolicyPart {
  readonly test: Test
  /** The probe whose answer makes the test needless, for a policy that was found by it. */
  readonly provenBy: string | undefined
  /** What is tested, where that is only this. */
  readonly membership: Membership | undefined
}

/** The principal or the resource has to be this entity, or in it. */
export interface Membership {
  readonly of: 'principal' | 'resource'
  readonly within: EntityRef
}

export function compilePolicy(policy: Policy, order: number, shared: SharedTests): CompiledPolicy {
  const { keys, proofs } = indexKeysOf(policy)
  const { principal, action, resource } = policy.scope
  const parts = [
    ...policy.bounds.map(({ of, constraint }) => scopePart(of, constraint, keys, shared)),
    scopePart('principal', principal, keys, shared),
    scopePart('action', action, keys, shared),
    scopePart('resource', resource, keys, shared),
    ...policy.conditions.flatMap((condition) => conditionParts(condition, keys, proofs, shared)),
  ].filter((part) => part !== undefined)
  return {
    policy,
    order,
    isPermit: policy.effect === 'permit',
    isSatisfied: shared.all(parts.map(({ test }) => test)),
    parts,
    keys,
  }
}

/** What is left to ask about a policy that an index has found by some probes. */
export interface Remainder {
  /** Asked before the test. It is kept as data, for it is what policies of one kind differ in. */
  readonly membership: Membership | undefined
  readonly test: Test
}

export function remainderAfter({ parts }: CompiledPolicy, asked: readonly string[], shared: SharedTests): Remainder {
  const open = parts.filter(({ provenBy }) => provenBy === undefined || !asked.includes(provenBy))
  // Scopes never fail, so one of them may be asked before the others.
  const last = open.findLast(({ membership }) => membership !== undefined)
  const others = open.filter((part) => part !== last)
  return { membership: last?.membership, test: shared.all(others.map(({ test }) => test)) }
}

/** One part; or several, where a probe may prove some operands: those that are left are then the same for many policies. */
function conditionParts(
  { kind, body }: Condition,
  keys: readonly IndexKey[],
  proofs: ReadonlyMap<Expression, string>,
  shared: SharedTests,
): readonly PolicyPart[] {
  const operands = body.kind === 'and' ? body.operands : [body]
  if (!operands.some((operand) => proofs.has(operand))) {
    return [{ test: conditionTest(kind, body, shared), provenBy: undefined, membership: undefined }]
  }
  return operands.map((operand) => {
    const id = proofs.get(operand)
    return {
      test: conditionTest(kind, operand, shared),
      provenBy: isOnly(id, keys) ? id : undefined,
      membership: undefined,
    }
  })
}

/** Whether an answer to the probe speaks of one key only. */
function isOnly(id: string | undefined, keys: readonly IndexKey[]): boolean {
  return keys.filter(({ probe }) => probe.id === id).length === 1
}

function conditionTest(kind: Condition['kind'], body: Expression, shared: SharedTests): Test {
  return shared.test(`${kind} ${expressionText(body)}`, () => {
    const holds = compileTest(body)
    return kind === 'when' ? holds : (frame) => !holds(frame)
  })
}

function scopePart(
  of: PartyName,
  constraint: Constraint,
  keys: readonly IndexKey[],
  shared: SharedTests,
): PolicyPart | undefined {
  if (constraint.kind === 'any') return undefined
  const test = shared.test(`${of} ${constraintText(constraint)}`, () => compileConstraint(of, constraint))
  // With `is … in …` one probe alone proves nothing, nor does one that a condition has as well.
  const isWhole = constraint.kind !== 'is' || constraint.within === undefined
  const id = `${of} ${constraint.kind === 'is' ? 'type' : constraint.kind}`
  return {
    test,
    provenBy: isWhole && isOnly(id, keys) ? id : undefined,
    membership: membershipOf(of, constraint),
  }
}

function membershipOf(of: PartyName, constraint: Constraint): Membership | undefined {
  if (of === 'action' || constraint.kind !== 'in') return undefined
  const [within, ...more] = constraint.uids
  return within === undefined || more.length > 0 ? undefined : { of, within }
}

function constraintText(constraint: Exclude<Constraint, { kind: 'any' }>): string {
  switch (constraint.kind) {
    case 'equal':
      return `== ${constraint.uid.key}`
    case 'in':
      return `in ${constraint.uids.map(({ key }) => key).join()}`
    case 'is':
      return `is ${constraint.type} ${constraint.within === undefined ? '' : `in ${constraint.within.key}`}`
  }
}

/** Whether the scope holds. */
function compileConstraint(of: PartyName, constraint: Exclude<Constraint, { kind: 'any' }>): Test {
  switch (constraint.kind) {
    case 'equal': {
      const { uid } = constraint
      return (frame) => isEqual(partyOf(frame, of).ref, uid)
    }
    case 'in': {
      const [only, ...more] = constraint.uids
      if (only !== undefined && more.length === 0) return (frame) => isWithin(partyOf(frame, of), only)
      return (frame) => constraint.uids.some((uid) => isWithin(partyOf(frame, of), uid))
    }
    case 'is': {
      const { type, within } = constraint
      if (within === undefined) return (frame) => partyOf(frame, of).ref.type === type
      return (frame) => partyOf(frame, of).ref.type === type && isWithin(partyOf(frame, of), within)
    }
  }
}
