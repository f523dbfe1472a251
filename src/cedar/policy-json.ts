import { CedarError } from './errors.ts'
import type { Condition, Constraint, Expression, Pattern, Scope, Variable } from './expression.ts'
import { toLong } from './long.ts'
import type { PolicyJson } from './official.ts'
import type { Uid } from './uid.ts'
import { EntityRef, type Value } from './value.ts'

/** What the slots of a template stand for. */
export type SlotValues = Readonly<Record<string, Uid | undefined>>

/** How integers that JSON would round stand in a policy's JSON form: `{ [marker]: "9223372036854775807" }`. */
export type IntegerMarker = string | undefined

/** The JSON form of a policy, as an expression tree. Throws `policies_invalid` for what is not in the language. */
export function readPolicyJson(json: PolicyJson, marker: IntegerMarker): ReadPolicy {
  const reader = new ExpressionReader(marker)
  return {
    effect: json.effect,
    annotations: Object.fromEntries(Object.entries(json.annotations ?? {}).map(([name, text]) => [name, text ?? ''])),
    slots: [json.principal, json.resource].flatMap(slotsIn),
    actions: json.action.op === 'All' ? undefined : uidsOf(readConstraint(json.action, {})),
    scope: (slots) => ({
      principal: readConstraint(json.principal, slots),
      action: readConstraint(json.action, slots),
      resource: readConstraint(json.resource, slots),
    }),
    conditions: json.conditions.map(({ kind, body }) => ({ kind, body: reader.read(body, 0) })),
  }
}

export interface ReadPolicy {
  readonly effect: 'permit' | 'forbid'
  readonly annotations: Readonly<Record<string, string>>
  readonly slots: readonly string[]
  /** Those that the head names, or undefined where it names none. */
  readonly actions: readonly Uid[] | undefined
  readonly scope: (slots: SlotValues) => Scope
  readonly conditions: readonly Condition[]
}

function uidsOf(constraint: Constraint): readonly Uid[] {
  if (constraint.kind === 'equal') return [constraint.uid]
  return constraint.kind === 'in' ? constraint.uids : []
}

function slotsIn(json: PolicyJson['principal']): string[] {
  const target = json.op === 'is' ? json.in : json
  return target !== undefined && 'slot' in target ? [target.slot] : []
}

function readConstraint(json: PolicyJson['principal'] | PolicyJson['action'], slots: SlotValues): Constraint {
  switch (json.op) {
    case 'All':
      return { kind: 'any' }
    case '==':
      return { kind: 'equal', uid: readTarget(json, slots) }
    case 'in':
      return 'entities' in json
        ? { kind: 'in', uids: json.entities.map(refOf) }
        : { kind: 'in', uids: [readTarget(json, slots)] }
    case 'is':
      return {
        kind: 'is',
        type: json.entity_type,
        within: json.in === undefined ? undefined : readTarget(json.in, slots),
      }
  }
}

type UidJson = Uid | { readonly __entity: Uid }

function readTarget(json: { entity: UidJson } | { slot: string }, slots: SlotValues): EntityRef {
  if ('entity' in json) return refOf(json.entity)
  const uid = slots[json.slot]
  if (uid === undefined) throw invalid(`the slot \`${json.slot}\` has no value`)
  return refOf(uid)
}

function refOf(json: UidJson): EntityRef {
  const { type, id } = '__entity' in json ? json.__entity : json
  return new EntityRef(type, id)
}

// The official package gives the tree as nested objects with one key each: the operator, then its operands.
type Node = Readonly<Record<string, unknown>>

const MAX_DEPTH = 1000
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const
const OPERATIONS = ['+', '-', '*'] as const

// The official parser made this JSON: what an operator stands over is what its declarations say, and so the casts in
// here are safe. Where it might bring something new, that is an unknown operator and refused.
class ExpressionReader {
  readonly #marker: IntegerMarker

  constructor(marker: IntegerMarker) {
    this.#marker = marker
  }

  read(json: unknown, depth: number): Expression {
    if (depth > MAX_DEPTH) throw invalid('nested too deeply')
    const [operator, operand] = onlyEntryOf(json)
    if (Array.isArray(operand)) {
      const parameters = operand.map((item) => this.read(item, depth + 1))
      return operator === 'Set' ? { kind: 'set', elements: parameters } : { kind: 'call', name: operator, parameters }
    }
    switch (operator) {
      case 'Value':
        return { kind: 'literal', value: readLiteral(operand) }
      case 'Var':
        return { kind: 'variable', name: operand as Variable }
      default:
        return this.#operation(operator, operand as Node, depth + 1)
    }
  }

  #operation(operator: string, operand: Node, depth: number): Expression {
    const at = (name: string): Expression => this.read(operand[name], depth)
    const comparison = COMPARISONS.find((name) => name === operator)
    if (comparison !== undefined) return { kind: 'compare', operator: comparison, left: at('left'), right: at('right') }
    const operation = OPERATIONS.find((name) => name === operator)
    if (operation !== undefined)
      return { kind: 'arithmetic', operator: operation, left: at('left'), right: at('right') }
    switch (operator) {
      case '&&':
        return { kind: 'and', operands: this.#chain('&&', operand, depth) }
      case '||':
        return { kind: 'or', operands: this.#chain('||', operand, depth) }
      case '!':
        return { kind: 'not', of: at('arg') }
      case 'neg':
        return negation(at('arg'), this.#isMarked(operand.arg))
      case 'if-then-else':
        return { kind: 'if', condition: at('if'), whenTrue: at('then'), whenFalse: at('else') }
      case 'in':
        return { kind: 'in', left: at('left'), right: at('right') }
      case 'is':
        return {
          kind: 'is',
          of: at('left'),
          type: textOf(operand.entity_type),
          within: operand.in === undefined ? undefined : at('in'),
        }
      case '.':
        return { kind: 'attribute', of: at('left'), name: textOf(operand.attr) }
      case 'has':
        return { kind: 'has', of: at('left'), path: [operand.attr].flat().map(textOf) }
      case 'like':
        return { kind: 'like', of: at('left'), pattern: readPattern(operand.pattern) }
      case 'getTag':
      case 'hasTag':
        return { kind: operator, of: at('left'), tag: at('right') }
      case 'contains':
      case 'containsAll':
      case 'containsAny':
        return { kind: 'call', name: operator, parameters: [at('left'), at('right')] }
      case 'isEmpty':
        return { kind: 'call', name: operator, parameters: [at('arg')] }
      case 'Record':
        return this.#record(operand, depth)
      default:
        throw invalid(`unknown operator \`${operator}\``)
    }
  }

  /** `a && b && c` comes as `(a && b) && c`, and chains may be longer than the stack is deep. */
  #chain(operator: '&&' | '||', operand: Node, depth: number): readonly Expression[] {
    const operands: Expression[] = []
    const open: unknown[] = [operand.right, operand.left]
    while (open.length > 0) {
      const next = open.pop()
      const [name, inner] = onlyEntryOf(next)
      if (name === operator) open.push((inner as Node).right, (inner as Node).left)
      else operands.push(this.read(next, depth))
    }
    return operands
  }

  #record(operand: Node, depth: number): Expression {
    if (this.#isMarked({ Record: operand })) {
      return { kind: 'literal', value: readInteger(onlyEntryOf(operand[this.#marker ?? ''])[1]) }
    }
    return {
      kind: 'record',
      fields: Object.entries(operand).map(([name, field]) => [name, this.read(field, depth)] as const),
    }
  }

  #isMarked(json: unknown): boolean {
    const [operator, operand] = onlyEntryOf(json)
    return operator === 'Record' && this.#marker !== undefined && Object.hasOwn(operand as object, this.#marker)
  }
}

function onlyEntryOf(json: unknown): readonly [string, unknown] {
  const entry = typeof json === 'object' && json !== null ? Object.entries(json)[0] : undefined
  if (entry === undefined) throw invalid('no expression')
  return entry
}

// -9223372036854775808 is one literal in Cedar; its digits alone would be too large.
function negation(of: Expression, isMarked: boolean): Expression {
  if (!isMarked || of.kind !== 'literal' || typeof of.value === 'object') return { kind: 'negate', of }
  const value = toLong(-BigInt(of.value))
  if (value === undefined) throw invalid('an integer does not fit into 64 bits')
  return { kind: 'literal', value }
}

function readInteger(digits: unknown): Value {
  const integer = BigInt(textOf(digits))
  // 2^63 only ever stands behind a minus sign: the official parser has seen the text as it is.
  return toLong(integer) ?? integer
}

function readLiteral(json: unknown): Value {
  // Of the official parser: literals are entities, integers, texts and booleans.
  if (typeof json === 'object' && json !== null) return refOf(json as UidJson)
  if (typeof json === 'number' && !Number.isSafeInteger(json)) throw invalid('an integer was rounded')
  return json as boolean | number | string
}

function readPattern(json: unknown): Pattern {
  const parts: (string | undefined)[] = []
  for (const part of json as readonly ('Wildcard' | { readonly Literal: string })[]) {
    const before = parts.at(-1)
    if (part === 'Wildcard') {
      if (parts.length === 0 || before !== undefined) parts.push(undefined)
    } else if (before === undefined) parts.push(part.Literal)
    else parts[parts.length - 1] = before + part.Literal
  }
  return parts
}

function textOf(json: unknown): string {
  if (typeof json !== 'string') throw invalid('expected text')
  return json
}

function invalid(message: string): CedarError {
  return new CedarError('policies_invalid', message)
}
