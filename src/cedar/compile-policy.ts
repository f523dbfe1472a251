import { expressionText } from './cedar-text.ts'
import { compileTest } from './compile-expression.ts'
import type { Condition, Constraint } from './expression.ts'
import { type Frame, isIn, type Test } from './frame.ts'
import { type IndexKey, indexKeysOf, type PartyName } from './index-key.ts'
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
  /** What `isSatisfied` is made of. */
  readonly parts: readonly PolicyPart[]
  /** The ways in which an index can find it. */
  readonly keys: readonly IndexKey[]
  /** Whether an index may find it twice for one request. */
  readonly mayRepeat: boolean
}

interface PolicyPart {
  readonly test: Test
  /** The probe whose answer makes the test needless, for a policy that was found by it. */
  readonly provenBy: string | undefined
}

/** Tests by what they test: policies made by a program have most of them in common, and then they lie closer together. */
export type SharedTests = Map<string, Test>

export function compilePolicy(policy: Policy, order: number, shared: SharedTests): CompiledPolicy {
  const keys = indexKeysOf(policy)
  const { principal, action, resource } = policy.scope
  const parts = [
    ...policy.bounds.map(({ of, constraint }) => scopePart(of, constraint, (frame) => frame[of].ref, keys)),
    scopePart('principal', principal, (frame) => frame.principal.ref, keys),
    sharedPart(
      scopePart('action', action, (frame) => frame.action.ref, keys),
      `action ${constraintText(action)}`,
      shared,
    ),
    scopePart('resource', resource, (frame) => frame.resource.ref, keys),
    ...policy.conditions.map((condition) => conditionPart(condition, shared)),
  ].filter((part) => part !== undefined)
  return {
    policy,
    order,
    isPermit: policy.effect === 'permit',
    isSatisfied: all(parts),
    parts,
    keys,
    mayRepeat: keys.some(({ answers }) => answers.length > 1),
  }
}

/** What is left to ask about a policy that an index has found by these probes. */
export function testAfter({ parts, isSatisfied }: CompiledPolicy, asked: readonly string[]): Test {
  const open = parts.filter(({ provenBy }) => provenBy === undefined || !asked.includes(provenBy))
  return open.length === parts.length ? isSatisfied : all(open)
}

function conditionPart({ kind, body }: Condition, shared: SharedTests): PolicyPart {
  const text = `${kind} ${expressionText(body)}`
  const known = shared.get(text)
  if (known !== undefined) return { test: known, provenBy: undefined }
  const holds = compileTest(body)
  const test: Test = kind === 'when' ? holds : (frame) => !holds(frame)
  shared.set(text, test)
  return { test, provenBy: undefined }
}

function sharedPart(part: PolicyPart | undefined, text: string, shared: SharedTests): PolicyPart | undefined {
  if (part === undefined) return undefined
  const test = shared.get(text) ?? part.test
  shared.set(text, test)
  return { ...part, test }
}

function constraintText(constraint: Constraint): string {
  switch (constraint.kind) {
    case 'any':
      return 'any'
    case 'equal':
      return `== ${constraint.uid.key}`
    case 'in':
      return `in ${constraint.uids.map(({ key }) => key).join()}`
    case 'is':
      return `is ${constraint.type} in ${constraint.within?.key ?? ''}`
  }
}

function scopePart(
  of: PartyName,
  constraint: Constraint,
  refOf: (frame: Frame) => EntityRef,
  keys: readonly IndexKey[],
): PolicyPart | undefined {
  const test = compileConstraint(constraint, refOf)
  if (test === undefined) return undefined
  // With `is … in …` one probe alone proves nothing, nor does one that a condition has as well.
  const isWhole = constraint.kind !== 'is' || constraint.within === undefined
  const id = `${of} ${constraint.kind === 'is' ? 'type' : constraint.kind}`
  const isOnly = keys.filter(({ probe }) => probe.id === id).length === 1
  return { test, provenBy: isWhole && isOnly ? id : undefined }
}

function all(parts: readonly PolicyPart[]): Test {
  const tests = parts.map(({ test }) => test)
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
