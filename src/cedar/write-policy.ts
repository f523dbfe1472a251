import { errorOf } from './errors.ts'
import { official, type PolicyJson } from './official.ts'
import { positionsIn } from './source-position.ts'
import type { Uid } from './uid.ts'

/** A permit to be written. What stands in it are values: whatever they hold, they stay what they are. */
export interface NewPolicy {
  readonly annotations: Readonly<Record<string, string>>
  readonly principal: { readonly type?: string | undefined; readonly is?: Uid; readonly within?: Uid }
  readonly actions: readonly Uid[]
  readonly resource: { readonly is?: Uid; readonly within?: Uid }
  /** All of them have to hold. */
  readonly when: readonly NewCondition[]
}

export type NewCondition =
  /** The principal or the resource is in one of these. */
  | { readonly kind: 'in'; readonly of: 'principal' | 'resource'; readonly uids: readonly Uid[] }
  /** The resource is exactly one of these, whatever is in them. */
  | { readonly kind: 'is'; readonly uids: readonly Uid[] }
  | { readonly kind: 'any' | 'all'; readonly of: readonly NewCondition[] }
  /** An argument of the call is one of these texts, or begins and ends like this. */
  | { readonly kind: 'argument'; readonly pointer: string; readonly texts: readonly string[] }
  | { readonly kind: 'argument-like'; readonly pointer: string; readonly prefix: string; readonly suffix: string }
  /** Somebody acts through somebody else. */
  | { readonly kind: 'in-chain' }
  /** No argument of the call comes from untrusted content. */
  | { readonly kind: 'trusted-arguments' }

/** As text, through the syntax tree of the official implementation. Throws `policies_invalid`. */
export function policyText({ annotations, principal, actions, resource, when }: NewPolicy): string {
  const [only, ...more] = actions
  const json: PolicyJson = {
    effect: 'permit',
    annotations,
    principal: headOf(principal),
    action: only !== undefined && more.length === 0 ? { op: '==', entity: only } : { op: 'in', entities: [...actions] },
    resource: headOf(resource),
    conditions: when.map((condition) => ({ kind: 'when', body: expressionOf(condition) })),
  }
  const answer = official().policyToText(json)
  if (answer.type === 'failure') throw errorOf('policies_invalid', positionsIn('').problemsOf(answer.errors))
  return answer.text
}

type Expression = PolicyJson['conditions'][number]['body']

function headOf({ type, is, within }: NewPolicy['principal']): PolicyJson['principal'] {
  if (is !== undefined) return { op: '==', entity: is }
  if (type !== undefined) {
    return { op: 'is', entity_type: type, ...(within === undefined ? {} : { in: { entity: within } }) }
  }
  return within === undefined ? { op: 'All' } : { op: 'in', entity: within }
}

const ARGUMENTS: Expression = { '.': { left: { Var: 'context' }, attr: 'arguments' } }

function expressionOf(condition: NewCondition): Expression {
  switch (condition.kind) {
    case 'in':
      return membership(condition.of, condition.uids)
    case 'is':
      return joined('||', condition.uids.map(isEntity))
    case 'any':
      return joined('||', condition.of.map(expressionOf))
    case 'all':
      return joined('&&', condition.of.map(expressionOf))
    case 'argument': {
      const [only, ...more] = condition.texts
      const value = argument(condition.pointer)
      const holds: Expression =
        only !== undefined && more.length === 0
          ? { '==': { left: value, right: { Value: only } } }
          : { contains: { left: { Set: condition.texts.map((text) => ({ Value: text })) }, right: value } }
      return { '&&': { left: isThere(condition.pointer), right: holds } }
    }
    case 'argument-like': {
      const { pointer, prefix, suffix } = condition
      const literal = (text: string) => [...text].map((Literal) => ({ Literal }))
      const pattern = [...literal(prefix), 'Wildcard' as const, ...literal(suffix)]
      return { '&&': { left: isThere(pointer), right: { like: { left: argument(pointer), pattern } } } }
    }
    case 'in-chain':
      return { '>': { left: { '.': { left: { Var: 'context' }, attr: 'chainLength' } }, right: { Value: 1 } } }
    case 'trusted-arguments': {
      const origin: Expression = { '.': { left: { Var: 'context' }, attr: 'origin' } }
      return { isEmpty: { arg: { '.': { left: origin, attr: 'untrusted' } } } }
    }
  }
}

function isEntity({ type, id }: Uid): Expression {
  return { '==': { left: { Var: 'resource' }, right: { Value: { __entity: { type, id } } } } }
}

/** A set of entities has one type. */
function membership(of: 'principal' | 'resource', uids: readonly Uid[]): Expression {
  const byType = new Map<string, Uid[]>()
  for (const uid of uids) byType.set(uid.type, [...(byType.get(uid.type) ?? []), uid])
  return joined(
    '||',
    [...byType.values()].map((same): Expression => {
      const elements = same.map(({ type, id }): Expression => ({ Value: { __entity: { type, id } } }))
      const [only, ...more] = elements
      const right = only !== undefined && more.length === 0 ? only : { Set: elements }
      return { in: { left: { Var: of }, right } }
    }),
  )
}

function argument(pointer: string): Expression {
  return { getTag: { left: ARGUMENTS, right: { Value: pointer } } }
}

function isThere(pointer: string): Expression {
  return { hasTag: { left: ARGUMENTS, right: { Value: pointer } } }
}

function joined(operator: '&&' | '||', parts: readonly Expression[]): Expression {
  const [first, ...more] = parts
  if (first === undefined) return { Value: operator === '&&' }
  return more.reduce<Expression>(
    (left, right) => (operator === '&&' ? { '&&': { left, right } } : { '||': { left, right } }),
    first,
  )
}
