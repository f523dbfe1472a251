import type { Bag } from './bag.ts'
import type { EntityNode } from './entities.ts'
import type { EntityTypeSchema, ExpectedType, Schema } from './schema.ts'
import { type EntityRef, typeName, uidText, type Value } from './value.ts'

/** Every way in which an entity is not what the schema says of its type, each as a sentence. */
export function conformanceProblems(node: EntityNode, schema: Schema): readonly string[] {
  const action = schema.actions.get(node.ref.key)
  if (action !== undefined) return actionProblems(node, schema)
  const type = schema.entityTypes.get(node.ref.type)
  if (type === undefined) return [`the schema has no type \`${node.ref.type}\``]
  return [
    ...idProblems(node.ref, type),
    ...fieldProblems('', node.attributes, type, schema),
    ...tagProblems(node.tags, type, schema),
    ...node.parents.refs.flatMap((parent) => parentProblems(parent, type, schema)),
  ]
}

/** What the schema says of an action is all there is to say. */
function actionProblems({ ref, attributes, parents }: EntityNode, schema: Schema): readonly string[] {
  const declared = ancestorsOf([ref.key], schema)
  const given = new Set([
    ...parents.refs.map(({ key }) => key),
    ...ancestorsOf(
      parents.refs.map(({ key }) => key),
      schema,
    ),
  ])
  const isSame = declared.size === given.size && [...declared].every((key) => given.has(key))
  return [
    ...(isSame ? [] : ['the schema has other groups for this action']),
    ...Object.keys(attributes).map((name) => `an action has no attributes, and so no \`${name}\``),
  ]
}

function ancestorsOf(keys: readonly string[], schema: Schema): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [...keys]
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    for (const parent of schema.actions.get(key)?.parents ?? []) {
      const parentKey = uidText(parent)
      if (!found.has(parentKey)) open.push(parentKey)
      found.add(parentKey)
    }
  }
  return found
}

function idProblems({ type, id }: EntityRef, { ids }: EntityTypeSchema): readonly string[] {
  return ids === undefined || ids.has(id) ? [] : [`\`${type}\` has no \`${id}\``]
}

function parentProblems(parent: EntityRef, type: EntityTypeSchema, schema: Schema): readonly string[] {
  if (!canBeIn(type, parent.type, schema)) return [`cannot be in a \`${parent.type}\``]
  const of = schema.entityTypes.get(parent.type)
  return of === undefined ? [] : idProblems(parent, of)
}

/** Cedar takes ancestors for parents: what can be in a group can be in what the group can be in. */
function canBeIn(type: EntityTypeSchema, target: string, schema: Schema): boolean {
  const seen = new Set(type.parents)
  for (const name of seen) for (const above of schema.entityTypes.get(name)?.parents ?? []) seen.add(above)
  return seen.has(target)
}

function tagProblems(
  tags: Bag<Value> | undefined,
  { tags: type }: EntityTypeSchema,
  schema: Schema,
): readonly string[] {
  const found = Object.entries(tags ?? {})
  if (type === undefined) return found.length === 0 ? [] : ['the type has no tags']
  return found.flatMap(([name, value]) =>
    value === undefined ? [] : valueProblems(`tag ${name}`, value, type, schema),
  )
}

function fieldProblems(
  path: string,
  fields: Bag<Value>,
  { attributes, required }: Pick<EntityTypeSchema, 'attributes' | 'required'>,
  schema: Schema,
): readonly string[] {
  const place = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const missing = required.filter((name) => fields[name] === undefined)
  return [
    ...missing.map((name) => `\`${place(name)}\` is missing`),
    ...Object.entries(fields).flatMap(([name, value]) => {
      const type = attributes[name]
      if (type === undefined) return [`\`${place(name)}\` is not in the schema`]
      return value === undefined ? [] : valueProblems(place(name), value, type, schema)
    }),
  ]
}

function valueProblems(path: string, value: Value, type: ExpectedType, schema: Schema): readonly string[] {
  const mismatch = [`\`${path}\` is ${typeName(value)}, not ${typeText(type)}`]
  switch (type.kind) {
    case 'string':
    case 'long':
    case 'bool':
      return typeName(value) === type.kind ? [] : mismatch
    case 'extension':
      return typeof value === 'object' && value.kind === KINDS[type.constructor] ? [] : mismatch
    case 'entity': {
      if (typeof value !== 'object' || value.kind !== 'entity' || value.type !== type.type) return mismatch
      const of = schema.entityTypes.get(type.type)
      return of === undefined ? [] : idProblems(value, of)
    }
    case 'set':
      if (typeof value !== 'object' || value.kind !== 'set') return mismatch
      return value.elements.flatMap((element) => valueProblems(`${path}[]`, element, type.element, schema))
    case 'record':
      if (typeof value !== 'object' || value.kind !== 'record') return mismatch
      return fieldProblems(path, value.fields, type, schema)
  }
}

/** What the functions of the schema's extension types make. */
const KINDS: Readonly<Record<string, string>> = {
  ip: 'ipaddr',
  decimal: 'decimal',
  datetime: 'datetime',
  duration: 'duration',
}

function typeText(type: ExpectedType): string {
  if (type.kind === 'entity') return type.type
  return type.kind === 'extension' ? (KINDS[type.constructor] ?? type.constructor) : type.kind
}
