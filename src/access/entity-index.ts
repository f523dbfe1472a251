import { Entities, type EntityJson, type UidJson, type ValueJson } from '../cedar/index.ts'

/** The entities of one tenant, by the source that knows them. */
export interface EntityIndex {
  /**
   * Replaces what `source` has given before. Several sources may know something of one entity: it has the parents and
   * the attributes of all of them. Throws `CedarError`, changing nothing, for what does not fit the schema.
   */
  put(source: string, list: readonly EntityJson[]): void
  /** The entities, and for one question some more. */
  with(more: readonly EntityJson[] | undefined): Entities
}

/** `schema` declares the groups of actions. */
export function entityIndex(schema: string): EntityIndex {
  let bySource: ReadonlyMap<string, Source> = new Map()
  let all = Entities.fromJson([], schema)
  return {
    put(source, list) {
      const before = bySource.get(source) ?? new Map()
      const after = new Map(list.map((entity) => [keyOf(entity.uid), { entity, text: JSON.stringify(entity) }]))
      const touched = [...new Set([...before.keys(), ...after.keys()])].filter(
        (key) => before.get(key)?.text !== after.get(key)?.text,
      )
      if (touched.length === 0) return
      const next = new Map(bySource).set(source, after)
      all = touched.length > all.size / 4 ? rebuilt(next, schema) : changed(all, next, touched)
      bySource = next
    },
    with: (more) => (more === undefined || more.length === 0 ? all : all.with({ put: more })),
  }
}

type Source = ReadonlyMap<string, { readonly entity: EntityJson; readonly text: string }>

function rebuilt(sources: ReadonlyMap<string, Source>, schema: string): Entities {
  const keys = new Set([...sources.values()].flatMap((source) => [...source.keys()]))
  return Entities.fromJson(
    [...keys].map((key) => merged(key, sources)).filter((entity) => entity !== undefined),
    schema,
  )
}

function changed(all: Entities, sources: ReadonlyMap<string, Source>, touched: readonly string[]): Entities {
  const put: EntityJson[] = []
  const remove: { type: string; id: string }[] = []
  for (const key of touched) {
    const entity = merged(key, sources)
    if (entity === undefined) remove.push(uidOf(key))
    else put.push(entity)
  }
  return all.with({ put, remove })
}

function merged(key: string, sources: ReadonlyMap<string, Source>): EntityJson | undefined {
  const found: EntityJson[] = []
  for (const source of sources.values()) {
    const entry = source.get(key)
    if (entry !== undefined) found.push(entry.entity)
  }
  const [first, ...more] = found
  return more.length === 0 ? first : more.reduce(both, first)
}

function both(a: EntityJson | undefined, b: EntityJson): EntityJson {
  if (a === undefined) return b
  const tags = { ...a.tags, ...b.tags }
  return {
    uid: a.uid,
    attrs: { ...b.attrs, ...a.attrs } satisfies { readonly [name: string]: ValueJson },
    parents: [...(a.parents ?? []), ...(b.parents ?? [])],
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  }
}

function keyOf(uid: UidJson): string {
  const { type, id } = '__entity' in uid ? uid.__entity : uid
  return `${type}::${id}`
}

function uidOf(key: string): { type: string; id: string } {
  const at = key.indexOf('::')
  return { type: key.slice(0, at), id: key.slice(at + 2) }
}
