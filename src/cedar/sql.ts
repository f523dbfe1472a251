import { CedarError } from './errors.ts'
import type { Pattern } from './expression.ts'
import type { FilterTree } from './filter-tree.ts'
import type { Column, Scalar } from './resource-mapping.ts'

export interface SqlOptions {
  readonly dialect: 'sqlite' | 'postgresql'
  /** The number of the first placeholder in PostgreSQL, for a condition within a larger query. 1 unless said. */
  readonly firstParameter?: number
}

/** An SQL expression and its parameters, in order. */
export interface Sql {
  readonly text: string
  readonly parameters: readonly (string | number | bigint)[]
}

/** Everything that comes from policies or requests is a parameter; only column names stand in the text, quoted. */
export function sqlOf(tree: FilterTree, { dialect, firstParameter = 1 }: SqlOptions): Sql {
  const writer = new SqlWriter(DIALECTS[dialect], firstParameter)
  const text = writer.write(tree)
  return { text, parameters: writer.parameters }
}

interface Dialect {
  readonly placeholder: (number: number) => string
  readonly like: (column: string, pattern: Pattern) => { text: (parameter: string) => string; parameter: string }
  /** A column of texts, compared byte by byte whatever collation it is declared with. */
  readonly exact: (column: string) => string
  readonly isTrue: (column: string, isTrue: boolean) => string
  /** Whether the set in a column has a value; `value` is a placeholder. */
  readonly contains: (column: string, value: string, isText: boolean) => string
  readonly isEmpty: (column: string) => string
  /** Compares a column of texts or integers with a placeholder. */
  readonly typed: (placeholder: string, isText: boolean) => string
}

const DIALECTS: Readonly<Record<SqlOptions['dialect'], Dialect>> = {
  sqlite: {
    placeholder: () => '?',
    // LIKE of SQLite takes `a` for `A`; GLOB does not.
    like: (column, pattern) => ({
      text: (parameter) => `${column} GLOB ${parameter}`,
      parameter: pattern.map((part) => (part === undefined ? '*' : part.replaceAll(/[*?[]/g, '[$&]'))).join(''),
    }),
    // A column may be declared NOCASE.
    exact: (column) => `${column} COLLATE BINARY`,
    isTrue: (column, isTrue) => `${column} = ${isTrue ? 1 : 0}`,
    contains: (column, value) => `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${value})`,
    isEmpty: (column) => `json_array_length(${column}) = 0`,
    typed: (placeholder) => placeholder,
  },
  postgresql: {
    placeholder: (number) => `$${number}`,
    like: (column, pattern) => ({
      text: (parameter) => `${column} LIKE ${parameter} ESCAPE '\\'`,
      parameter: pattern.map((part) => (part === undefined ? '%' : part.replaceAll(/[%_\\]/g, '\\$&'))).join(''),
    }),
    // Collations are exact unless one was created as nondeterministic; naming one here would keep indexes from use.
    exact: (column) => column,
    isTrue: (column, isTrue) => `${column} = ${isTrue ? 'TRUE' : 'FALSE'}`,
    contains: (column, value, isText) => `${column} @> to_jsonb(${value}::${isText ? 'text' : 'bigint'})`,
    isEmpty: (column) => `jsonb_array_length(${column}) = 0`,
    typed: (placeholder, isText) => `${placeholder}::${isText ? 'text' : 'bigint'}`,
  },
}

const OPERATORS = { '==': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const

class SqlWriter {
  readonly parameters: (string | number | bigint)[] = []
  readonly #dialect: Dialect
  readonly #first: number

  constructor(dialect: Dialect, first: number) {
    this.#dialect = dialect
    this.#first = first
  }

  write(node: FilterTree): string {
    switch (node.kind) {
      case 'always':
        return '1 = 1'
      case 'never':
        return '1 = 0'
      case 'and':
      case 'or':
        return this.#joined(node.nodes, ` ${node.kind.toUpperCase()} `)
      case 'not':
        // Not NOT: a comparison with NULL is neither true nor false, and here it counts as false.
        if (node.node.kind === 'present') return `${quoted(node.node.column)} IS NULL`
        return `(${this.write(node.node)}) IS NOT TRUE`
      case 'present':
        return `${quoted(node.column)} IS NOT NULL`
      case 'compare': {
        const { left, operator, right } = node
        if (typeof right === 'object') return `${this.#compared(left)} ${OPERATORS[operator]} ${quoted(right)}`
        if (typeof right === 'boolean') return this.#dialect.isTrue(quoted(left), right === (operator === '=='))
        return `${this.#compared(left)} ${OPERATORS[operator]} ${this.#parameter(right)}`
      }
      case 'oneOf':
        return this.#oneOf(node.column, node.values)
      case 'like': {
        const { text, parameter } = this.#dialect.like(quoted(node.column), node.pattern)
        return text(this.#parameter(parameter))
      }
      case 'contains': {
        const each = node.values.map((value) =>
          this.#dialect.contains(quoted(node.column), this.#plainParameter(value), typeof value === 'string'),
        )
        return each.length === 1 ? each.join('') : `(${each.join(' AND ')})`
      }
      case 'isEmpty':
        return this.#dialect.isEmpty(quoted(node.column))
    }
  }

  /** In halves: SQLite refuses expressions that are deeper than a thousand, and a chain is as deep as it is long. */
  #joined(nodes: readonly FilterTree[], operator: string): string {
    if (nodes.length <= 64) return `(${nodes.map((each) => this.write(each)).join(operator)})`
    const half = nodes.length >> 1
    return `(${this.#joined(nodes.slice(0, half), operator)}${operator}${this.#joined(nodes.slice(half), operator)})`
  }

  #oneOf(column: Column, values: readonly Scalar[]): string {
    if (values.every((value) => typeof value === 'boolean')) {
      return `(${values.map((value) => this.#dialect.isTrue(quoted(column), value)).join(' OR ')})`
    }
    const parameters = values.map((value) => this.#parameter(value))
    return `${this.#compared(column)} IN (${parameters.join(', ')})`
  }

  #compared(column: Column): string {
    const isText = column.type.kind === 'string' || column.type.kind === 'entity'
    return isText ? this.#dialect.exact(quoted(column)) : quoted(column)
  }

  #parameter(value: Scalar): string {
    return this.#dialect.typed(this.#plainParameter(value), typeof value === 'string')
  }

  #plainParameter(value: Scalar): string {
    if (typeof value === 'boolean') throw new CedarError('not_translatable', 'a boolean cannot be compared here')
    // Neither database can hold it in a text, so that the comparison would not be with what the policy says.
    if (typeof value === 'string' && value.includes('\0')) {
      throw new CedarError('not_translatable', `the text ${JSON.stringify(value)} has a character that SQL cannot hold`)
    }
    this.parameters.push(value)
    if (this.parameters.length > MAX_PARAMETERS) {
      throw new CedarError('not_translatable', `the condition needs more than ${MAX_PARAMETERS} parameters`)
    }
    return this.#dialect.placeholder(this.#first + this.parameters.length - 1)
  }
}

// What SQLite takes unless it is built otherwise; PostgreSQL takes 65535.
const MAX_PARAMETERS = 32_766

function quoted({ name }: Column): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
}
