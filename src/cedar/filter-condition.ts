import { expressionText } from './cedar-text.ts'
import type { Expression } from './expression.ts'
import type { Residual } from './residual.ts'

/**
 * A condition on the resource that is either met or not: unlike an expression it never fails. `outcome` says what the
 * expression has to come to; where it fails, the condition is not met.
 */
export type FilterCondition =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly FilterCondition[] }
  | { readonly kind: 'not'; readonly condition: FilterCondition }
  | { readonly kind: 'test'; readonly expression: Expression; readonly outcome: boolean }

export const ALWAYS: FilterCondition = { kind: 'always' }
const NEVER: FilterCondition = { kind: 'never' }

/** When what is left of a condition comes to this outcome, without failing. */
export function conditionFor(residual: Residual, outcome: boolean): FilterCondition {
  switch (residual.kind) {
    case 'value':
      return residual.value === outcome ? ALWAYS : NEVER
    case 'error':
      return NEVER
    case 'open':
      return { kind: 'test', expression: residual.expression, outcome }
    case 'not':
      return conditionFor(residual.of, !outcome)
    case 'and':
      return chainCondition(residual.operands, outcome, true)
    case 'or':
      return chainCondition(residual.operands, outcome, false)
    case 'if':
      return anyOf([
        allOf([conditionFor(residual.condition, true), conditionFor(residual.whenTrue, outcome)]),
        allOf([conditionFor(residual.condition, false), conditionFor(residual.whenFalse, outcome)]),
      ])
  }
}

/**
 * `a && b` is true where both are; it is false where `a` is, and where `a` is true and `b` false (where `a` fails, all
 * fails). `||` is the same with the values exchanged: `going` is the value with which evaluation goes on.
 */
function chainCondition(operands: readonly Residual[], outcome: boolean, going: boolean): FilterCondition {
  const goesOn = operands.map((operand) => conditionFor(operand, going))
  if (outcome === going) return allOf(goesOn)
  return anyOf(operands.map((operand, index) => allOf([...goesOn.slice(0, index), conditionFor(operand, !going)])))
}

export function allOf(conditions: readonly FilterCondition[]): FilterCondition {
  return combine('and', conditions, ALWAYS, NEVER)
}

export function anyOf(conditions: readonly FilterCondition[]): FilterCondition {
  return combine('or', conditions, NEVER, ALWAYS)
}

export function not(condition: FilterCondition): FilterCondition {
  if (condition.kind === 'always') return NEVER
  if (condition.kind === 'never') return ALWAYS
  return condition.kind === 'not' ? condition.condition : { kind: 'not', condition }
}

function combine(
  kind: 'and' | 'or',
  conditions: readonly FilterCondition[],
  neutral: FilterCondition,
  decisive: FilterCondition,
): FilterCondition {
  const distinct = new Map<string, FilterCondition>()
  const flat = conditions.flatMap((each) => (each.kind === kind ? each.conditions : [each]))
  for (const condition of flat) {
    if (condition.kind === decisive.kind) return decisive
    if (condition.kind !== neutral.kind) distinct.set(conditionText(condition), condition)
  }
  for (const condition of distinct.values()) {
    // `a and not a`, `a or not a`.
    if (condition.kind === 'not' && distinct.has(conditionText(condition.condition))) return decisive
  }
  const [only, ...more] = distinct.values()
  if (only === undefined) return neutral
  return more.length === 0 ? only : { kind, conditions: [...distinct.values()] }
}

/** A condition as text, for people and for comparing. */
export function conditionText(condition: FilterCondition): string {
  switch (condition.kind) {
    case 'always':
    case 'never':
      return condition.kind
    case 'and':
    case 'or':
      return `(${condition.conditions.map(conditionText).join(` ${condition.kind} `)})`
    case 'not':
      return `not ${conditionText(condition.condition)}`
    case 'test':
      return `${condition.outcome ? '' : 'false: '}${expressionText(condition.expression)}`
  }
}
