import type { SchemaAction, SchemaDescription, SchemaEntity, Uid } from '../cedar/index.ts'
import { OURS } from './facts.ts'

/** The types, actions and facts of one schema, and what enforcement points call them. */
export interface Vocabulary {
  /** The action of a `Question`: `Action::"model:invoke"` for `model:invoke`, `Shop::Action::"refund"` for `Shop::refund`. */
  uidOf(action: string): Uid
  /** Every action but groups. */
  readonly actions: readonly SchemaAction[]
  /** Whether the schema declares this action for such principals and resources. What it does not, nobody is allowed. */
  applies(action: string, principal: string, resource: string): boolean
  /** The entity type of this name; a tenant's own also by its alias, or by the last part of its name in any case. */
  typeNamed(name: string): string
  /** The action of this name that applies to resources of a type. */
  actionNamed(name: string, resourceType: string): string
  /**
   * What enforcement points call an action on resources of a type: its alias, or its name without the namespace. Where
   * that would mean another action there, its full name.
   */
  nameOf(action: string, resourceType: string): string
  /** Of a tenant's own type; undefined for the types that Sallyport has itself. */
  ownType(type: string): OwnType | undefined
  /** Names of the facts of an action that an asker may state: those that Sallyport does not know itself. */
  factsOf(action: string): ReadonlySet<string>
}

export interface OwnType {
  /** By name; for those that name an entity, its type. */
  readonly attributes: ReadonlyMap<string, string | undefined>
  /** What resources of the type can be in. */
  readonly parents: readonly string[]
}

/** Reads a schema once; asking is a lookup. */
export function vocabularyOf({ entities, actions }: SchemaDescription): Vocabulary {
  const plain = actions.filter(({ principals }) => principals.length > 0)
  const uids = new Map(actions.map(({ id, uid }) => [id, uid]))
  const facts = new Map(
    plain.map((action) => [action.id, new Set(action.facts.map(({ name }) => name).filter((name) => !OURS.has(name)))]),
  )
  const applying = new Map(
    plain.map(({ id, principals, resources }) => [
      id,
      { principals: new Set(principals), resources: new Set(resources) },
    ]),
  )
  const types = typeNames(entities)
  const entityNames = new Set(entities.map(({ name }) => name))
  const named = actionNames(plain)
  const names = new Map(plain.map((action) => [action.id, action.alias ?? action.uid.id]))
  const own = new Map(
    entities
      .filter(({ name }) => name.includes('::'))
      .map(({ name, fields, parents }) => {
        const attributes = fields.map(
          (field) => [field.name, entityNames.has(field.type) ? field.type : undefined] as const,
        )
        return [name, { attributes: new Map(attributes), parents }] as const
      }),
  )
  return {
    uidOf(action) {
      const known = uids.get(action)
      if (known !== undefined) return known
      return { type: 'Action', id: action }
    },
    actions: plain,
    applies(action, principal, resource) {
      const declared = applying.get(action)
      return declared?.resources.has(resource) === true && declared.principals.has(principal)
    },
    typeNamed: (name) => types.get(name) ?? types.get(name.toLowerCase()) ?? name,
    actionNamed: (name, resourceType) => named.get(`${name}\0${resourceType}`) ?? name,
    nameOf(action, resourceType) {
      const name = names.get(action) ?? action
      return named.get(`${name}\0${resourceType}`) === action ? name : action
    },
    ownType: (type) => own.get(type),
    factsOf: (action) => facts.get(action) ?? NONE,
  }
}

const NONE: ReadonlySet<string> = new Set()

/** INVARIANT: a name means one type; one that could mean two of a tenant's own means neither. */
function typeNames(entities: readonly SchemaEntity[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { name } of entities) names.set(name, name)
  for (const { name } of entities) if (!name.includes('::')) addName(names, name.toLowerCase(), name)
  const loose = new Map<string, string | undefined>()
  for (const { name, alias } of entities) {
    if (!name.includes('::')) continue
    for (const short of new Set([alias ?? '', lastPart(name).toLowerCase()])) {
      if (short !== '') loose.set(short, loose.has(short) ? undefined : name)
    }
  }
  for (const [short, name] of loose) if (name !== undefined) addName(names, short, name)
  return names
}

function addName(names: Map<string, string>, short: string, name: string): void {
  if (!names.has(short)) names.set(short, name)
}

/** By name and type of resource. Sallyport's own come before a tenant's. */
function actionNames(actions: readonly SchemaAction[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const add = (name: string, action: SchemaAction): void => {
    for (const type of action.resources) if (!names.has(`${name}\0${type}`)) names.set(`${name}\0${type}`, action.id)
  }
  for (const action of actions) add(action.id, action)
  for (const action of actions) if (action.alias !== undefined) add(action.alias, action)
  for (const action of actions) add(action.uid.id, action)
  return names
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('::') + 2)
}
