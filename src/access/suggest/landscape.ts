import type { EntityJson, SchemaAction, SchemaDescription, UidJson } from '../../cedar/index.ts'
import type { EntityRef } from '../question.ts'

/** Who and what there is in a tenant, by number; what is met on the way gets a number too. */
export interface Landscape {
  numberOf(uid: EntityRef): number
  uidOf(number: number): EntityRef
  /** Whether the tenant knows it, or it was only met. */
  isKnown(number: number): boolean
  /** Where something nobody knows is, as its record says. */
  place(number: number, parents: readonly EntityRef[]): void
  /** All that it is in, but for the tenant. */
  within(number: number): readonly number[]
  /** Principals of one kind in all of these groups, by number. */
  members(kind: string, groups: readonly number[]): readonly number[]
  /** What is in it, at any depth, and can be the resource of the action; itself, where that can be. */
  below(container: number, action: LandscapeAction): readonly number[]
  /** Whether something could be in it that the action is for: then naming it with `in` says more than itself. */
  holds(container: number, action: LandscapeAction): boolean
  /** How closely it is to be kept; -1 where nothing is said. */
  rank(number: number): number
  readonly principals: readonly number[]
  action(id: string): LandscapeAction | undefined
  readonly actions: readonly LandscapeAction[]
  /** All resources of these types. */
  resources(types: ReadonlySet<string>): readonly number[]
}

export interface LandscapeAction {
  readonly number: number
  readonly id: string
  readonly uid: SchemaAction['uid']
  readonly principals: ReadonlySet<string>
  readonly resources: ReadonlySet<string>
  readonly isRead: boolean
  readonly isElevated: boolean
  /** Administers Sallyport itself. */
  readonly isAdmin: boolean
  /** Has arguments, and knows where they came from. */
  readonly isCall: boolean
  readonly groups: readonly string[]
}

export const PRINCIPAL_TYPES: ReadonlySet<string> = new Set(['User', 'Service', 'Agent', 'Device'])
/** What principals are grouped by, the most telling first. */
export const GROUP_TYPES = ['AgentType', 'Role', 'Group', 'Project'] as const

export function landscapeOf(schema: SchemaDescription, entities: readonly EntityJson[]): Landscape {
  const numbers = new Map<string, number>()
  const uids: EntityRef[] = []
  const parents: (readonly number[])[] = []
  const ranks: number[] = []
  const ancestors: (readonly number[] | undefined)[] = []
  const numberOf = ({ type, id }: EntityRef): number => {
    const key = `${type}\0${id}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    const number = uids.length
    numbers.set(key, number)
    uids.push({ type, id })
    parents.push([])
    ranks.push(-1)
    return number
  }
  const isContainer = ({ type }: EntityRef): boolean => type !== 'Tenant'
  for (const { uid, attrs = {}, parents: inside = [] } of entities) {
    const number = numberOf(plain(uid))
    parents[number] = inside.map(plain).filter(isContainer).map(numberOf)
    ranks[number] = Math.max(rankOf(attrs.classification, CLASSES), rankOf(attrs.sensitivity, SENSITIVITIES))
  }
  const known = new Set(entities.map(({ uid }) => numberOf(plain(uid))))
  const typeOf = (number: number): string => uids[number]?.type ?? ''
  const within = (number: number): readonly number[] => {
    const before = ancestors[number]
    if (before !== undefined) return before
    const found = new Set<number>()
    const open = [...(parents[number] ?? [])]
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      if (found.has(next) || next === number) continue
      found.add(next)
      open.push(...(parents[next] ?? []))
    }
    ancestors[number] = [...found]
    return [...found]
  }
  let inside: Map<number, number[]> | undefined
  const insideOf = (container: number): readonly number[] => {
    if (inside === undefined) {
      inside = new Map()
      for (let number = 0; number < uids.length; number++) {
        for (const one of within(number)) push(inside, one, number)
      }
    }
    return inside.get(container) ?? []
  }
  const memberLists = new Map<string, readonly number[]>()
  const principals = [...known].filter((number) => PRINCIPAL_TYPES.has(typeOf(number)))
  const actions = actionsOf(schema)
  const holdable = holdableIn(schema)
  const byId = new Map(actions.map((action) => [action.id, action]))
  const byType = new Map<string, number[]>()
  for (const number of known) push(byType, typeOf(number), number)
  return {
    numberOf,
    uidOf(number) {
      const uid = uids[number]
      if (uid === undefined) throw new RangeError(`nothing has the number ${number}`)
      return uid
    },
    isKnown: (number) => known.has(number),
    place(number, given) {
      if (known.has(number) || (parents[number] ?? []).length > 0 || given.length === 0) return
      parents[number] = given.filter(isContainer).map(numberOf)
      ancestors[number] = undefined
      inside = undefined
    },
    within,
    members(kind, groups) {
      const key = `${kind} ${groups.join(' ')}`
      const before = memberLists.get(key)
      if (before !== undefined) return before
      const found = principals.filter((one) => {
        if (typeOf(one) !== kind) return false
        const around = within(one)
        return groups.every((group) => around.includes(group))
      })
      memberLists.set(key, found)
      return found
    },
    below(container, action) {
      const found = insideOf(container).filter((one) => action.resources.has(typeOf(one)))
      return action.resources.has(typeOf(container)) ? [container, ...found] : found
    },
    holds: (container, { resources }) => {
      const inside = holdable.get(typeOf(container))
      return inside !== undefined && [...resources].some((type) => inside.has(type))
    },
    rank: (number) => ranks[number] ?? -1,
    principals,
    action: (id) => byId.get(id),
    actions,
    resources: (types) => [...types].flatMap((type) => byType.get(type) ?? []),
  }
}

const CLASSES = ['public', 'internal', 'confidential', 'restricted']
const SENSITIVITIES = ['low', 'medium', 'high']

/** By type, the types of all that can be in it, at any depth. */
function holdableIn({ entities }: SchemaDescription): ReadonlyMap<string, ReadonlySet<string>> {
  const parents = new Map(entities.map((entity) => [entity.name, entity.parents]))
  const found = new Map<string, Set<string>>()
  for (const { name } of entities) {
    const open = [...(parents.get(name) ?? [])]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const inside = found.get(next) ?? new Set()
      found.set(next, inside)
      if (inside.has(name)) continue
      inside.add(name)
      open.push(...(parents.get(next) ?? []))
    }
  }
  return found
}

/** A word that nobody here knows may mean anything. */
function rankOf(value: unknown, order: readonly string[]): number {
  if (typeof value !== 'string') return -1
  return order.includes(value) ? order.indexOf(value) : order.length - 1
}

function actionsOf({ actions }: SchemaDescription): readonly LandscapeAction[] {
  return actions
    .filter(({ principals }) => principals.length > 0)
    .map(({ id, uid, principals, resources, parents, facts }, number) => ({
      number,
      id,
      uid,
      principals: new Set(principals),
      resources: new Set(resources),
      // What says nothing of itself may do anything.
      isRead: parents.includes('read') && !parents.includes('write'),
      isElevated: parents.includes('elevated'),
      isAdmin: parents.includes('admin'),
      isCall: facts.some(({ name }) => name === 'arguments') && facts.some(({ name }) => name === 'origin'),
      groups: parents,
    }))
}

export function push<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function plain(uid: UidJson): EntityRef {
  const { type, id } = '__entity' in uid ? uid.__entity : uid
  return { type, id }
}
