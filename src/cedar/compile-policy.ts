import { compileTest } from './compile-expression.ts'
import type { Constraint } from './expression.ts'
import { type Frame, isIn, type Test } from './frame.ts'
import { type IndexKey, indexKeysOf } from './index-key.ts'
import type { Policy } from './policy.ts'
import { type EntityRef, isEqual } from './value.ts'

/** A policy, ready to be asked. */
export interface CompiledPolicy {
  readonly policy: Policy
  /** Its place among the policies of an engine, for the order of answers. */
  readonly order: number
  readonly isPermit: boolean
  /** Whether scope and conditions hold. Throws `EvaluationError`; the scope alone never does. */
  readonly isSatisfied: Test
  /** The ways in which an index can find it. */
  readonly keys: readonly IndexKey[]
  /** Whether an index may find it twice for one request. */
  readonly mayRepeat: boolean
}

export function compilePolicy(policy: Policy, order: number): CompiledPolicy {
  const scope = [
    compileConstraint(policy.scope.principal, (frame) => frame.principal.ref),
    compileConstraint(policy.scope.action, (frame) => frame.action.ref),
    compileConstraint(policy.scope.resource, (frame) => frame.resource.ref),
  ].filter((test) => test !== undefined)
  const conditions = policy.conditions.map(({ kind, body }): Test => {
    const test = compileTest(body)
    return kind === 'when' ? test : (frame) => !test(frame)
  })
  const keys = indexKeysOf(policy)
  return {
    policy,
    order,
    isPermit: policy.effect === 'permit',
    isSatisfied: all([...scope, ...conditions]),
    keys,
    mayRepeat: keys.some(({ answers }) => answers.length > 1),
  }
}

function all(tests: readonly Test[]): Test {
  const [a, b, c] = tests
  if (a === undefined) return () => true
  if (b === undefined) return a
  if (c === undefined) return (frame) => a(frame) && b(frame)
  if (tests.length === 3) return (frame) => a(frame) && b(frame) && c(frame)
  return (frame) => {
    for (const test of tests) if (!test(frame)) return false
    return true
  }
}

/** Whether the scope holds for this entity, or undefined where it always does. */
function compileConstraint(constraint: Constraint, of: (frame: Frame) => EntityRef): Test | undefined {
  switch (constraint.kind) {
    case 'any':
      return undefined
    case 'equal': {
      const { uid } = constraint
      return (frame) => isEqual(of(frame), uid)
    }
    case 'in': {
      const [only, ...more] = constraint.uids
      if (only !== undefined && more.length === 0) return (frame) => isIn(frame, of(frame), only)
      return (frame) => constraint.uids.some((uid) => isIn(frame, of(frame), uid))
    }
    case 'is': {
      const { type, within } = constraint
      if (within === undefined) return (frame) => of(frame).type === type
      return (frame) => of(frame).type === type && isIn(frame, of(frame), within)
    }
  }
}
