import { expressionText, valueText } from './cedar-text.ts'
import { compileExpression, compileTest } from './compile-expression.ts'
import type { CompiledPolicy } from './compile-policy.ts'
import { jsonOf, type ValueJson } from './entity-json.ts'
import { EvaluationError } from './evaluation-error.ts'
import { explanationText } from './explanation-text.ts'
import type { Constraint, Expression } from './expression.ts'
import type { Frame } from './frame.ts'
import { locate, operandsOf, type PolicySpans, type Span } from './locate.ts'
import type { Policy, PolicyInfo } from './policy.ts'
import type { PolicyDecision } from './request.ts'
import { positionsIn, type SourcePosition, within } from './source-position.ts'
import type { Value } from './value.ts'

/** Why a request was decided as it was. */
export interface Explanation extends PolicyDecision {
  /** The policies that made the decision, with the conditions that hold. */
  readonly because: readonly ExplainedPolicy[]
  /** For a denial without a forbid: the permits that came nearest, nearest first, with what failed. */
  readonly nearest: readonly ExplainedPolicy[]
  /** All of it for a person to read. */
  readonly text: string
}

export interface ExplainedPolicy {
  readonly policy: PolicyInfo
  /** Of a policy that applied: what made it so. Of one that did not: the fewest conditions that would have to change. */
  readonly conditions: readonly ExplainedCondition[]
}

export interface ExplainedCondition {
  readonly part: 'principal' | 'action' | 'resource' | 'when' | 'unless'
  /** The condition as it is written. */
  readonly text: string
  readonly position: SourcePosition
  /** What it came to, or why it came to nothing. */
  readonly outcome: boolean | { readonly error: string }
  /** The values that were found for its parts. */
  readonly values: readonly { readonly expression: string; readonly value: ValueJson; readonly text: string }[]
}

/** How many policies are shown that came near. */
const NEAREST = 5

export function explain(
  frame: Frame,
  { decision, reasons, errors }: PolicyDecision,
  policyOf: (id: string) => CompiledPolicy | undefined,
  policies: Iterable<CompiledPolicy>,
): Explanation {
  const because = reasons
    .map(policyOf)
    .filter((policy) => policy !== undefined)
    .map(({ policy }) => ({ policy, conditions: new PolicyExplainer(policy, frame).supports() }))
  const nearest = decision === 'deny' && reasons.length === 0 ? nearestOf(policies, frame) : []
  const parts = { decision, reasons, errors, because, nearest }
  return { ...parts, text: explanationText(parts) }
}

function nearestOf(policies: Iterable<CompiledPolicy>, frame: Frame): readonly ExplainedPolicy[] {
  const best: { distance: number; order: number; blockers: readonly Atom[]; explainer: PolicyExplainer }[] = []
  for (const { policy, order, isPermit } of policies) {
    if (!isPermit) continue
    const explainer = new PolicyExplainer(policy, frame)
    const blockers = explainer.blockers()
    const distance = blockers.reduce((sum, atom) => sum + distanceOf(atom), 0)
    const last = best.at(-1)
    if (best.length === NEAREST && last !== undefined && distance >= last.distance) continue
    best.push({ distance, order, blockers, explainer })
    best.sort((a, b) => a.distance - b.distance || a.order - b.order)
    best.length = Math.min(best.length, NEAREST)
  }
  return best.map(({ explainer, blockers }) => ({ policy: explainer.policy, conditions: explainer.shown(blockers) }))
}

/** A policy about something else entirely is farther away than one whose conditions are not met. */
function distanceOf({ part, expression }: Atom): number {
  if (part === 'action' || expression.kind === 'is') return 4
  return part === 'principal' || part === 'resource' ? 2 : 1
}

/** A condition that is not made of smaller ones. */
interface Atom {
  readonly part: ExplainedCondition['part']
  readonly expression: Expression
  readonly outcome: boolean | { readonly error: string }
}

type Part = Pick<Atom, 'part' | 'expression'> & { readonly wanted: boolean }

class PolicyExplainer {
  readonly policy: Policy
  readonly #frame: Frame
  readonly #parts: readonly Part[]
  #spans: PolicySpans | undefined

  constructor(policy: Policy, frame: Frame) {
    this.policy = policy
    this.#frame = frame
    const { principal, action, resource } = policy.scope
    this.#parts = [
      ...policy.bounds.flatMap(({ of, constraint }) => scopePart(of, constraint)),
      ...scopePart('principal', principal),
      ...scopePart('action', action),
      ...scopePart('resource', resource),
      ...policy.conditions.map(({ kind, body }) => ({ part: kind, expression: body, wanted: kind === 'when' })),
    ]
  }

  /** What made the policy apply. */
  supports(): readonly ExplainedCondition[] {
    return this.shown(this.#parts.flatMap(({ part, expression }) => this.#supports(part, expression)))
  }

  /** The fewest conditions that would have to come out otherwise for the policy to apply. */
  blockers(): readonly Atom[] {
    return this.#all(
      this.#parts.map(
        ({ part, expression, wanted }) =>
          () =>
            this.#blockers(part, expression, wanted),
      ),
    )
  }

  shown(atoms: readonly Atom[]): readonly ExplainedCondition[] {
    return atoms.map(({ part, expression, outcome }) => {
      this.#spans ??= locate(this.policy)
      const isScope = part === 'principal' || part === 'action' || part === 'resource'
      const span = isScope ? this.#spans[part] : this.#spans.of(expression)
      const text =
        span === undefined || isScope ? expressionText(expression) : this.policy.text.slice(span.start, span.end)
      return { part, text, position: this.#position(span), outcome, values: this.#values(expression) }
    })
  }

  #position(span: Span | undefined): SourcePosition {
    if (span === undefined) return this.policy.position
    return within(this.policy.position, positionsIn(this.policy.text).at(span.start))
  }

  #values(expression: Expression): ExplainedCondition['values'] {
    return operandsOf(expression).flatMap((operand) => {
      if (
        operand.kind === 'literal' ||
        (operand.kind === 'set' && operand.elements.every((e) => e.kind === 'literal'))
      ) {
        return []
      }
      const value = this.#evaluate(operand)
      if (value === undefined) return this.#values(operand)
      return [{ expression: expressionText(operand), value: jsonOf(value), text: valueText(value) }]
    })
  }

  #supports(part: Atom['part'], expression: Expression): readonly Atom[] {
    switch (expression.kind) {
      case 'and': {
        if (this.#outcome(expression) === true)
          return expression.operands.flatMap((operand) => this.#supports(part, operand))
        const failed = expression.operands.find((operand) => this.#outcome(operand) !== true)
        return failed === undefined ? [] : this.#supports(part, failed)
      }
      case 'or': {
        const holding = expression.operands.find((operand) => this.#outcome(operand) === true)
        if (holding !== undefined) return this.#supports(part, holding)
        return expression.operands.flatMap((operand) => this.#supports(part, operand))
      }
      case 'not':
        return this.#supports(part, expression.of)
      default:
        return [{ part, expression, outcome: this.#outcome(expression) }]
    }
  }

  /** The fewest atoms in the way of the wanted outcome; none where it is the outcome. */
  #blockers(part: Atom['part'], expression: Expression, wanted: boolean): readonly Atom[] {
    const outcome = this.#outcome(expression)
    if (outcome === wanted) return []
    const each = (operands: readonly Expression[]): (() => readonly Atom[])[] =>
      operands.map((operand) => () => this.#blockers(part, operand, wanted))
    switch (expression.kind) {
      case 'and':
        return wanted ? this.#all(each(expression.operands)) : fewest(each(expression.operands))
      case 'or':
        return wanted ? fewest(each(expression.operands)) : this.#all(each(expression.operands))
      case 'not':
        return this.#blockers(part, expression.of, !wanted)
      default:
        return [{ part, expression, outcome }]
    }
  }

  /** Everything in the way. What fails behind something that does not hold may well fail because of it: left out. */
  #all(operands: readonly (() => readonly Atom[])[]): readonly Atom[] {
    const found: Atom[] = []
    for (const blockersOf of operands) {
      const blockers = blockersOf()
      const isConsequence = found.length > 0 && blockers.some(({ outcome }) => typeof outcome === 'object')
      if (!isConsequence) found.push(...blockers)
    }
    return found
  }

  #outcome(expression: Expression): Atom['outcome'] {
    try {
      return compileTest(expression)(this.#frame)
    } catch (error) {
      if (error instanceof EvaluationError) return { error: error.message }
      throw error
    }
  }

  #evaluate(expression: Expression): Value | undefined {
    try {
      return compileExpression(expression)(this.#frame)
    } catch (error) {
      if (error instanceof EvaluationError) return undefined
      throw error
    }
  }
}

function fewest(operands: readonly (() => readonly Atom[])[]): readonly Atom[] {
  const all = operands.map((blockersOf) => blockersOf()).filter((blockers) => blockers.length > 0)
  return all.reduce((best, blockers) => (blockers.length < best.length ? blockers : best), all[0] ?? [])
}

function scopePart(part: 'principal' | 'action' | 'resource', constraint: Constraint): readonly Part[] {
  const expression = constraintExpression(part, constraint)
  return expression === undefined ? [] : [{ part, expression, wanted: true }]
}

/** A scope constraint as the condition that means the same. */
export function constraintExpression(
  name: 'principal' | 'action' | 'resource',
  constraint: Constraint,
): Expression | undefined {
  const of = { kind: 'variable', name } as const
  const literal = (value: Value): Expression => ({ kind: 'literal', value })
  switch (constraint.kind) {
    case 'any':
      return undefined
    case 'equal':
      return { kind: 'compare', operator: '==', left: of, right: literal(constraint.uid) }
    case 'in': {
      const [only, ...more] = constraint.uids
      const right: Expression =
        only !== undefined && more.length === 0
          ? literal(only)
          : { kind: 'set', elements: constraint.uids.map(literal) }
      return { kind: 'in', left: of, right }
    }
    case 'is': {
      const within = constraint.within === undefined ? undefined : literal(constraint.within)
      return { kind: 'is', of, type: constraint.type, within }
    }
  }
}
