import { expressionText } from './cedar-text.ts'
import { compileTest } from './compile-expression.ts'
import type { Entities } from './entities.ts'
import { EvaluationError } from './evaluation-error.ts'
import { constraintExpression, type ExplainedCondition } from './explain.ts'
import type { Expression } from './expression.ts'
import type { Frame, Test } from './frame.ts'
import { locate, type PolicySpans } from './locate.ts'
import type { Policy } from './policy.ts'
import type { AccessRequest } from './request.ts'
import { positionsIn, within } from './source-position.ts'

/** What an evaluation came to; an error is not told. */
export type TraceOutcome = boolean | 'error'

/** A condition of a policy that is not made of smaller ones. */
export type TracedCondition = Pick<ExplainedCondition, 'part' | 'text' | 'position'>

/** How one policy met one request whose scope it covers. */
export interface PolicyTrace {
  /** The id of the policy; of a linked one, of its template. */
  readonly policy: string
  readonly outcome: TraceOutcome
  /** Of each condition, in the order of `conditions`; `undefined` where it was not reached. */
  readonly conditions: readonly (TraceOutcome | undefined)[]
}

/** Evaluates every policy without an index and tells what each condition came to; for the coverage of tests. */
export interface Tracer {
  /** The conditions of each policy or template, by its id. */
  readonly conditions: ReadonlyMap<string, readonly TracedCondition[]>
  /** Every policy whose scope covers the request, with what became of it. Throws as `Engine.decide`. */
  trace(request: AccessRequest, entities: Entities): readonly PolicyTrace[]
}

export function tracerOf(
  policies: Iterable<Policy>,
  frameOf: (request: AccessRequest, entities: Entities) => Frame,
): Tracer {
  const conditions = new Map<string, readonly TracedCondition[]>()
  const traced = [...policies].map((policy) => {
    const id = policy.link?.templateId ?? policy.id
    const one = tracePolicy(policy)
    if (!conditions.has(id)) conditions.set(id, one.conditions)
    return { id, ...one }
  })
  return {
    conditions,
    trace(request, entities) {
      const frame = frameOf(request, entities)
      return traced.flatMap(({ id, isInScope, test, conditions: { length } }) => {
        if (!isInScope(frame)) return []
        const found = new Array<TraceOutcome | undefined>(length).fill(undefined)
        return [{ policy: id, outcome: outcomeOf(() => test(frame, found)), conditions: found }]
      })
    },
  }
}

/** Evaluates, and notes what became of each condition in its place. */
type TracedTest = (frame: Frame, found: (TraceOutcome | undefined)[]) => boolean

interface TracedPolicy {
  readonly isInScope: Test
  readonly test: TracedTest
  readonly conditions: readonly TracedCondition[]
}

function tracePolicy(policy: Policy): TracedPolicy {
  const { principal, action, resource } = policy.scope
  const scope = [
    ...policy.bounds.map(({ of, constraint }) => constraintExpression(of, constraint)),
    constraintExpression('principal', principal),
    constraintExpression('action', action),
    constraintExpression('resource', resource),
  ].flatMap((expression) => (expression === undefined ? [] : [compileTest(expression)]))
  const spans = locate(policy)
  const conditions: TracedCondition[] = []
  const tests = policy.conditions.map(({ kind, body }) => {
    const test = traceExpression(body, (atom) => conditions.push(shown(policy, kind, atom, spans)) - 1)
    return kind === 'when' ? test : (frame: Frame, found: (TraceOutcome | undefined)[]) => !test(frame, found)
  })
  return {
    isInScope: (frame) => scope.every((test) => test(frame)),
    test: (frame, found) => tests.every((test) => test(frame, found)),
    conditions,
  }
}

function traceExpression(expression: Expression, place: (atom: Expression) => number): TracedTest {
  switch (expression.kind) {
    case 'and': {
      const operands = expression.operands.map((operand) => traceExpression(operand, place))
      return (frame, found) => operands.every((operand) => operand(frame, found))
    }
    case 'or': {
      const operands = expression.operands.map((operand) => traceExpression(operand, place))
      return (frame, found) => operands.some((operand) => operand(frame, found))
    }
    case 'not': {
      const of = traceExpression(expression.of, place)
      return (frame, found) => !of(frame, found)
    }
    default: {
      const test = compileTest(expression)
      const at = place(expression)
      return (frame, found) => {
        found[at] = 'error'
        const outcome = test(frame)
        found[at] = outcome
        return outcome
      }
    }
  }
}

function shown(policy: Policy, part: 'when' | 'unless', atom: Expression, spans: PolicySpans): TracedCondition {
  const span = spans.of(atom)
  if (span === undefined) return { part, text: expressionText(atom), position: policy.position }
  const position = within(policy.position, positionsIn(policy.text).at(span.start))
  return { part, text: policy.text.slice(span.start, span.end), position }
}

function outcomeOf(evaluate: () => boolean): TraceOutcome {
  try {
    return evaluate()
  } catch (error) {
    if (error instanceof EvaluationError) return 'error'
    throw error
  }
}
