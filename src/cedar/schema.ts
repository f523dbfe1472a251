import { type Bag, bagOf } from './bag.ts'
import { CedarError, errorOf } from './errors.ts'
import { official, type SchemaEntityTypeJson, type SchemaJson, type SchemaTypeJson } from './official.ts'
import { positionsIn } from './source-position.ts'
import type { Uid } from './uid.ts'
import { uidText } from './value.ts'

/** What a value is expected to be. `undefined` stands for anything. */
export type ExpectedType =
  | { readonly kind: 'string' | 'long' | 'bool' }
  | { readonly kind: 'extension'; readonly constructor: string }
  | { readonly kind: 'entity'; readonly type: string }
  | { readonly kind: 'set'; readonly element: ExpectedType }
  | RecordType

export interface RecordType {
  readonly kind: 'record'
  readonly attributes: Bag<ExpectedType>
  /** The attributes that have to be there. */
  readonly required: readonly string[]
}

export interface EntityTypeSchema {
  readonly attributes: Bag<ExpectedType>
  readonly required: readonly string[]
  readonly tags: ExpectedType | undefined
  readonly parents: ReadonlySet<string>
  /** The only ids of an enumerated type. */
  readonly ids: ReadonlySet<string> | undefined
}

export interface ActionSchema {
  readonly uid: Uid
  readonly parents: readonly Uid[]
  readonly context: ExpectedType | undefined
  readonly principals: readonly string[]
  readonly resources: readonly string[]
}

/** A schema, read once. */
export interface Schema {
  /** As the official validator takes it. */
  readonly text: string
  /** The same, which it reads faster. */
  readonly json: SchemaJson
  readonly entityTypes: ReadonlyMap<string, EntityTypeSchema>
  /** By `Action::"id"`. */
  readonly actions: ReadonlyMap<string, ActionSchema>
}

/** Reads a schema from Cedar's schema language, or from its JSON form (an object). Throws `schema_invalid`. */
export function parseSchema(source: string | object | Schema): Schema {
  if (isSchema(source)) return source
  if (source === last?.text) return last
  const text = typeof source === 'string' ? source : schemaText(source)
  const answer = official().schemaToJsonWithResolvedTypes(text)
  if (answer.type === 'failure') throw errorOf('schema_invalid', positionsIn(text).problemsOf(answer.errors))
  // The official declarations are wider and narrower in places; this is what it gives for resolved types.
  last = readSchema(text, answer.json as SchemaJson)
  return last
}

// Reading a large one takes some 20 ms, and almost always it is the one that was read before.
let last: Schema | undefined

function isSchema(source: string | object): source is Schema {
  return typeof source === 'object' && 'entityTypes' in source && source.entityTypes instanceof Map
}

function schemaText(json: object): string {
  // The official package checks the form of what it is given.
  const answer = official().schemaToText(json as Parameters<ReturnType<typeof official>['schemaToText']>[0])
  if (answer.type === 'failure') throw errorOf('schema_invalid', positionsIn('').problemsOf(answer.errors))
  return answer.text
}

function readSchema(text: string, json: SchemaJson): Schema {
  const read = typeReader(json)
  const entityTypes = new Map<string, EntityTypeSchema>()
  const actions = new Map<string, ActionSchema>()
  for (const [namespace, definition] of Object.entries(json)) {
    for (const [name, entity] of Object.entries(definition.entityTypes)) {
      entityTypes.set(qualified(namespace, name), readEntityType(entity, read))
    }
    for (const [id, action] of Object.entries(definition.actions)) {
      const uid = { type: qualified(namespace, 'Action'), id }
      actions.set(uidText(uid), {
        uid,
        parents: (action.memberOf ?? []).map((parent) => ({ type: parent.type ?? uid.type, id: parent.id })),
        context: action.appliesTo?.context === undefined ? undefined : read(action.appliesTo.context),
        principals: action.appliesTo?.principalTypes ?? [],
        resources: action.appliesTo?.resourceTypes ?? [],
      })
    }
  }
  return { text, json, entityTypes, actions }
}

function readEntityType(entity: SchemaEntityTypeJson, read: TypeReader): EntityTypeSchema {
  if ('enum' in entity) {
    return { attributes: bagOf([]), required: [], tags: undefined, parents: new Set(), ids: new Set(entity.enum) }
  }
  const shape = entity.shape === undefined ? undefined : read(entity.shape)
  return {
    attributes: shape?.kind === 'record' ? shape.attributes : bagOf([]),
    required: shape?.kind === 'record' ? shape.required : [],
    tags: entity.tags === undefined ? undefined : read(entity.tags),
    parents: new Set(entity.memberOfTypes),
    ids: undefined,
  }
}

function qualified(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}::${name}`
}

const BUILT_IN: Readonly<Record<string, ExpectedType>> = {
  String: { kind: 'string' },
  Long: { kind: 'long' },
  Bool: { kind: 'bool' },
  Boolean: { kind: 'bool' },
  decimal: { kind: 'extension', constructor: 'decimal' },
  ipaddr: { kind: 'extension', constructor: 'ip' },
  datetime: { kind: 'extension', constructor: 'datetime' },
  duration: { kind: 'extension', constructor: 'duration' },
}

type TypeReader = (json: SchemaTypeJson) => ExpectedType

/** Reads types; a common type is read once, however often it is named. */
function typeReader(schema: SchemaJson): TypeReader {
  const sources = new Map<string, SchemaTypeJson>()
  for (const [namespace, definition] of Object.entries(schema)) {
    for (const [name, type] of Object.entries(definition.commonTypes ?? {}))
      sources.set(qualified(namespace, name), type)
  }
  const done = new Map<string, ExpectedType>()

  function read({ type, name, element, attributes }: SchemaTypeJson): ExpectedType {
    if (type === 'Set' && element !== undefined) return { kind: 'set', element: read(element) }
    if (type === 'Record') {
      const fields = Object.entries(attributes ?? {})
      return {
        kind: 'record',
        attributes: bagOf(fields.map(([key, of]) => [key, read(of)])),
        required: fields.filter(([, of]) => of.required !== false).map(([key]) => key),
      }
    }
    return type === 'Entity' && name !== undefined ? { kind: 'entity', type: name } : named(name ?? type)
  }

  function named(name: string): ExpectedType {
    const known = done.get(name) ?? BUILT_IN[name.replace(/^__cedar::/, '')]
    const source = sources.get(name)
    if (source === undefined || done.has(name)) {
      if (known === undefined) throw new CedarError('schema_invalid', `unknown type \`${name}\``)
      return known
    }
    // The official parser has refused definitions that contain themselves, so this ends.
    const type = read(source)
    done.set(name, type)
    return type
  }

  return read
}
