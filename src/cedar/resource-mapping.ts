import type { Expression } from './expression.ts'
import type { Uid } from './uid.ts'

/** Where the attributes of a resource are kept. What is not listed cannot be asked about. */
export interface ResourceMapping {
  /** The column with the id of the resource. */
  readonly id: string
  readonly attributes?: Readonly<Record<string, ColumnMapping>>
  readonly tags?: Readonly<Record<string, ColumnMapping>>
  /** Columns with the id of a direct parent. What the parents are in themselves is known from the entities. */
  readonly parents?: readonly { readonly column: string; readonly type: string }[]
  /** What every resource of the table is in, without a column for it. */
  readonly within?: readonly Uid[]
}

/**
 * The column of an attribute. A column that holds NULL means that the attribute is not there, unless it is `required`.
 * Names may be qualified (`d.owner`). Moments and durations are kept as integers, in milliseconds (since 1970), decimals
 * as integers, in ten-thousandths.
 */
export type ColumnMapping =
  | {
      readonly type: 'string' | 'long' | 'bool' | 'datetime' | 'duration' | 'decimal'
      readonly column: string
      readonly required?: boolean
    }
  /** The id of an entity of this type; `attributes` are columns of a table that is joined by it. */
  | {
      readonly type: 'entity'
      readonly entity: string
      readonly column: string
      readonly required?: boolean
      readonly attributes?: Readonly<Record<string, ColumnMapping>>
    }
  /** A set, as a JSON array in SQLite and `jsonb` in PostgreSQL; of entities, the ids. */
  | {
      readonly type: 'set'
      readonly element: 'string' | 'long' | 'entity'
      readonly entity?: string
      readonly column: string
      readonly required?: boolean
    }
  /** A record that is always there, with a column for each attribute. */
  | { readonly type: 'record'; readonly attributes: Readonly<Record<string, ColumnMapping>> }

export type Scalar = string | number | bigint | boolean

export type ScalarType =
  | { readonly kind: 'string' | 'long' | 'bool' | 'datetime' | 'duration' | 'decimal' }
  | { readonly kind: 'entity'; readonly entity: string }

export type ColumnType =
  | ScalarType
  | { readonly kind: 'set'; readonly element: ScalarType }
  | { readonly kind: 'record' }

export interface Column {
  readonly name: string
  readonly type: ColumnType
}

/** An expression that is the value of a column. */
export interface Mapped {
  readonly column: Column
  readonly type: ColumnType
  /** The column that holds nothing where evaluating the expression fails; undefined where it never does. */
  readonly missing: Column | undefined
}

/** The column of an expression, or undefined where none is mapped. */
export function columnOf(expression: Expression, mapping: ResourceMapping, resourceType: string): Mapped | undefined {
  switch (expression.kind) {
    case 'variable': {
      if (expression.name !== 'resource') return undefined
      const type = { kind: 'entity', entity: resourceType } as const
      return { column: { name: mapping.id, type }, type, missing: undefined }
    }
    case 'attribute':
      return mappedOf(attributesOf(expression.of, mapping), expression.name)
    case 'getTag': {
      if (expression.of.kind !== 'variable' || expression.of.name !== 'resource') return undefined
      const name = expression.tag.kind === 'literal' ? expression.tag.value : undefined
      return typeof name === 'string' ? mappedOf(mapping.tags, name) : undefined
    }
    default:
      return undefined
  }
}

type Attributes = Readonly<Record<string, ColumnMapping>> | undefined

function attributesOf(expression: Expression, mapping: ResourceMapping): Attributes {
  if (expression.kind === 'variable') return expression.name === 'resource' ? mapping.attributes : undefined
  if (expression.kind !== 'attribute') return undefined
  const outer = lookUp(attributesOf(expression.of, mapping), expression.name)
  return outer !== undefined && 'attributes' in outer ? outer.attributes : undefined
}

function lookUp(attributes: Attributes, name: string): ColumnMapping | undefined {
  return attributes !== undefined && Object.hasOwn(attributes, name) ? attributes[name] : undefined
}

function mappedOf(attributes: Attributes, name: string): Mapped | undefined {
  const mapping = lookUp(attributes, name)
  if (mapping === undefined) return undefined
  if (mapping.type === 'record') {
    const type = { kind: 'record' } as const
    return { column: { name: '', type }, type, missing: undefined }
  }
  const column = { name: mapping.column, type: typeOf(mapping) }
  return { column, type: column.type, missing: mapping.required === true ? undefined : column }
}

function typeOf(mapping: Exclude<ColumnMapping, { type: 'record' }>): ColumnType {
  switch (mapping.type) {
    case 'entity':
      return { kind: 'entity', entity: mapping.entity }
    case 'set':
      return {
        kind: 'set',
        element:
          mapping.element === 'entity' ? { kind: 'entity', entity: mapping.entity ?? '' } : { kind: mapping.element },
      }
    default:
      return { kind: mapping.type }
  }
}
