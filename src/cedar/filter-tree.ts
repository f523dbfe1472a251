import type { Comparison, Pattern } from './expression.ts'
import type { Column, Scalar } from './resource-mapping.ts'

/**
 * A condition over columns. Every node is true or false: a comparison with a column that holds nothing is false, and
 * `not` of it is true. A query language takes one function over these kinds (see sql.ts).
 */
export type FilterTree =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterTree[] }
  | { readonly kind: 'not'; readonly node: FilterTree }
  | { readonly kind: 'present'; readonly column: Column }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Column; readonly right: Column | Scalar }
  /** One of several values. */
  | { readonly kind: 'oneOf'; readonly column: Column; readonly values: readonly Scalar[] }
  | { readonly kind: 'like'; readonly column: Column; readonly pattern: Pattern }
  /** A column that holds a set has every one of these values. */
  | { readonly kind: 'contains'; readonly column: Column; readonly values: readonly Scalar[] }
  | { readonly kind: 'isEmpty'; readonly column: Column }

export const ALWAYS: FilterTree = { kind: 'always' }
export const NEVER: FilterTree = { kind: 'never' }

export function oneOf(column: Column, values: readonly Scalar[]): FilterTree {
  const [only, ...more] = new Set(values)
  if (only === undefined) return NEVER
  if (more.length === 0) return { kind: 'compare', operator: '==', left: column, right: only }
  return { kind: 'oneOf', column, values: [only, ...more] }
}

export function negated(node: FilterTree): FilterTree {
  if (node.kind === 'always') return NEVER
  if (node.kind === 'never') return ALWAYS
  return node.kind === 'not' ? node.node : { kind: 'not', node }
}

export function allOf(nodes: readonly FilterTree[]): FilterTree {
  return combine('and', nodes)
}

/** Comparisons of one column with many values become one. */
export function anyOf(nodes: readonly FilterTree[]): FilterTree {
  const values = new Map<string, { column: Column; values: Scalar[] }>()
  const rest: FilterTree[] = []
  for (const node of nodes.flatMap((each) => (each.kind === 'or' ? each.nodes : [each]))) {
    const found = valuesIn(node)
    if (found === undefined) {
      rest.push(node)
      continue
    }
    const known = values.get(found.column.name) ?? { column: found.column, values: [] }
    known.values.push(...found.values)
    values.set(found.column.name, known)
  }
  return combine('or', [...[...values.values()].map((found) => oneOf(found.column, found.values)), ...rest])
}

function valuesIn(node: FilterTree): { column: Column; values: readonly Scalar[] } | undefined {
  if (node.kind === 'oneOf') return node
  if (node.kind !== 'compare' || node.operator !== '==' || typeof node.right === 'object') return undefined
  return { column: node.left, values: [node.right] }
}

function combine(kind: 'and' | 'or', nodes: readonly FilterTree[]): FilterTree {
  const [neutral, decisive] = kind === 'and' ? [ALWAYS, NEVER] : [NEVER, ALWAYS]
  const distinct = new Map<string, FilterTree>()
  for (const node of nodes.flatMap((each) => (each.kind === kind && 'nodes' in each ? each.nodes : [each]))) {
    if (node.kind === decisive.kind) return decisive
    if (node.kind !== neutral.kind) distinct.set(textOf(node), node)
  }
  const [only, ...more] = distinct.values()
  if (only === undefined) return neutral
  return more.length === 0 ? only : { kind, nodes: [...distinct.values()] }
}

function textOf(node: FilterTree): string {
  return JSON.stringify(node, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}
