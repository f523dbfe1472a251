import { createBag } from './bag.ts'
import { compileCall } from './compile-call.ts'
import { compileHas, compileIn, compileIs, compileLike } from './compile-relation.ts'
import { EvaluationError } from './evaluation-error.ts'
import type { Comparison, Expression, Operation, Variable } from './expression.ts'
import { type Evaluate, type Frame, findEntity, type Test } from './frame.ts'
import * as long from './long.ts'
import { asBoolean, asEntity, asLong, asText, isLong, mismatch } from './type-check.ts'
import { type EntityRef, isEqual, type Long, RecordValue, SetValue, uidText, type Value } from './value.ts'

/** Makes a function of an expression, once, so that evaluating it looks at no syntax any more. */
export function compileExpression(expression: Expression): Evaluate {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression
      return () => value
    }
    case 'variable':
      return VARIABLES[expression.name]
    case 'if':
      return compileIf(
        compileTest(expression.condition),
        compileExpression(expression.whenTrue),
        compileExpression(expression.whenFalse),
      )
    case 'arithmetic':
      return compileArithmetic(expression.operator, ...compileBoth(expression))
    case 'negate':
      return compileNegation(compileExpression(expression.of))
    case 'attribute':
      return compileAttribute(expression.of, expression.name)
    case 'getTag':
      return compileGetTag(compileExpression(expression.of), compileExpression(expression.tag))
    case 'set':
      return onceIfConstant(expression, compileSet(expression.elements))
    case 'record':
      return compileRecord(expression.fields)
    case 'call':
      return onceIfConstant(expression, compileCall(expression.name, expression.parameters.map(compileExpression)))
    default:
      return compileTest(expression)
  }
}

const VARIABLES: Readonly<Record<Variable, Evaluate>> = {
  principal: (frame) => frame.principal.ref,
  action: (frame) => frame.action.ref,
  resource: (frame) => frame.resource.ref,
  context: (frame) => frame.context,
}

/** A condition. Whatever is no boolean is an error. */
export function compileTest(expression: Expression): Test {
  switch (expression.kind) {
    case 'and':
      return compileAnd(expression.operands.map(compileTest))
    case 'or':
      return compileOr(expression.operands.map(compileTest))
    case 'not': {
      const of = compileTest(expression.of)
      return (frame) => !of(frame)
    }
    case 'compare':
      return compileComparison(expression.operator, ...compileBoth(expression))
    case 'in':
      return compileIn(...compileBoth(expression))
    case 'is':
      return compileIs(
        compileExpression(expression.of),
        expression.type,
        expression.within === undefined ? undefined : compileExpression(expression.within),
      )
    case 'has':
      return compileHas(compileExpression(expression.of), expression.path)
    case 'like':
      return compileLike(compileExpression(expression.of), expression.pattern)
    case 'hasTag':
      return compileHasTag(compileExpression(expression.of), compileExpression(expression.tag))
    case 'literal':
    case 'variable':
    case 'if':
    case 'arithmetic':
    case 'negate':
    case 'attribute':
    case 'getTag':
    case 'set':
    case 'record':
    case 'call': {
      const evaluate = compileExpression(expression)
      return (frame) => asBoolean(evaluate(frame))
    }
  }
}

function compileBoth({ left, right }: { readonly left: Expression; readonly right: Expression }): [Evaluate, Evaluate] {
  return [compileExpression(left), compileExpression(right)]
}

function compileAnd(tests: readonly Test[]): Test {
  const [a, b, ...more] = tests
  if (a !== undefined && b !== undefined && more.length === 0) return (frame) => a(frame) && b(frame)
  return (frame) => {
    for (const test of tests) if (!test(frame)) return false
    return true
  }
}

function compileOr(tests: readonly Test[]): Test {
  const [a, b, ...more] = tests
  if (a !== undefined && b !== undefined && more.length === 0) return (frame) => a(frame) || b(frame)
  return (frame) => {
    for (const test of tests) if (test(frame)) return true
    return false
  }
}

function compileIf(condition: Test, whenTrue: Evaluate, whenFalse: Evaluate): Evaluate {
  return (frame) => (condition(frame) ? whenTrue(frame) : whenFalse(frame))
}

function compileComparison(operator: Comparison, left: Evaluate, right: Evaluate): Test {
  switch (operator) {
    case '==':
      return (frame) => isEqual(left(frame), right(frame))
    case '!=':
      return (frame) => !isEqual(left(frame), right(frame))
    case '<':
      return compileOrder(left, right, (a, b) => a < b)
    case '<=':
      return compileOrder(left, right, (a, b) => a <= b)
    case '>':
      return compileOrder(left, right, (a, b) => a > b)
    case '>=':
      return compileOrder(left, right, (a, b) => a >= b)
  }
}

function compileOrder(left: Evaluate, right: Evaluate, holds: (a: Long, b: Long) => boolean): Test {
  return (frame) => {
    const a = left(frame)
    const b = right(frame)
    if (isLong(a) && isLong(b)) return holds(a, b)
    if (typeof a === 'object' && typeof b === 'object' && a.kind === b.kind) {
      if (a.kind === 'datetime' && b.kind === 'datetime') return holds(a.milliseconds, b.milliseconds)
      if (a.kind === 'duration' && b.kind === 'duration') return holds(a.milliseconds, b.milliseconds)
    }
    throw mismatch('long, or two of datetime or duration', isLong(a) ? b : a)
  }
}

function compileArithmetic(operator: Operation, left: Evaluate, right: Evaluate): Evaluate {
  const [operate, name] = OPERATIONS[operator]
  return (frame) => {
    const a = asLong(left(frame))
    const b = asLong(right(frame))
    const result = operate(a, b)
    if (result === undefined) throw new EvaluationError(`integer overflow while ${name} ${a} and ${b}`)
    return result
  }
}

const OPERATIONS: Readonly<Record<Operation, readonly [(a: Long, b: Long) => Long | undefined, string]>> = {
  '+': [long.add, 'adding'],
  '-': [long.subtract, 'subtracting'],
  '*': [long.multiply, 'multiplying'],
}

function compileNegation(of: Evaluate): Evaluate {
  return (frame) => {
    const value = asLong(of(frame))
    const result = long.negate(value)
    if (result === undefined) throw new EvaluationError(`integer overflow while negating ${value}`)
    return result
  }
}

function compileAttribute(of: Expression, name: string): Evaluate {
  const evaluate = compileExpression(of)
  return (frame) => {
    const base = evaluate(frame)
    if (typeof base === 'object') {
      if (base.kind === 'record') {
        const value = base.fields[name]
        if (value === undefined) throw new EvaluationError(`record does not have the attribute \`${name}\``)
        return value
      }
      if (base.kind === 'entity') {
        const value = findEntity(frame, base)?.attributes[name]
        if (value === undefined) throw noAttribute(frame, base, name)
        return value
      }
    }
    throw mismatch('record or entity', base)
  }
}

function noAttribute(frame: Frame, ref: EntityRef, name: string): EvaluationError {
  return findEntity(frame, ref) === undefined
    ? new EvaluationError(`entity \`${uidText(ref)}\` does not exist`)
    : new EvaluationError(`\`${uidText(ref)}\` does not have the attribute \`${name}\``)
}

function compileGetTag(of: Evaluate, tag: Evaluate): Evaluate {
  return (frame) => {
    const ref = asEntity(of(frame))
    const name = asText(tag(frame))
    const node = findEntity(frame, ref)
    if (node === undefined) throw new EvaluationError(`entity \`${uidText(ref)}\` does not exist`)
    const value = node.tags?.[name]
    if (value === undefined) throw new EvaluationError(`\`${uidText(ref)}\` does not have the tag \`${name}\``)
    return value
  }
}

function compileHasTag(of: Evaluate, tag: Evaluate): Test {
  return (frame) => {
    const ref = asEntity(of(frame))
    const name = asText(tag(frame))
    return findEntity(frame, ref)?.tags?.[name] !== undefined
  }
}

function compileSet(expressions: readonly Expression[]): Evaluate {
  const elements = expressions.map(compileExpression)
  return (frame) => new SetValue(elements.map((element) => element(frame)))
}

/** `ip("10.0.0.0/8")` is read at the first evaluation, and never again. */
function onceIfConstant(expression: Expression, evaluate: Evaluate): Evaluate {
  if (!isConstant(expression)) return evaluate
  let value: Value | undefined
  return (frame) => {
    value ??= evaluate(frame)
    return value
  }
}

function isConstant(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return true
    case 'set':
      return expression.elements.every(isConstant)
    case 'call':
      return expression.parameters.every(isConstant)
    default:
      return false
  }
}

function compileRecord(fields: readonly (readonly [string, Expression])[]): Evaluate {
  const compiled = fields.map(([name, field]) => [name, compileExpression(field)] as const)
  return (frame) => {
    const bag = createBag<Value>()
    for (const [name, field] of compiled) bag[name] = field(frame)
    return new RecordValue(bag, compiled.length)
  }
}
