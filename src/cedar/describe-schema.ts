import { errorOf } from './errors.ts'
import { official, type SchemaJson, type SchemaTypeJson } from './official.ts'
import { positionsIn } from './source-position.ts'
import type { Uid } from './uid.ts'

/** A schema for people: what it declares, with the text of its `@doc` annotations. */
export interface SchemaDescription {
  readonly entities: readonly SchemaEntity[]
  /** Common types that are records. */
  readonly records: readonly SchemaRecord[]
  readonly actions: readonly SchemaAction[]
}

export interface SchemaEntity {
  /** With its namespace: `Shop::Order`. */
  readonly name: string
  /** What its annotation `@authzen` says that enforcement points call it. */
  readonly alias?: string
  readonly doc: string
  readonly parents: readonly string[]
  readonly fields: readonly SchemaField[]
  /** The type of its tags, where it has some. */
  readonly tags: string | undefined
}

export interface SchemaRecord {
  readonly name: string
  readonly doc: string
  readonly fields: readonly SchemaField[]
}

export interface SchemaField {
  readonly name: string
  /** As in the schema: `Set<String>`. */
  readonly type: string
  readonly isOptional: boolean
  readonly doc: string
}

export interface SchemaAction {
  /** With its namespace, where it has one: `Shop::refund`. */
  readonly id: string
  readonly uid: Uid
  readonly alias?: string
  readonly doc: string
  /** The groups that it is in. */
  readonly parents: readonly string[]
  /** None for a group. */
  readonly principals: readonly string[]
  readonly resources: readonly string[]
  /** The name of the type of its context, where that has one. */
  readonly context: string | undefined
  /** Attributes of its context. */
  readonly facts: readonly SchemaField[]
}

/** Reads a schema in Cedar's schema language, in the order of its names. Throws `schema_invalid`. */
export function describeSchema(text: string): SchemaDescription {
  const answer = official().schemaToJsonWithResolvedTypes(text)
  if (answer.type === 'failure') throw errorOf('schema_invalid', positionsIn(text).problemsOf(answer.errors))
  // The official declarations are wider and narrower in places; this is what it gives.
  const json = answer.json as SchemaJson
  const entities: SchemaEntity[] = []
  const records: SchemaRecord[] = []
  const actions: SchemaAction[] = []
  for (const [namespace, { commonTypes = {}, entityTypes, actions: declared }] of Object.entries(json)) {
    const qualified = (name: string): string => (namespace === '' ? name : `${namespace}::${name}`)
    for (const [name, type] of Object.entries(commonTypes)) {
      if (type.type === 'Record') records.push({ name: qualified(name), doc: docOf(type), fields: fieldsOf(type) })
    }
    for (const [name, entity] of Object.entries(entityTypes)) {
      const shape = 'shape' in entity ? entity.shape : undefined
      entities.push({
        name: qualified(name),
        ...aliasOf(entity),
        doc: docOf(entity),
        parents: 'memberOfTypes' in entity ? (entity.memberOfTypes ?? []) : [],
        fields: shape === undefined ? [] : fieldsOf(shape),
        tags: 'tags' in entity && entity.tags !== undefined ? typeText(entity.tags) : undefined,
      })
    }
    for (const [id, action] of Object.entries(declared)) {
      actions.push({
        id: qualified(id),
        uid: { type: qualified('Action'), id },
        ...aliasOf(action),
        doc: docOf(action),
        parents: (action.memberOf ?? []).map(({ id: group, type = 'Action' }) => {
          const at = type.lastIndexOf('::')
          return at < 0 ? group : `${type.slice(0, at)}::${group}`
        }),
        principals: action.appliesTo?.principalTypes ?? [],
        resources: action.appliesTo?.resourceTypes ?? [],
        context: action.appliesTo?.context === undefined ? undefined : typeText(action.appliesTo.context),
        facts: contextFields(action.appliesTo?.context, json),
      })
    }
  }
  return { entities, records, actions }
}

// Annotations may stand on everything; the engine has no use for them, so its types do not have them.
type Annotated = { readonly annotations?: { readonly doc?: string; readonly authzen?: string } }

function docOf(declared: object): string {
  return (declared as Annotated).annotations?.doc ?? ''
}

function aliasOf(declared: object): { readonly alias?: string } {
  const alias = (declared as Annotated).annotations?.authzen
  return alias === undefined ? {} : { alias }
}

function contextFields(context: SchemaTypeJson | undefined, json: SchemaJson): readonly SchemaField[] {
  if (context === undefined) return []
  if (context.attributes !== undefined) return fieldsOf(context)
  const name = context.name ?? context.type
  const at = name.lastIndexOf('::')
  const named = json[at < 0 ? '' : name.slice(0, at)]?.commonTypes?.[at < 0 ? name : name.slice(at + 2)]
  return named === undefined ? [] : fieldsOf(named)
}

function fieldsOf({ attributes = {} }: SchemaTypeJson): readonly SchemaField[] {
  return Object.entries(attributes).map(([name, type]) => ({
    name,
    type: typeText(type),
    isOptional: 'required' in type && type.required === false,
    doc: docOf(type),
  }))
}

function typeText({ type, name, element }: SchemaTypeJson): string {
  if (type === 'Set' && element !== undefined) return `Set<${typeText(element)}>`
  return (name ?? type).replace(/^__cedar::/, '')
}
