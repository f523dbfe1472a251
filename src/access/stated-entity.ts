import { type EntityJson, jsonOf, type ValueJson } from '../cedar/index.ts'
import type { Context } from '../kernel/index.ts'
import type { EntityIndex } from './entity-index.ts'
import type { EntityRef, Question } from './question.ts'
import type { OwnType, Vocabulary } from './vocabulary.ts'

/**
 * The entities that a question brings along. A resource of a tenant's own type is what the application says of it, over
 * what manifests say; one that no manifest knows exists for this question, in the tenant. INVARIANT: what is said of
 * Sallyport's own types, and of principals, changes nothing. An entity may be named by its id alone.
 */
export function statedEntities(
  ctx: Context,
  { resource, attributes, entities }: Question,
  vocabulary: Vocabulary,
  index: EntityIndex,
): readonly EntityJson[] | undefined {
  const own = vocabulary.ownType(resource.type)
  if (own === undefined) return entities
  const stated = statedResource(ctx, resource, own, { attributes, index })
  return stated === undefined ? entities : [...(entities ?? []), stated]
}

function statedResource(
  { tenant }: Context,
  uid: EntityRef,
  own: OwnType,
  { attributes = {}, index }: { readonly attributes: Question['attributes']; readonly index: EntityIndex },
): EntityJson | undefined {
  const attrs: Record<string, ValueJson> = {}
  for (const [name, value] of Object.entries(attributes)) {
    // What is null is not there (AuthZEN 1.0, "JSON Payload Considerations").
    if (!own.attributes.has(name) || value === null) continue
    const type = own.attributes.get(name)
    attrs[name] = type !== undefined && typeof value === 'string' ? { __entity: { type, id: value } } : value
  }
  const known = index.with(undefined).find(uid)
  if (known === undefined) {
    const parents = own.parents.includes('Tenant') ? [{ type: 'Tenant', id: tenant }] : []
    return { uid, attrs, parents }
  }
  if (Object.keys(attrs).length === 0) return undefined
  for (const [name, value] of Object.entries(known.attributes)) {
    if (value !== undefined && !Object.hasOwn(attrs, name)) attrs[name] = jsonOf(value)
  }
  const tags = Object.entries(known.tags ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, jsonOf(value)] as const],
  )
  return {
    uid,
    attrs,
    parents: known.parents.refs.map(({ type, id }) => ({ type, id })),
    ...(tags.length === 0 ? {} : { tags: Object.fromEntries(tags) }),
  }
}
