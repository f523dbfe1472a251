import { errorOf } from './errors.ts'
import { official, type SchemaJson, type SchemaTypeJson } from './official.ts'
import { positionsIn } from './source-position.ts'

/** A schema for people: what it declares, with the text of its `@doc` annotations. */
export interface SchemaDescription {
  readonly entities: readonly SchemaEntity[]
  /** Common types that are records. */
  readonly records: readonly SchemaRecord[]
  readonly actions: readonly SchemaAction[]
}

export interface SchemaEntity {
  readonly name: string
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
  readonly id: string
  readonly doc: string
  /** The groups that it is in. */
  readonly parents: readonly string[]
  /** None for a group. */
  readonly principals: readonly string[]
  readonly resources: readonly string[]
  /** The name of the type of its context, where that has one. */
  readonly context: string | undefined
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
  for (const { commonTypes = {}, entityTypes, actions: declared } of Object.values(json)) {
    for (const [name, type] of Object.entries(commonTypes)) {
      if (type.type === 'Record') records.push({ name, doc: docOf(type), fields: fieldsOf(type) })
    }
    for (const [name, entity] of Object.entries(entityTypes)) {
      const shape = 'shape' in entity ? entity.shape : undefined
      entities.push({
        name,
        doc: docOf(entity),
        parents: 'memberOfTypes' in entity ? (entity.memberOfTypes ?? []) : [],
        fields: shape === undefined ? [] : fieldsOf(shape),
        tags: 'tags' in entity && entity.tags !== undefined ? typeText(entity.tags) : undefined,
      })
    }
    for (const [id, action] of Object.entries(declared)) {
      actions.push({
        id,
        doc: docOf(action),
        parents: (action.memberOf ?? []).map((parent) => parent.id),
        principals: action.appliesTo?.principalTypes ?? [],
        resources: action.appliesTo?.resourceTypes ?? [],
        context: action.appliesTo?.context === undefined ? undefined : typeText(action.appliesTo.context),
      })
    }
  }
  return { entities, records, actions }
}

function docOf(declared: object): string {
  // Annotations may stand on everything; the engine has no use for them, so its types do not have them.
  return (declared as { readonly annotations?: { readonly doc?: string } }).annotations?.doc ?? ''
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
