import { expressionText } from './cedar-text.ts'
import type { Entities } from './entities.ts'
import { CedarError } from './errors.ts'
import type { Comparison, Expression } from './expression.ts'
import type { FilterCondition } from './filter-condition.ts'
import { ALWAYS, allOf, anyOf, type FilterTree, NEVER, negated, oneOf } from './filter-tree.ts'
import { columnOf, type Mapped, type ResourceMapping, type Scalar, type ScalarType } from './resource-mapping.ts'
import type { Value } from './value.ts'

interface MapContext {
  readonly resourceType: string
  readonly mapping: ResourceMapping
  /** Known entities, whose hierarchy answers `in`. */
  readonly entities: Entities
}

/** Throws `not_translatable`. */
export function mapFilter(condition: FilterCondition, context: MapContext): FilterTree {
  switch (condition.kind) {
    case 'always':
      return ALWAYS
    case 'never':
      return NEVER
    case 'and':
      return allOf(condition.conditions.map((each) => mapFilter(each, context)))
    case 'or':
      return anyOf(condition.conditions.map((each) => mapFilter(each, context)))
    case 'not':
      return negated(mapFilter(condition.condition, context))
    case 'test': {
      const { holds, fails } = new TestMapper(context, condition.expression).map()
      return condition.outcome ? holds : allOf([negated(fails), negated(holds)])
    }
  }
}

/** When an expression is true, and when evaluating it fails. INVARIANT: never both. */
interface Mapping {
  readonly holds: FilterTree
  readonly fails: FilterTree
}

class TestMapper {
  readonly #context: MapContext
  readonly #expression: Expression

  constructor(context: MapContext, expression: Expression) {
    this.#context = context
    this.#expression = expression
  }

  map(): Mapping {
    const expression = this.#expression
    switch (expression.kind) {
      case 'attribute':
      case 'getTag':
        return this.#boolean(expression)
      case 'compare':
        return this.#comparison(expression.operator, expression.left, expression.right)
      case 'in':
        return this.#in(expression.left, expression.right)
      case 'is': {
        const of = this.#column(expression.of)
        if (of.type.kind !== 'entity') return FAILS
        return { holds: of.type.entity === expression.type ? present(of) : NEVER, fails: missing(of) }
      }
      case 'has':
        return this.#has(expression.of, expression.path)
      case 'hasTag': {
        const { of, tag } = expression
        const attribute: Expression = { kind: 'getTag', of, tag }
        return total(present(this.#column(attribute)))
      }
      case 'like': {
        const of = this.#column(expression.of)
        if (of.type.kind !== 'string') return FAILS
        return { holds: { kind: 'like', column: of.column, pattern: expression.pattern }, fails: missing(of) }
      }
      case 'call':
        return this.#call(expression.name, expression.parameters)
      default:
        throw this.#untranslatable(expression)
    }
  }

  #boolean(expression: Expression): Mapping {
    const of = this.#column(expression)
    if (of.type.kind !== 'bool') return FAILS
    return { holds: { kind: 'compare', operator: '==', left: of.column, right: true }, fails: missing(of) }
  }

  #comparison(operator: Comparison, left: Expression, right: Expression): Mapping {
    if (left.kind === 'literal') {
      return this.#comparison(FLIPPED[operator], right, left)
    }
    const of = this.#column(left)
    if (right.kind !== 'literal') return this.#columns(operator, of, this.#column(right))
    const scalar = scalarOf(right.value, of.type)
    if (operator === '==' || operator === '!=') {
      if (of.type.kind === 'set' || of.type.kind === 'record') throw this.#untranslatable(this.#expression)
      const holds: FilterTree =
        scalar === undefined
          ? operator === '=='
            ? NEVER
            : present(of)
          : { kind: 'compare', operator, left: of.column, right: scalar }
      return { holds, fails: missing(of) }
    }
    if (!isOrdered(of.type) || scalar === undefined) return FAILS
    return { holds: { kind: 'compare', operator, left: of.column, right: scalar }, fails: missing(of) }
  }

  #columns(operator: Comparison, left: Mapped, right: Mapped): Mapping {
    const fails = anyOf([missing(left), missing(right)])
    if ([left, right].some(({ type }) => type.kind === 'set' || type.kind === 'record')) {
      throw this.#untranslatable(this.#expression)
    }
    const isSame = isSameType(left.type, right.type)
    if (operator === '==' || operator === '!=') {
      const both = allOf([present(left), present(right)])
      if (!isSame) return { holds: operator === '==' ? NEVER : both, fails }
    } else if (!isSame || !isOrdered(left.type)) return FAILS
    return { holds: { kind: 'compare', operator, left: left.column, right: right.column }, fails }
  }

  #has(of: Expression, path: readonly string[]): Mapping {
    let attribute = of
    for (const name of path) attribute = { kind: 'attribute', of: attribute, name }
    const base = this.#column(of)
    const holds = path.length === 0 ? NEVER : present(this.#column(attribute))
    if (base.type.kind !== 'record' && base.type.kind !== 'entity') return FAILS
    return { holds, fails: missing(base) }
  }

  #in(left: Expression, right: Expression): Mapping {
    if (left.kind === 'literal') return this.#isAncestor(left.value, this.#column(right))
    if (right.kind !== 'literal') throw this.#untranslatable(right)
    const targets = entitiesIn(right.value)
    if (targets === undefined) return FAILS
    const of = this.#column(left)
    if (of.type.kind !== 'entity') return FAILS
    const isResource = left.kind === 'variable'
    if (isResource && this.#isAllWithin(targets)) return total(ALWAYS)
    const columns = isResource ? [of, ...this.#parents()] : [of]
    const nodes = columns.map(({ column, type }, index): FilterTree => {
      if (type.kind !== 'entity') return NEVER
      // The resource itself has no known place in the hierarchy: its parents are in the mapping.
      const ids = isResource && index === 0 ? ownIds(targets, type.entity) : this.#idsIn(targets, type.entity)
      return oneOf(column, ids)
    })
    return { holds: anyOf(nodes), fails: missing(of) }
  }

  /** A known entity in one that a column names. */
  #isAncestor(value: Value, of: Mapped): Mapping {
    if (typeof value !== 'object' || value.kind !== 'entity' || of.type.kind !== 'entity') return FAILS
    const { entity } = of.type
    const node = this.#context.entities.find(value)
    const ancestors = node === undefined ? [value] : [value, ...this.#context.entities.lineage(node).refs]
    const ids = ancestors.filter(({ type }) => type === entity).map(({ id }) => id)
    return { holds: oneOf(of.column, ids), fails: missing(of) }
  }

  #isAllWithin(targets: readonly Named[]): boolean {
    const { mapping, entities } = this.#context
    return (mapping.within ?? []).some((uid) => {
      const node = entities.find(uid)
      const lineage = node === undefined ? undefined : entities.lineage(node)
      return targets.some(
        (target) => (target.type === uid.type && target.id === uid.id) || lineage?.has(target) === true,
      )
    })
  }

  #parents(): readonly Mapped[] {
    const { parents = this.#context.mapping.within === undefined ? undefined : [] } = this.#context.mapping
    if (parents === undefined) throw this.#untranslatable(this.#expression, 'no `parents` are mapped')
    return parents.map(({ column, type }) => ({
      column: { name: column, type: { kind: 'entity', entity: type } },
      type: { kind: 'entity', entity: type },
      missing: undefined,
    }))
  }

  /** Ids of all entities of a type that are one of the targets, or in one. */
  #idsIn(targets: readonly { readonly type: string; readonly id: string }[], type: string): readonly string[] {
    const { entities } = this.#context
    const ids = new Set(ownIds(targets, type))
    for (const node of entities.nodes(type)) {
      const lineage = entities.lineage(node)
      if (targets.some((target) => lineage.has(target))) ids.add(node.ref.id)
    }
    return [...ids]
  }

  #call(name: string, [first, second]: readonly Expression[]): Mapping {
    if (first === undefined) throw this.#untranslatable(this.#expression)
    const order = DECIMAL_ORDER[name]
    if (order !== undefined && second !== undefined) return this.#decimalOrder(order, first, second)
    if (first.kind === 'literal' && second !== undefined && name === 'contains')
      return this.#isElement(first.value, second)
    if (name === 'isEmpty') {
      const of = this.#column(first)
      return of.type.kind === 'set' ? { holds: { kind: 'isEmpty', column: of.column }, fails: missing(of) } : FAILS
    }
    if (second === undefined || second.kind !== 'literal' || !SET_CALLS.has(name))
      throw this.#untranslatable(this.#expression)
    return this.#setCall(name, this.#column(first), second.value)
  }

  #decimalOrder(operator: Comparison, left: Expression, right: Expression): Mapping {
    for (const side of [left, right]) {
      if (side.kind === 'literal') {
        if (typeof side.value !== 'object' || side.value.kind !== 'decimal') return FAILS
      } else if (this.#column(side).type.kind !== 'decimal') return FAILS
    }
    return this.#comparison(operator, left, right)
  }

  /** `[…].contains(resource.attribute)`. */
  #isElement(set: Value, element: Expression): Mapping {
    const of = this.#column(element)
    if (typeof set !== 'object' || set.kind !== 'set') return FAILS
    if (of.type.kind === 'set' || of.type.kind === 'record') throw this.#untranslatable(this.#expression)
    const values = set.elements.map((value) => scalarOf(value, of.type)).filter((value) => value !== undefined)
    return { holds: oneOf(of.column, values), fails: missing(of) }
  }

  /** `resource.set.contains(…)` and its like. */
  #setCall(name: string, of: Mapped, value: Value): Mapping {
    const { column, type } = of
    if (type.kind !== 'set') return FAILS
    const isSet = typeof value === 'object' && value.kind === 'set'
    if (name !== 'contains' && !isSet) return FAILS
    const wanted = name === 'contains' ? [value] : isSet ? value.elements : []
    const scalars = wanted.map((element) => scalarOf(element, type.element))
    const found = scalars.filter((scalar) => scalar !== undefined)
    const fails = missing(of)
    if (name === 'containsAny') {
      return {
        holds: anyOf(found.map((scalar): FilterTree => ({ kind: 'contains', column, values: [scalar] }))),
        fails,
      }
    }
    // What is not of the element type cannot be in the set.
    if (found.length < scalars.length) return { holds: NEVER, fails }
    return { holds: found.length === 0 ? present(of) : { kind: 'contains', column, values: found }, fails }
  }

  #column(expression: Expression): Mapped {
    const found = columnOf(expression, this.#context.mapping, this.#context.resourceType)
    if (found === undefined) throw this.#untranslatable(expression)
    return found
  }

  #untranslatable(expression: Expression, why?: string): CedarError {
    const whole = expressionText(this.#expression)
    const part = expressionText(expression)
    const where = part === whole ? '' : ` in \`${whole}\``
    return new CedarError(
      'not_translatable',
      `\`${part}\`${where} cannot be translated${why === undefined ? '' : `: ${why}`}`,
    )
  }
}

const FAILS: Mapping = { holds: NEVER, fails: ALWAYS }
const FLIPPED: Readonly<Record<Comparison, Comparison>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}
const SET_CALLS: ReadonlySet<string> = new Set(['contains', 'containsAll', 'containsAny'])
const DECIMAL_ORDER: Readonly<Record<string, Comparison | undefined>> = {
  lessThan: '<',
  lessThanOrEqual: '<=',
  greaterThan: '>',
  greaterThanOrEqual: '>=',
}

function total(holds: FilterTree): Mapping {
  return { holds, fails: NEVER }
}

function isOrdered({ kind }: Mapped['type']): boolean {
  return kind === 'long' || kind === 'datetime' || kind === 'duration' || kind === 'decimal'
}

function isSameType(a: Mapped['type'], b: Mapped['type']): boolean {
  return a.kind === b.kind && (a.kind !== 'entity' || b.kind !== 'entity' || a.entity === b.entity)
}

/** The value as such a column holds it, or undefined where it holds no such value. */
function scalarOf(value: Value, type: ScalarType | Mapped['type']): Scalar | undefined {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' ? value : undefined
    case 'long':
      return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
    case 'bool':
      return typeof value === 'boolean' ? value : undefined
    case 'entity':
      return typeof value === 'object' && value.kind === 'entity' && value.type === type.entity ? value.id : undefined
    case 'decimal':
      return typeof value === 'object' && value.kind === 'decimal' ? value.units : undefined
    case 'datetime':
      return typeof value === 'object' && value.kind === 'datetime' ? value.milliseconds : undefined
    case 'duration':
      return typeof value === 'object' && value.kind === 'duration' ? value.milliseconds : undefined
    default:
      return undefined
  }
}

type Named = { readonly type: string; readonly id: string }

function entitiesIn(value: Value): readonly Named[] | undefined {
  if (typeof value !== 'object') return undefined
  if (value.kind === 'entity') return [value]
  if (value.kind !== 'set') return undefined
  const refs = value.elements.flatMap((element) =>
    typeof element === 'object' && element.kind === 'entity' ? [element] : [],
  )
  return refs.length === value.elements.length ? refs : undefined
}

function ownIds(targets: readonly Named[], type: string): readonly string[] {
  return targets.filter((target) => target.type === type).map(({ id }) => id)
}

/** Where a column has a value; where it is known always to have one, that is everywhere. */
function present({ missing: absence }: Mapped): FilterTree {
  return absence === undefined ? ALWAYS : { kind: 'present', column: absence }
}

function missing(mapped: Mapped): FilterTree {
  return negated(present(mapped))
}
