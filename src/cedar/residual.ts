import type { Bag } from './bag.ts'
import { compileExpression } from './compile-expression.ts'
import { EvaluationError } from './evaluation-error.ts'
import type { Expression } from './expression.ts'
import type { Frame } from './frame.ts'
import { operandsOf } from './locate.ts'
import type { Value } from './value.ts'

/** What is left of a condition when all but the resource is known. */
export type Residual =
  | { readonly kind: 'value'; readonly value: Value }
  /** Evaluating it fails, whatever the resource is. */
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Residual[] }
  | { readonly kind: 'not'; readonly of: Residual }
  | { readonly kind: 'if'; readonly condition: Residual; readonly whenTrue: Residual; readonly whenFalse: Residual }
  /** Depends on the resource. Whatever in it did not is a literal now. */
  | { readonly kind: 'open'; readonly expression: Expression }

/** What is known of a resource of which only the type is. */
export interface ResourceType {
  readonly name: string
  /** The attributes that the schema declares for it; undefined without a schema. Resources have no others. */
  readonly attributes: Bag<unknown> | undefined
}

/** Evaluates as much as can be without the resource. `frame.resource` is not looked at. */
export function residualOf(expression: Expression, frame: Frame, resourceType: ResourceType): Residual {
  return new PartialEvaluator(frame, resourceType).reduce(expression)
}

class PartialEvaluator {
  readonly #frame: Frame
  readonly #resourceType: ResourceType

  constructor(frame: Frame, resourceType: ResourceType) {
    this.#frame = frame
    this.#resourceType = resourceType
  }

  reduce(expression: Expression): Residual {
    if (!mentionsResource(expression)) return this.#evaluate(expression)
    switch (expression.kind) {
      case 'and':
        return this.#chain('and', expression.operands, false)
      case 'or':
        return this.#chain('or', expression.operands, true)
      case 'not': {
        const of = this.reduce(expression.of)
        if (of.kind === 'value') return typeof of.value === 'boolean' ? known(!of.value) : NO_BOOLEAN
        return of.kind === 'error' ? of : { kind: 'not', of }
      }
      case 'if': {
        const condition = this.reduce(expression.condition)
        if (condition.kind === 'error') return condition
        if (condition.kind === 'value') {
          if (typeof condition.value !== 'boolean') return NO_BOOLEAN
          return this.reduce(condition.value ? expression.whenTrue : expression.whenFalse)
        }
        return {
          kind: 'if',
          condition,
          whenTrue: this.reduce(expression.whenTrue),
          whenFalse: this.reduce(expression.whenFalse),
        }
      }
      case 'is':
        return this.#is(expression.of, expression.type, expression.within)
      case 'has': {
        const [name] = expression.path
        const { attributes } = this.#resourceType
        const isOfResource = expression.of.kind === 'variable' && expression.of.name === 'resource'
        if (isOfResource && attributes !== undefined && name !== undefined && attributes[name] === undefined) {
          return known(false)
        }
        return this.#strict(expression)
      }
      default:
        return this.#strict(expression)
    }
  }

  #evaluate(expression: Expression): Residual {
    try {
      return known(compileExpression(expression)(this.#frame))
    } catch (error) {
      if (error instanceof EvaluationError) return { kind: 'error', message: error.message }
      throw error
    }
  }

  /** `and` with `false`, `or` with `true` as the value that decides it. */
  #chain(kind: 'and' | 'or', operands: readonly Expression[], decisive: boolean): Residual {
    const rest: Residual[] = []
    for (const operand of operands) {
      const residual = this.reduce(operand)
      if (residual.kind === 'value') {
        if (typeof residual.value !== 'boolean') rest.push(NO_BOOLEAN)
        else if (residual.value === decisive) rest.push(residual)
        else continue
      } else rest.push(residual)
      // What comes after is never evaluated.
      if (residual.kind === 'value' || residual.kind === 'error') break
    }
    const [first, ...more] = rest
    if (first === undefined) return known(!decisive)
    if (more.length > 0) return { kind, operands: rest }
    // Alone it has to be a boolean still; what is open is tested where it is used.
    return first
  }

  /** `of is type in within` evaluates `within` only where the type is right. */
  #is(of: Expression, type: string, within: Expression | undefined): Residual {
    if (within !== undefined) {
      const isType: Expression = { kind: 'is', of, type, within: undefined }
      return this.#chain('and', [isType, { kind: 'in', left: of, right: within }], false)
    }
    if (of.kind === 'variable' && of.name === 'resource') return known(type === this.#resourceType.name)
    return this.#strict({ kind: 'is', of, type, within })
  }

  /** An operator that evaluates all of its operands: where one fails, it fails. */
  #strict(expression: Expression): Residual {
    const operands = operandsOf(expression)
    const reduced: Expression[] = []
    for (const operand of operands) {
      const residual = this.reduce(operand)
      if (residual.kind === 'error') return residual
      reduced.push(
        residual.kind === 'value'
          ? { kind: 'literal', value: residual.value }
          : this.#openExpression(residual, operand),
      )
    }
    return { kind: 'open', expression: withOperands(expression, reduced) }
  }

  // Inside of an operand, what may leave out a part stays as it was written: the part that is left has to be tested still.
  #openExpression(residual: Residual, original: Expression): Expression {
    return residual.kind === 'open' && !SHORT_CIRCUIT.has(original.kind) ? residual.expression : this.#closed(original)
  }

  /** INVARIANT: what is left speaks of no variable but the resource, so that it may stand beside what is left of other requests. */
  #closed(expression: Expression): Expression {
    if (expression.kind === 'variable') {
      const { principal, action, context } = this.#frame
      const values = { principal: principal.ref, action: action.ref, context, resource: undefined }
      const value = values[expression.name]
      return value === undefined ? expression : { kind: 'literal', value }
    }
    const operands = operandsOf(expression)
    if (operands.length === 0) return expression
    return withOperands(
      expression,
      operands.map((operand) => this.#closed(operand)),
    )
  }
}

const NO_BOOLEAN: Residual = { kind: 'error', message: 'type error: expected bool' }

function known(value: Value): Residual {
  return { kind: 'value', value }
}

const SHORT_CIRCUIT: ReadonlySet<Expression['kind']> = new Set(['and', 'or', 'not', 'if', 'is'])

function mentionsResource(expression: Expression): boolean {
  if (expression.kind === 'variable') return expression.name === 'resource'
  return operandsOf(expression).some(mentionsResource)
}

/** The same expression over other operands, in the order of `operandsOf`. */
function withOperands(expression: Expression, operands: readonly Expression[]): Expression {
  const [first = expression, second = expression, third = expression] = operands
  switch (expression.kind) {
    case 'and':
    case 'or':
      return { ...expression, operands }
    case 'if':
      return { ...expression, condition: first, whenTrue: second, whenFalse: third }
    case 'not':
    case 'negate':
    case 'attribute':
    case 'has':
    case 'like':
      return { ...expression, of: first }
    case 'compare':
    case 'arithmetic':
    case 'in':
      return { ...expression, left: first, right: second }
    case 'is':
      return { ...expression, of: first, within: expression.within === undefined ? undefined : second }
    case 'getTag':
    case 'hasTag':
      return { ...expression, of: first, tag: second }
    case 'set':
      return { ...expression, elements: operands }
    case 'record':
      return {
        ...expression,
        fields: expression.fields.map(([name, field], i) => [name, operands[i] ?? field] as const),
      }
    case 'call':
      return { ...expression, parameters: operands }
    default:
      return expression
  }
}
