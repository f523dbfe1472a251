import type { Constraint, Expression, Pattern } from './expression.ts'
import { operandsOf } from './locate.ts'
import type { Policy } from './policy.ts'
import type { Uid } from './uid.ts'
import type { Value } from './value.ts'

/** What a policy asks of requests, for making requests that it speaks of, and others that come close. */
export interface PolicyAsks {
  readonly id: string
  readonly text: string
  readonly source: string | undefined
  readonly scope: Readonly<Record<'principal' | 'action' | 'resource', ScopeAsks>>
  readonly values: readonly AskedValue[]
  /** Of its conditions: how many expressions there are, and how deeply they stand in one another. */
  readonly size: { readonly parts: number; readonly depth: number }
}

/** All of them have to hold; nothing of it is known where neither is there. */
export interface ScopeAsks {
  readonly types: readonly string[]
  /** To be one of these, or in one of them, for each list. */
  readonly within: readonly (readonly Uid[])[]
}

/** Something that a condition looks at, with values to either side of where it changes. */
export interface AskedValue {
  readonly of: 'principal' | 'resource' | 'context'
  readonly path: readonly string[]
  /** Of the entity at the end of the path. */
  readonly tag?: string
  readonly values: readonly TriedValue[]
}

/** `undefined` stands for its absence; moments are milliseconds since the epoch. */
export type TriedValue =
  | undefined
  | boolean
  | number
  | string
  | { readonly entity: Uid }
  | { readonly set: readonly (string | number | { readonly entity: Uid })[] }
  | { readonly address: string }
  | { readonly moment: number }

export function asksOf(policy: Policy): PolicyAsks {
  const { id, text, position, scope, bounds, conditions } = policy
  const values: AskedValue[] = []
  for (const { body } of conditions) collect(body, values)
  const within = (of: 'principal' | 'resource'): ScopeAsks =>
    [scope[of], ...bounds.filter((bound) => bound.of === of).map(({ constraint }) => constraint)]
      .map(scopeAsks)
      .reduce((a, b) => ({ types: [...a.types, ...b.types], within: [...a.within, ...b.within] }))
  return {
    id,
    text,
    source: position.source,
    scope: { principal: within('principal'), action: scopeAsks(scope.action), resource: within('resource') },
    values,
    size: sizeOf(conditions.map(({ body }) => body)),
  }
}

function sizeOf(expressions: readonly Expression[]): PolicyAsks['size'] {
  let [parts, depth] = [0, 0]
  for (const expression of expressions) {
    const below = sizeOf(operandsOf(expression))
    parts += below.parts + 1
    depth = Math.max(depth, below.depth + 1)
  }
  return { parts, depth }
}

function scopeAsks(constraint: Constraint): ScopeAsks {
  switch (constraint.kind) {
    case 'any':
      return { types: [], within: [] }
    case 'equal':
      return { types: [], within: [[plain(constraint.uid)]] }
    case 'in':
      return { types: [], within: [constraint.uids.map(plain)] }
    case 'is':
      return {
        types: [constraint.type],
        within: constraint.within === undefined ? [] : [[plain(constraint.within)]],
      }
  }
}

function plain({ type, id }: Uid): Uid {
  return { type, id }
}

function collect(expression: Expression, found: AskedValue[]): void {
  const own = askedBy(expression)
  if (own !== undefined && own.values.length > 0) found.push(own)
  const isTest = ['and', 'or', 'not', 'if'].includes(expression.kind)
  for (const operand of operandsOf(expression)) {
    const place = isTest ? placeOf(operand) : undefined
    if (place === undefined) collect(operand, found)
    else found.push({ ...place, values: [true, false] })
  }
}

function askedBy(expression: Expression): AskedValue | undefined {
  switch (expression.kind) {
    case 'compare': {
      const { left, right } = expression
      return askedOf(left, right) ?? askedOf(right, left)
    }
    case 'in':
      return expression.right.kind === 'literal' ? askedOf(expression.left, expression.right) : undefined
    case 'like': {
      const place = placeOf(expression.of)
      return place === undefined ? undefined : { ...place, values: textsLike(expression.pattern) }
    }
    case 'has': {
      const place = placeOf(expression.of)
      const [first] = expression.path
      return place === undefined || first === undefined
        ? undefined
        : { of: place.of, path: [...place.path, first], values: [undefined] }
    }
    case 'hasTag': {
      const place = placeOf(expression.of)
      const tag = textOf(expression.tag)
      return place === undefined || tag === undefined ? undefined : { ...place, tag, values: [undefined, 'x'] }
    }
    case 'call':
      return askedByCall(expression.name, expression.parameters)
    default:
      return undefined
  }
}

function askedOf(path: Expression, literal: Expression): AskedValue | undefined {
  const place = placeOf(path)
  if (place === undefined) return undefined
  const value = valueOfLiteral(literal)
  return value === undefined ? undefined : { ...place, values: [...around(value), undefined] }
}

function askedByCall(name: string, parameters: readonly Expression[]): AskedValue | undefined {
  const [receiver, argument] = parameters
  if (receiver === undefined || argument === undefined) return undefined
  const [left, right] = [placeOf(receiver), placeOf(argument)]
  if (name === 'contains' && left !== undefined) {
    const value = valueOfLiteral(argument)
    return value === undefined ? undefined : { ...left, values: setsOf([value]) }
  }
  if (name === 'contains' && right !== undefined) {
    const elements = elementsOf(receiver) ?? []
    return { ...right, values: [...elements, ...elements.slice(0, 1).flatMap(beside)] }
  }
  if (name === 'containsAny' || name === 'containsAll') {
    const place = left ?? right
    const elements = elementsOf(left === undefined ? receiver : argument)
    return place === undefined || elements === undefined ? undefined : { ...place, values: setsOf(elements) }
  }
  if (name === 'isInRange' && left !== undefined) {
    const range = argument.kind === 'literal' ? addressIn(argument.value) : addressIn(undefined, argument)
    return range === undefined ? undefined : { ...left, values: [range, { address: '198.51.100.77' }, undefined] }
  }
  return undefined
}

interface Place {
  readonly of: AskedValue['of']
  readonly path: readonly string[]
  readonly tag?: string
}

function placeOf(expression: Expression): Place | undefined {
  if (expression.kind === 'variable') {
    return expression.name === 'action' ? undefined : { of: expression.name, path: [] }
  }
  if (expression.kind === 'attribute') {
    const place = placeOf(expression.of)
    return place === undefined || place.tag !== undefined
      ? undefined
      : { of: place.of, path: [...place.path, expression.name] }
  }
  if (expression.kind === 'getTag') {
    const place = placeOf(expression.of)
    const tag = textOf(expression.tag)
    return place === undefined || tag === undefined ? undefined : { ...place, tag }
  }
  return undefined
}

function textOf(expression: Expression): string | undefined {
  return expression.kind === 'literal' && typeof expression.value === 'string' ? expression.value : undefined
}

type Plain = Exclude<TriedValue, undefined | { readonly set: unknown }>

function valueOfLiteral(expression: Expression): Plain | undefined {
  if (expression.kind === 'negate') {
    const value = valueOfLiteral(expression.of)
    return typeof value === 'number' ? -value : undefined
  }
  if (expression.kind === 'call') {
    const [argument] = expression.parameters
    const text = argument === undefined ? undefined : textOf(argument)
    if (text === undefined) return undefined
    if (expression.name === 'ip') return { address: addressOf(text) }
    const moment = expression.name === 'datetime' ? Date.parse(text) : Number.NaN
    return Number.isNaN(moment) ? undefined : { moment }
  }
  return expression.kind === 'literal' ? plainOf(expression.value) : undefined
}

function plainOf(value: Value): Plain | undefined {
  if (typeof value === 'bigint') return undefined
  if (typeof value !== 'object') return value
  if (value.kind === 'entity') return { entity: plain(value) }
  if (value.kind === 'datetime') return { moment: Number(value.milliseconds) }
  return addressIn(value)
}

function addressIn(value: Value | undefined, expression?: Expression): { readonly address: string } | undefined {
  if (expression !== undefined) {
    const found = valueOfLiteral(expression)
    return typeof found === 'object' && 'address' in found ? found : undefined
  }
  if (typeof value !== 'object' || value.kind !== 'ipaddr' || value.version !== 4) return undefined
  const parts = [24n, 16n, 8n, 0n].map((shift) => String((value.address >> shift) & 255n))
  return { address: parts.join('.') }
}

function addressOf(text: string): string {
  return text.split('/')[0] ?? text
}

function elementsOf(expression: Expression): readonly Plain[] | undefined {
  const elements =
    expression.kind === 'set'
      ? expression.elements.map(valueOfLiteral)
      : expression.kind === 'literal' && typeof expression.value === 'object' && expression.value.kind === 'set'
        ? expression.value.elements.map(plainOf)
        : []
  const known = elements.filter((element) => element !== undefined)
  return known.length === 0 ? undefined : known
}

/** The value and those beside it. */
function around(value: Plain): readonly Plain[] {
  return [value, ...beside(value)]
}

function beside(value: Plain): readonly Plain[] {
  if (typeof value === 'number') return [value - 1, value + 1]
  if (typeof value === 'boolean') return [!value]
  if (typeof value === 'string') return [`${value}x`]
  if ('moment' in value) return [{ moment: value.moment - 1 }, { moment: value.moment + 1 }]
  return 'address' in value ? [{ address: '198.51.100.77' }] : []
}

function setsOf(elements: readonly Plain[]): readonly TriedValue[] {
  const fit = elements.filter(
    (element): element is string | number | { readonly entity: Uid } =>
      typeof element === 'string' ||
      typeof element === 'number' ||
      (typeof element === 'object' && 'entity' in element),
  )
  return [{ set: [] }, { set: fit }, ...(fit.length < 2 ? [] : fit.map((element) => ({ set: [element] })))]
}

/** Texts that the pattern matches, and that it does not. */
function textsLike(pattern: Pattern): readonly string[] {
  const filled = (by: string): string => pattern.map((part) => part ?? by).join('')
  const [first = ''] = pattern
  return [...new Set([filled(''), filled('x'), `y${filled('x')}`, `${filled('')}y`, first.slice(0, -1)])]
}
