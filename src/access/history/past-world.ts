import type { EntityJson } from '../../cedar/index.ts'
import { type EntityIndex, entityIndex } from '../entity-index.ts'
import { type ListBook, listBook } from '../lists/list-book.ts'
import type { ListEntry } from '../lists/list-entry.ts'
import type { PolicySet } from '../policy-set.ts'
import { changeRoles, type RoleGrant, type RoleMaking } from '../roles.ts'
import type { WorldTimeline } from './world-timeline.ts'
import { DECLARED, parseWorldKey, type WorldKey } from './world-versions.ts'

/** What decisions looked at in one state, for policies of one schema. */
export interface World {
  readonly entities: EntityIndex
  readonly lists: ListBook
}

/**
 * Goes through the states of a timeline, forwards and backwards: what it costs depends on what lies between one state
 * and the next that is asked for. INVARIANT: what it gives holds until it is asked for another state.
 */
export class PastWorld {
  readonly #timeline: WorldTimeline
  readonly #tenant: string
  readonly #lists = listBook()
  #listsAt: number | undefined
  readonly #entities = new Map<string, { readonly index: EntityIndex; at: number | undefined }>()
  readonly #sets = new Map<PolicySet, { linked: PolicySet; at: number | undefined }>()

  constructor(timeline: WorldTimeline, tenant: string) {
    this.#timeline = timeline
    this.#tenant = tenant
  }

  /** Throws `CedarError` where what there was does not fit the schema. */
  at(version: number, schema: string): World {
    return { entities: this.#entitiesAt(version, schema), lists: this.#listsIn(version) }
  }

  /** The set, which has no roles, with those that people had. Throws `policies_invalid` where they do not fit. */
  setAt(version: number, set: PolicySet): PolicySet {
    const known = this.#sets.get(set) ?? { linked: set, at: undefined }
    if (known.at === version) return known.linked
    const changed = this.#changed(known.at, version)
    const declared = this.#declaredAt(version)
    const isOther = changed.some(({ key }) => key.kind === 'declared')
    // Where other roles are declared, every grant may mean something else.
    const from = isOther ? set : known.linked
    const whose = isOther ? this.#changed(undefined, version) : changed
    const changes = whose.flatMap(({ key, text }) =>
      key.kind === 'roles' ? [{ assignee: key.assignee, grants: this.#grantsAt(key.assignee, text, version) }] : [],
    )
    const making: RoleMaking = { tenant: this.#tenant, declared, validation: VALIDATED }
    known.linked = changes.length === 0 ? from : changeRoles(from, changes, making)
    known.at = version
    this.#sets.set(set, known)
    return known.linked
  }

  #entitiesAt(version: number, schema: string): EntityIndex {
    const known = this.#entities.get(schema) ?? { index: entityIndex(schema), at: undefined }
    if (known.at === version) return known.index
    const bySource = new Map<string, { put: { entity: EntityJson }[]; remove: { type: string; id: string }[] }>()
    for (const { key, text } of this.#changed(known.at, version)) {
      if (key.kind !== 'entity') continue
      const change = bySource.get(key.source) ?? { put: [], remove: [] }
      bySource.set(key.source, change)
      const value = this.#timeline.valueAt(text, version)
      if (value === undefined) change.remove.push(key.uid)
      // Kept from an entity that the policy engine has read.
      else change.put.push({ entity: JSON.parse(value) as EntityJson })
    }
    this.#entities.delete(schema)
    for (const [source, change] of bySource) known.index.change(source, change)
    known.at = version
    this.#entities.set(schema, known)
    return known.index
  }

  #listsIn(version: number): ListBook {
    if (this.#listsAt === version) return this.#lists
    for (const { key, text } of this.#changed(this.#listsAt, version)) {
      if (key.kind !== 'list') continue
      const value = this.#timeline.valueAt(text, version)
      if (value === undefined) this.#lists.remove([key.id])
      else this.#lists.put([entryOf(key.id, value)])
    }
    this.#listsAt = version
    return this.#lists
  }

  #declaredAt(version: number): ReadonlySet<string> {
    const value = this.#timeline.valueAt(DECLARED, version)
    // Kept from a set of names.
    return new Set(value === undefined ? [] : (JSON.parse(value) as readonly string[]))
  }

  #grantsAt(assignee: { readonly type: string; readonly id: string }, key: string, version: number): RoleGrant[] {
    const value = this.#timeline.valueAt(key, version)
    if (value === undefined) return []
    // Kept from grants.
    const held = JSON.parse(value) as readonly (Pick<RoleGrant, 'role'> & Partial<RoleGrant>)[]
    return held.map(({ role, on, until }) => ({ role, assignee, on, until }))
  }

  #changed(from: number | undefined, to: number): readonly { readonly key: WorldKey; readonly text: string }[] {
    if (from === to) return []
    return [...this.#timeline.changedBetween(from, to)].flatMap((text) => {
      const key = parseWorldKey(text)
      return key === undefined ? [] : [{ key, text }]
    })
  }
}

/** They were, when they were given. */
const VALIDATED: RoleMaking['validation'] = {
  validate: async () => undefined,
  validateNow: () => undefined,
  validateLinks: () => undefined,
  keepOnly: () => undefined,
}

function entryOf(id: string, value: string): ListEntry {
  // Kept from an entry, without what does not decide.
  const { list, target, scope, until } = JSON.parse(value) as Pick<ListEntry, 'list' | 'target' | 'scope'> & {
    readonly until?: number
  }
  return { id, list, target, scope, until, reason: '', source: '', addedBy: '', addedAt: 0 }
}
