import { Entities, type EntityJson, type UidJson, type ValueJson } from '../cedar/index.ts'
import { inheritClassification } from './classification.ts'

/** The entities of one tenant, by the source that knows them. */
export interface EntityIndex {
  /**
   * Replaces what `source` has given before. Several sources may know something of one entity: it has the parents and
   * the attributes of all of them; where they differ, the tenant, the directory and the catalogue know best. Throws `CedarError`, changing nothing, for what does not fit the schema.
   */
  put(source: string, list: readonly EntityJson[]): void
  /**
   * Puts and removes some of what `source` has given, whatever else there is. An entity that is put with `until`
   * (milliseconds since the epoch) is what the source says until then, and nothing from then on.
   */
  change(source: string, change: SourceChange): void
  /** Forgets what holds no longer. Costs nothing where nothing has ended. */
  expire(now: number): void
  /** Throws `CedarError` where `setSchema` would. */
  checkSchema(schema: string): void
  /** Reads everything anew with another schema. */
  setSchema(schema: string): void
  /** All that sources have said and still holds, as JSON. */
  said(): Iterable<SaidEntity>
  /** One entity as all sources together have it. */
  entity(uid: { readonly type: string; readonly id: string }): EntityJson | undefined
  /** The entities, and for one question some more. */
  with(more: readonly EntityJson[] | undefined): Entities
}

export interface SourceChange {
  readonly put?: readonly { readonly entity: EntityJson; readonly until?: number | undefined }[]
  readonly remove?: readonly { readonly type: string; readonly id: string }[]
}

/** What one source says of one entity; without a text, nothing any more. */
export interface SaidEntity {
  readonly source: string
  readonly uid: { readonly type: string; readonly id: string }
  readonly text: string | undefined
}

/** `declared` is the schema, with the groups of actions. `onChange` is told what is seen by the next decision. */
export function entityIndex(
  declared: string,
  onChange: (source: string, said: () => readonly SaidEntity[]) => void = () => undefined,
): EntityIndex {
  let schema = declared
  let bySource: ReadonlyMap<string, Source> = new Map()
  /** When what a source says ends, by source and key; and when the first of them does. */
  const ends = new Map<string, { readonly source: string; readonly key: string; readonly until: number }>()
  let firstEnd = Number.POSITIVE_INFINITY
  const setEnd = (source: string, key: string, until: number | undefined): void => {
    const id = `${source} ${key}`
    if (until === undefined) ends.delete(id)
    else ends.set(id, { source, key, until })
    firstEnd = Math.min(firstEnd, until ?? firstEnd)
  }
  const tell = (name: string, source: Source, touched: readonly string[]): void =>
    onChange(name, () => touched.map((key) => ({ source: name, uid: uidOf(key), text: source.get(key)?.text })))
  const change = (name: string, changes: ReadonlyMap<string, Entry | undefined>): void => {
    const source = bySource.get(name) ?? new Map<string, Entry>()
    const touched = [...changes.keys()].filter((key) => source.get(key)?.text !== changes.get(key)?.text)
    if (touched.length === 0) return
    const before = touched.map((key) => [key, source.get(key)] as const)
    bySource = bySource.has(name) ? bySource : withSource(bySource, name, source)
    set(
      source,
      touched.map((key) => [key, changes.get(key)] as const),
    )
    try {
      all = changed(all, bySource, touched)
    } catch (error) {
      set(source, before)
      throw error
    }
    tell(name, source, touched)
  }
  let all = Entities.fromJson([], schema)
  return {
    put(source, list) {
      const before: Source = bySource.get(source) ?? new Map()
      const after = new Map(
        inheritClassification(list).map((entity) => [keyOf(entity.uid), { entity, text: JSON.stringify(entity) }]),
      )
      const touched = [...new Set([...before.keys(), ...after.keys()])].filter(
        (key) => before.get(key)?.text !== after.get(key)?.text,
      )
      if (touched.length === 0) return
      const next = withSource(bySource, source, after)
      all = touched.length > all.size / 4 ? rebuilt(next, schema) : changed(all, next, touched)
      bySource = next
      tell(source, after, touched)
    },
    change(source, { put = [], remove = [] }) {
      const changes = new Map<string, Entry | undefined>()
      for (const uid of remove) changes.set(keyOf(uid), undefined)
      for (const { entity } of put) changes.set(keyOf(entity.uid), { entity, text: JSON.stringify(entity) })
      change(source, changes)
      for (const uid of remove) setEnd(source, keyOf(uid), undefined)
      for (const { entity, until } of put) setEnd(source, keyOf(entity.uid), until)
    },
    expire(now) {
      if (now < firstEnd) return
      for (const { source, key, until } of [...ends.values()]) {
        if (until > now) continue
        change(source, new Map([[key, undefined]]))
        setEnd(source, key, undefined)
      }
      firstEnd = Number.POSITIVE_INFINITY
      for (const { until } of ends.values()) firstEnd = Math.min(firstEnd, until)
    },
    checkSchema: (next) => void rebuilt(bySource, next),
    setSchema(next) {
      all = rebuilt(bySource, next)
      schema = next
    },
    *said() {
      for (const [source, entries] of bySource) {
        for (const [key, { text }] of entries) yield { source, uid: uidOf(key), text }
      }
    },
    entity: (uid) => merged(keyOf(uid), bySource),
    with: (more) => (more === undefined || more.length === 0 ? all : all.with({ put: more })),
  }
}

interface Entry {
  readonly entity: EntityJson
  readonly text: string
}
type Source = Map<string, Entry>

/** Who knows a thing best: what these say of it counts, whatever others say. Of the others, the first by name. */
const FIRST = ['tenant', 'directory', 'catalog']

function withSource(sources: ReadonlyMap<string, Source>, name: string, source: Source): ReadonlyMap<string, Source> {
  const rank = (one: string): number => (FIRST.includes(one) ? FIRST.indexOf(one) : FIRST.length)
  const byRank = ([a]: [string, Source], [b]: [string, Source]): number => rank(a) - rank(b) || (a < b ? -1 : 1)
  return new Map([...new Map(sources).set(name, source)].sort(byRank))
}

function set(source: Source, entries: readonly (readonly [string, Entry | undefined])[]): void {
  for (const [key, entry] of entries) {
    if (entry === undefined) source.delete(key)
    else source.set(key, entry)
  }
}

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
  return `${type}${END_OF_TYPE}${id}`
}

// Types may have namespaces, and ids may have anything.
const END_OF_TYPE = '\0'

function uidOf(key: string): { type: string; id: string } {
  const at = key.indexOf(END_OF_TYPE)
  return { type: key.slice(0, at), id: key.slice(at + 1) }
}
