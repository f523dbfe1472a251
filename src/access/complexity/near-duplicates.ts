import { constantShape, type PolicyInfo, shapeText } from '../../cedar/index.ts'
import { placeOf } from './statements.ts'

/** Statements that differ in constants only, and the pack that could stand for all of them. */
export interface Duplicates {
  readonly effect: 'permit' | 'forbid'
  readonly policies: readonly { readonly id: string; readonly place: string }[]
  /** The statement of the pack, with parameters in the place of what differs. */
  readonly statement: string
  readonly parameters: readonly ProposedParameter[]
}

export interface ProposedParameter {
  readonly name: string
  /** As packs have it: `entity`, `string`, `integer`, `actions`. */
  readonly type: string
  /** Of an entity. */
  readonly of?: string
  /** Some of the values that it stands for. */
  readonly values: readonly string[]
}

/** Fewer than this are not worth a pack. */
const WORTH = 3
const SHOWN_VALUES = 5

/** Groups by shape, the largest first: one look at each statement, however many there are. */
export function duplicatesAmong(statements: readonly PolicyInfo[]): readonly Duplicates[] {
  const groups = new Map<string, { readonly info: PolicyInfo; readonly constants: Constants }[]>()
  for (const info of statements) {
    // What comes of a pack has its parameters already.
    if (info.position.source?.startsWith('packs/') === true || info.annotations.role !== undefined) continue
    const { shape, constants } = constantShape(info.text)
    const allowance = info.annotations.limit ?? info.annotations.budget
    const key = allowance === undefined ? shape : `limit ${shape}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [{ info, constants }])
    else group.push({ info, constants })
  }
  return [...groups]
    .filter(([, group]) => group.length >= WORTH)
    .map(([key, group]) => duplicatesOf(key.replace(/^limit /, ''), group))
    .sort((a, b) => b.policies.length - a.policies.length || (a.statement < b.statement ? -1 : 1))
}

type Constants = ReturnType<typeof constantShape>['constants']

function duplicatesOf(
  shape: string,
  group: readonly { readonly info: PolicyInfo; readonly constants: Constants }[],
): Duplicates {
  const [first] = group
  const parameters = new Map<string, ProposedParameter>()
  /** Constants that always change together are one parameter. */
  const byValues = new Map<string, string>()
  const written = (first?.constants ?? []).map((constant, at) => {
    const values = group.map(({ constants }) => constants[at]?.text ?? '')
    if (new Set(values).size === 1) return constant.text
    const key = JSON.stringify(values)
    const name = byValues.get(key) ?? nameFor(constant, parameters)
    byValues.set(key, name)
    if (!parameters.has(name)) parameters.set(name, parameterFor(name, constant, values))
    return `Parameter::"${name}"`
  })
  return {
    effect: first?.info.effect ?? 'permit',
    policies: group.map(({ info }) => ({ id: info.id, place: placeOf(info) })),
    statement: shapeText(shape, written),
    parameters: [...parameters.values()],
  }
}

function nameFor({ type, near }: Constants[number], taken: ReadonlyMap<string, unknown>): string {
  const of = type === 'string' || type === 'integer' ? near : type
  const last = of.split(/[.:]+/).at(-1) ?? 'value'
  const base = last.charAt(0).toLowerCase() + last.slice(1) || 'value'
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}${number}`
    if (!taken.has(name)) return name
  }
}

function parameterFor(name: string, { type }: Constants[number], values: readonly string[]): ProposedParameter {
  const shown = [...new Set(values)].slice(0, SHOWN_VALUES)
  if (type === 'Action' || type.endsWith('::Action')) return { name, type: 'actions', values: shown }
  return type === 'string' || type === 'integer'
    ? { name, type, values: shown }
    : { name, type: 'entity', of: type, values: shown }
}
