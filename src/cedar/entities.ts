import type { Bag } from './bag.ts'
import { conformanceProblems } from './conformance.ts'
import { type EntityJson, readFields, readUid, type ValueJson } from './entity-json.ts'
import { CedarError, errorOf, type Problem } from './errors.ts'
import { parseJson } from './exact-json.ts'
import { findCycle, type Lineage, lineageOf, type ParentList } from './hierarchy.ts'
import { PersistentMap } from './persistent-map.ts'
import { parseSchema, type Schema } from './schema.ts'
import type { Uid } from './uid.ts'
import { type EntityRef, isEqual, uidText, type Value } from './value.ts'

export interface EntityChange {
  /** Entities that are new, or replace those of the same uid. */
  readonly put?: string | readonly EntityJson[]
  /** Entities that are removed; those that do not exist are passed over. */
  readonly remove?: readonly Uid[]
}

/** An entity of a store. */
export interface EntityNode {
  readonly ref: EntityRef
  readonly attributes: Bag<Value>
  readonly tags: Bag<Value> | undefined
  readonly parents: ParentList
}

type TypeTable = PersistentMap<string, EntityNode>

/** An immutable store of entities. A changed store shares all that did not change with the one it came from. */
export class Entities {
  readonly size: number
  readonly #types: PersistentMap<string, TypeTable>
  /** Every uid that is or was a parent: only these can be part of a cycle, or have descendants. */
  readonly #inner: PersistentMap<string, true>
  /** Stays the same object for as long as no entity that has descendants changes its parents. */
  readonly #hierarchy: object
  /** The schema that the entities were read with. */
  readonly schema: Schema | undefined

  private constructor(
    size: number,
    types: PersistentMap<string, TypeTable>,
    inner: PersistentMap<string, true>,
    hierarchy: object,
    schema: Schema | undefined,
  ) {
    this.size = size
    this.#types = types
    this.#inner = inner
    this.#hierarchy = hierarchy
    this.schema = schema
  }

  /**
   * Reads entities in Cedar's JSON form. With a schema, attributes may be written as their declared type allows (an
   * address as text, an entity as `{ type, id }`), and the schema's actions are added; `problems()` says what else the
   * schema has against them. Throws `entities_invalid` with all that cannot be read (also for a cycle, with its path),
   * `json_invalid`, `schema_invalid`.
   */
  static fromJson(json: string | readonly EntityJson[], schema?: string | object): Entities {
    const parsed = schema === undefined ? undefined : parseSchema(schema)
    const list = parents()
    const types = new Map<string, Map<string, EntityNode>>()
    const inner = new Map<string, true>()
    let size = 0
    const addNode = (node: EntityNode): void => {
      const table = types.get(node.ref.type) ?? new Map<string, EntityNode>()
      if (table.size === 0) types.set(node.ref.type, table)
      const before = table.get(node.ref.id)
      if (before !== undefined) {
        if (!isSameEntity(before, node)) throw invalid(`\`${uidText(node.ref)}\` is there twice, and differs`)
        return
      }
      table.set(node.ref.id, node)
      size++
      for (const parent of node.parents.refs) inner.set(parent.key, true)
    }
    for (const node of readEntities(json, parsed, list)) addNode(node)
    for (const { uid, parents } of parsed?.actions.values() ?? []) {
      if (types.get(uid.type)?.has(uid.id) !== true) addNode(readEntity({ uid, parents }, undefined, list))
    }
    const tables = new Map([...types].map(([type, table]) => [type, PersistentMap.of(table)]))
    const entities = new Entities(size, PersistentMap.of(tables), PersistentMap.of(inner), {}, parsed)
    entities.#checkAcyclic(entities.nodes())
    return entities
  }

  /** A store with these entities put and removed. Throws as `fromJson`; the store itself never changes. */
  with(change: EntityChange): Entities {
    const list = parents()
    const nodes = readEntities(change.put ?? [], this.schema, list)
    let types = this.#types
    let inner = this.#inner
    let hierarchy = this.#hierarchy
    let size = this.size
    const store = (ref: EntityRef, node: EntityNode | undefined): void => {
      const table = types.get(ref.type) ?? PersistentMap.of(new Map<string, EntityNode>())
      const before = table.get(ref.id)
      if (!hasSameParents(before, node) && inner.get(ref.key) !== undefined) hierarchy = {}
      size += (node === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
      types = types.with(ref.type, table.with(ref.id, node))
    }
    for (const uid of change.remove ?? []) store(readUid(uid), undefined)
    for (const node of nodes) {
      for (const parent of node.parents.refs) {
        const key = parent.key
        if (inner.get(key) === undefined) inner = inner.with(key, true)
      }
      store(node.ref, node)
    }
    const entities = new Entities(size, types, inner, hierarchy, this.schema)
    entities.#checkAcyclic(nodes)
    return entities
  }

  has(uid: Uid): boolean {
    return this.find(uid) !== undefined
  }

  find(uid: Uid): EntityNode | undefined {
    return this.#types.get(uid.type)?.get(uid.id)
  }

  /**
   * Every way in which the entities are not what their schema says: attributes that are missing or too many, values of
   * another type, tags, parents. Decisions do not need it, for policies ask what is there; it is for whoever takes in
   * entities of others. Without a schema there is nothing to say.
   */
  problems(): readonly Problem[] {
    const { schema } = this
    if (schema === undefined) return []
    return [...this.nodes()].flatMap((node) =>
      conformanceProblems(node, schema).map(
        (message): Problem => ({
          severity: 'error',
          message: `\`${uidText(node.ref)}\`: ${message}`,
        }),
      ),
    )
  }

  /** The ancestors of an entity of this store. */
  lineage(node: EntityNode): Lineage {
    return lineageOf(node.parents, this.#hierarchy, this)
  }

  /** Every entity, or every one of a type. */
  *nodes(type?: string): IterableIterator<EntityNode> {
    const tables = type === undefined ? [...this.#types].map(([, table]) => table) : [this.#types.get(type)]
    for (const table of tables) if (table !== undefined) for (const [, node] of table) yield node
  }

  /** The names of all entities of a type, and of these more, in the order of their ids. */
  *uidsOf(type: string, more: Iterable<string> = []): IterableIterator<Uid> {
    const table = this.#types.get(type)
    const known = table === undefined ? [] : (sortedIds.get(table) ?? [...table].map(([id]) => id).sort())
    if (table !== undefined) sortedIds.set(table, known)
    const missing = [...more].filter((id) => table?.get(id) === undefined)
    for (const id of missing.length === 0 ? known : [...known, ...missing].sort()) yield { type, id }
  }

  #checkAcyclic(nodes: Iterable<EntityNode>): void {
    const inner: EntityNode[] = []
    for (const node of nodes) {
      if (node.parents.refs.length > 0 && this.#inner.get(node.ref.key) !== undefined) inner.push(node)
    }
    const cycle = findCycle(inner, this)
    if (cycle !== undefined) throw invalid(`a cycle of parents: ${cycle.map(uidText).join(' in ')}`)
  }
}

// Pages of one search, and searches of one type, ask for the same order again and again.
const sortedIds = new WeakMap<TypeTable, readonly string[]>()

/** Entities with the same parents share one list, and with it the ancestors found for it. */
function parents(): (refs: readonly EntityRef[]) => ParentList {
  const known = new Map<string, ParentList>()
  return (refs) => {
    const key = refs.map((ref) => ref.key).join()
    const list = known.get(key) ?? { refs, hierarchy: undefined, lineage: undefined }
    known.set(key, list)
    return list
  }
}

/** Throws `entities_invalid` with all that is wrong with any of them. */
function readEntities(
  json: string | readonly EntityJson[],
  schema: Schema | undefined,
  list: (refs: readonly EntityRef[]) => ParentList,
): readonly EntityNode[] {
  const nodes: EntityNode[] = []
  const problems: Problem[] = []
  for (const entity of listOf(json)) {
    try {
      nodes.push(readEntity(entity, schema, list))
    } catch (error) {
      if (!(error instanceof CedarError)) throw error
      problems.push({ severity: 'error', message: error.publicMessage })
    }
  }
  if (problems.length > 0) throw errorOf('entities_invalid', problems)
  return nodes
}

function listOf(json: string | readonly EntityJson[]): readonly EntityJson[] {
  // Text is checked entity by entity, as are lists, which come from callers that have no compiler.
  const list = (typeof json === 'string' ? parseJson(json) : json) as readonly EntityJson[]
  if (!Array.isArray(list)) throw invalid('entities are a list')
  return list
}

const KEYS: ReadonlySet<string> = new Set(['uid', 'attrs', 'parents', 'tags'])

function readEntity(
  json: EntityJson,
  schema: Schema | undefined,
  list: (refs: readonly EntityRef[]) => ParentList,
): EntityNode {
  if (typeof json !== 'object' || json === null) throw invalid('an entity is an object')
  const ref = readUid(json.uid)
  try {
    for (const key of Object.keys(json)) if (!KEYS.has(key)) throw invalid(`unknown key \`${key}\``)
    const type = schema?.entityTypes.get(ref.type)
    if (type?.ids !== undefined && !type.ids.has(ref.id)) throw invalid('the schema has no such entity')
    if (json.parents !== undefined && !Array.isArray(json.parents)) throw invalid('`parents` are a list')
    const refs = distinct((json.parents ?? []).map(readUid))
    return {
      ref,
      attributes: readFields(recordOf(json.attrs), (name) => type?.attributes[name]),
      tags: json.tags === undefined ? undefined : readFields(recordOf(json.tags), () => type?.tags),
      parents: list(refs),
    }
  } catch (error) {
    if (error instanceof CedarError) throw invalid(`\`${uidText(ref)}\`: ${error.publicMessage}`)
    throw error
  }
}

const NO_FIELDS: { readonly [name: string]: ValueJson } = {}

function recordOf(json: { readonly [name: string]: ValueJson } | undefined): { readonly [name: string]: ValueJson } {
  if (json === undefined) return NO_FIELDS
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('attributes and tags are records')
  return json
}

function distinct(refs: readonly EntityRef[]): readonly EntityRef[] {
  if (refs.length < 2) return refs
  const byText = new Map(refs.map((ref) => [ref.key, ref]))
  return byText.size === refs.length ? refs : [...byText.values()]
}

function hasSameParents(a: EntityNode | undefined, b: EntityNode | undefined): boolean {
  const [left, right] = [a?.parents.refs ?? [], b?.parents.refs ?? []]
  return left.length === right.length && left.every((ref, index) => isEqual(ref, right[index] ?? false))
}

function isSameEntity(a: EntityNode, b: EntityNode): boolean {
  return hasSameParents(a, b) && hasSameBag(a.attributes, b.attributes) && hasSameBag(a.tags, b.tags)
}

function hasSameBag(a: Bag<Value> | undefined, b: Bag<Value> | undefined): boolean {
  const names = Object.keys(a ?? {})
  if (names.length !== Object.keys(b ?? {}).length) return false
  return names.every((name) => {
    const [left, right] = [a?.[name], b?.[name]]
    return left !== undefined && right !== undefined && isEqual(left, right)
  })
}

function invalid(message: string): CedarError {
  return new CedarError('entities_invalid', message)
}
