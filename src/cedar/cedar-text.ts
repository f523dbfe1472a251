import type { Expression } from './expression.ts'
import type { Extension, IpAddress } from './extension.ts'
import type { Long } from './value.ts'
import { fieldsOf, uidText, type Value } from './value.ts'

/**
 * An expression as Cedar writes it; brackets stand wherever they could matter. Expressions with the same text mean the
 * same.
 */
export function expressionText(expression: Expression): string {
  const inner = (operand: Expression): string => {
    const text = expressionText(operand)
    return INFIX.has(operand.kind) ? `(${text})` : text
  }
  // `(!a).b` is not `!a.b`.
  const receiver = (operand: Expression): string =>
    isPrefixed(operand) ? `(${expressionText(operand)})` : inner(operand)
  switch (expression.kind) {
    case 'literal':
      return valueText(expression.value)
    case 'variable':
      return expression.name
    case 'and':
      return expression.operands.map(inner).join(' && ')
    case 'or':
      return expression.operands.map(inner).join(' || ')
    case 'not':
      return `!${inner(expression.of)}`
    case 'negate':
      return `-${inner(expression.of)}`
    case 'if': {
      const { condition, whenTrue, whenFalse } = expression
      return `if ${inner(condition)} then ${inner(whenTrue)} else ${inner(whenFalse)}`
    }
    case 'compare':
    case 'arithmetic':
      return `${inner(expression.left)} ${expression.operator} ${inner(expression.right)}`
    case 'in':
      return `${inner(expression.left)} in ${inner(expression.right)}`
    case 'is': {
      const within = expression.within === undefined ? '' : ` in ${inner(expression.within)}`
      return `${inner(expression.of)} is ${expression.type}${within}`
    }
    case 'attribute':
      return `${receiver(expression.of)}${attributeText(expression.name)}`
    case 'has':
      return `${inner(expression.of)} has ${expression.path.map(nameText).join('.')}`
    case 'like': {
      const pattern = expression.pattern.map((part) => (part === undefined ? '*' : patternText(part)))
      return `${inner(expression.of)} like "${pattern.join('')}"`
    }
    case 'getTag':
    case 'hasTag':
      return `${receiver(expression.of)}.${expression.kind}(${expressionText(expression.tag)})`
    case 'set':
      return `[${expression.elements.map(expressionText).join(', ')}]`
    case 'record':
      return `{${expression.fields.map(([name, field]) => `${nameText(name)}: ${expressionText(field)}`).join(', ')}}`
    case 'call':
      return callText(expression.name, expression.parameters, receiver)
  }
}

const INFIX: ReadonlySet<Expression['kind']> = new Set([
  'and',
  'or',
  'if',
  'compare',
  'arithmetic',
  'in',
  'is',
  'has',
  'like',
])
const FUNCTIONS: ReadonlySet<string> = new Set(['ip', 'decimal', 'datetime', 'duration'])

function isPrefixed(expression: Expression): boolean {
  if (expression.kind === 'literal') return !['string', 'boolean', 'object'].includes(typeof expression.value)
  return expression.kind === 'not' || expression.kind === 'negate'
}

function callText(name: string, parameters: readonly Expression[], textOf: (operand: Expression) => string): string {
  const [receiver, ...more] = parameters
  if (receiver === undefined || FUNCTIONS.has(name)) return `${name}(${parameters.map(expressionText).join(', ')})`
  return `${textOf(receiver)}.${name}(${more.map(expressionText).join(', ')})`
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/

function attributeText(name: string): string {
  return IDENTIFIER.test(name) ? `.${name}` : `[${textText(name)}]`
}

function nameText(name: string): string {
  return IDENTIFIER.test(name) ? name : textText(name)
}

function patternText(part: string): string {
  return textText(part).slice(1, -1).replaceAll('*', '\\*')
}

function textText(text: string): string {
  return JSON.stringify(text)
}

/** A value as Cedar writes it. */
export function valueText(value: Value): string {
  if (typeof value === 'string') return textText(value)
  if (typeof value !== 'object') return String(value)
  switch (value.kind) {
    case 'entity':
      return uidText(value)
    case 'set':
      return `[${value.elements.map(valueText).join(', ')}]`
    case 'record':
      return `{${fieldsOf(value)
        .map(([name, field]) => `${nameText(name)}: ${valueText(field)}`)
        .join(', ')}}`
    default: {
      const { fn, arg } = extensionParts(value)
      return `${fn}(${textText(arg)})`
    }
  }
}

/** The function and the text that make such a value. */
export function extensionParts(value: Extension): { readonly fn: string; readonly arg: string } {
  switch (value.kind) {
    case 'decimal':
      return { fn: 'decimal', arg: decimalText(value.units) }
    case 'ipaddr':
      return { fn: 'ip', arg: addressText(value) }
    case 'datetime':
      return { fn: 'datetime', arg: momentText(value.milliseconds) }
    case 'duration':
      return { fn: 'duration', arg: `${value.milliseconds}ms` }
  }
}

function decimalText(units: Long): string {
  const digits = String(units).replace('-', '').padStart(5, '0')
  return `${units < 0 ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`
}

function addressText({ version, address, prefix }: IpAddress): string {
  const [groups, bits] = version === 4 ? [4, 8] : [8, 16]
  const parts = Array.from({ length: groups }, (_, index) => {
    const group = (address >> BigInt(bits * (groups - 1 - index))) & ((1n << BigInt(bits)) - 1n)
    return group.toString(version === 4 ? 10 : 16)
  })
  const text = parts.join(version === 4 ? '.' : ':')
  return prefix === groups * bits ? text : `${text}/${prefix}`
}

/** Cedar writes the years 0 to 9999 only; what lies outside is shown as milliseconds. */
function momentText(milliseconds: Long): string {
  const date = new Date(Number(milliseconds))
  const year = date.getUTCFullYear()
  return year >= 0 && year <= 9999 ? date.toISOString() : `1970-01-01 + ${milliseconds}ms`
}
