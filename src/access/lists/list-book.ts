import type { Entities, Uid } from '../../cedar/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'
import { countryOf } from '../country.ts'
import type { EntityRef, Reason } from '../question.ts'
import { type Address, parseAddress, parseNetwork } from './address.ts'
import {
  DIMENSIONS,
  type Dimension,
  isAlive,
  type ListEntry,
  type ListScope,
  resourceNamed,
  scopeText,
} from './list-entry.ts'
import { NetworkTable } from './network-table.ts'

/** A request, as lists look at it. */
export interface ListedRequest {
  readonly chain: readonly PrincipalRef[]
  readonly action: Uid
  readonly resource: Uid
  readonly entities: Entities
  /** The caller's IP address, where the edge knows it. */
  readonly address: string | undefined
  /** Where the question is what could be allowed: an address that nobody knows may be the right one. */
  readonly isLenient?: boolean
}

/** The lists of one tenant, in memory. What is put is seen by the next decision. */
export interface ListBook {
  /** Why lists refuse a request; empty where they do not. INVARIANT: entries only ever add refusals. */
  refusals(request: ListedRequest, now: number): readonly Reason[]
  put(entries: Iterable<ListEntry>): void
  remove(ids: Iterable<string>): void
  get(id: string): ListEntry | undefined
  /** In the order in which they were added. */
  entries(): Iterable<ListEntry>
  readonly size: number
  /** Another one after each change. */
  readonly version: number
}

/** `onChange` is told what the next decision sees: the entry, or that there is none of this id any more. */
export function listBook(
  onChange: (changes: () => readonly { readonly id: string; readonly entry: ListEntry | undefined }[]) => void = () =>
    undefined,
): ListBook {
  const byId = new Map<string, ListEntry>()
  const shelves = new Map<string, Shelf>()
  let version = 0
  const drop = (id: string): void => {
    const entry = byId.get(id)
    if (entry === undefined) return
    byId.delete(id)
    const key = shelfKey(entry)
    const shelf = shelves.get(key)
    shelf?.remove(entry)
    if (shelf?.isEmpty === true) shelves.delete(key)
  }
  return {
    refusals: (request, now) => (shelves.size === 0 ? NONE : refusalsOf(request, shelves.values(), now)),
    put(given) {
      version++
      const entries = [...given]
      for (const entry of entries) {
        drop(entry.id)
        byId.set(entry.id, entry)
        const key = shelfKey(entry)
        const shelf = shelves.get(key) ?? new Shelf(entry)
        shelves.set(key, shelf)
        shelf.add(entry)
      }
      if (entries.length > 0) onChange(() => entries.map((entry) => ({ id: entry.id, entry })))
    },
    remove(given) {
      version++
      const ids = [...given].filter((id) => byId.has(id))
      for (const id of ids) drop(id)
      if (ids.length > 0) onChange(() => ids.map((id) => ({ id, entry: undefined })))
    },
    get: (id) => byId.get(id),
    entries: () => byId.values(),
    get size() {
      return byId.size
    },
    get version() {
      return version
    },
  }
}

const NONE: readonly Reason[] = Object.freeze([])
/** Reasons that are given; more entries may match. */
const MOST_REASONS = 10

function refusalsOf(request: ListedRequest, shelves: Iterable<Shelf>, now: number): readonly Reason[] {
  const reasons: Reason[] = []
  const seen = lookAt(request)
  for (const shelf of shelves) {
    if (!isConcerned(shelf.scope, seen)) continue
    if (shelf.list === 'deny') for (const reason of denials(shelf, seen, now)) reasons.push(reason)
    // INVARIANT: a list can always be corrected by those who may, or a mistake in it would be for ever.
    else if (!LISTS_THEMSELVES.has(request.action.id)) reasons.push(...absences(shelf, seen, now))
    if (reasons.length >= MOST_REASONS) break
  }
  return reasons.length > MOST_REASONS ? reasons.slice(0, MOST_REASONS) : reasons
}

export const LISTS_THEMSELVES: ReadonlySet<string> = new Set(['list:read', 'list:change'])

/** What entries are compared with; found once, and only when an entry asks. */
interface Seen extends ListedRequest {
  readonly resourceKeys: () => readonly string[]
  readonly groupKeys: (link: PrincipalRef) => readonly string[]
  readonly place: () => { readonly address: Address; readonly country: string | undefined } | undefined
  readonly isAdministration: () => boolean
}

function lookAt(request: ListedRequest): Seen {
  const { resource, action, entities, address } = request
  let resourceKeys: readonly string[] | undefined
  let place: ReturnType<Seen['place']>
  let isPlaced = false
  return {
    ...request,
    resourceKeys: () => {
      resourceKeys ??= [keyOf(resource), ...ancestorsOf(resource, entities)]
      return resourceKeys
    },
    groupKeys: (link) => ancestorsOf({ type: link.kind, id: link.id }, entities),
    place: () => {
      if (!isPlaced) place = placeOf(address)
      isPlaced = true
      return place
    },
    isAdministration: () => isIn(action, 'admin', entities),
  }
}

function placeOf(text: string | undefined): ReturnType<Seen['place']> {
  const address = text === undefined ? undefined : parseAddress(text)
  if (address === undefined) return undefined
  const [word = 0] = address.words
  const ipv4 = [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.')
  return { address, country: address.family === 4 ? countryOf(ipv4) : undefined }
}

function isConcerned({ project, actions }: ListScope, seen: Seen): boolean {
  if (project !== undefined && !seen.resourceKeys().includes(keyOf({ type: 'Project', id: project }))) return false
  return actions === undefined || isIn(seen.action, actions, seen.entities)
}

function* denials(shelf: Shelf, seen: Seen, now: number): Iterable<Reason> {
  for (const link of seen.chain) {
    for (const entry of shelf.ofPrincipal(link, seen)) if (isAlive(entry, now)) yield denial(entry, entityOf(link))
  }
  const caller = callerOf(seen)
  for (const entry of shelf.ofResource(seen)) if (isAlive(entry, now)) yield denial(entry, caller)
  for (const entry of shelf.ofNetwork(seen)) if (isAlive(entry, now)) yield denial(entry, caller)
}

/** An allow list whose entries have all ended lets nothing through: it is there until its last entry is removed. */
function* absences(shelf: Shelf, seen: Seen, now: number): Iterable<Reason> {
  if (shelf.has('principal')) {
    for (const link of seen.chain) {
      if (!some(shelf.ofPrincipal(link, seen), (entry) => isAlive(entry, now))) {
        yield absence(shelf, 'principal', entityOf(link))
      }
    }
  }
  const caller = callerOf(seen)
  for (const dimension of ['resource', 'tool', 'model'] as const) {
    if (!shelf.has(dimension) || !concerns(dimension, seen)) continue
    const isOn = (entry: ListEntry) => DIMENSIONS[entry.target.kind] === dimension && isAlive(entry, now)
    if (!some(shelf.ofResource(seen), isOn)) yield absence(shelf, dimension, caller)
  }
  if (shelf.has('network') && !(seen.isLenient === true && seen.place() === undefined)) {
    if (!some(shelf.ofNetwork(seen), (entry) => isAlive(entry, now))) yield absence(shelf, 'network', caller)
  }
}

function concerns(dimension: 'resource' | 'tool' | 'model', seen: Seen): boolean {
  if (dimension === 'resource') return !seen.isAdministration()
  return dimension === 'tool' ? seen.resource.type === 'Tool' : MODEL_TYPES.has(seen.resource.type)
}

export const MODEL_TYPES: ReadonlySet<string> = new Set(['Model', 'ModelVersion', 'Weights'])

const NOUNS: Readonly<Record<Dimension, string>> = {
  principal: 'the principal',
  resource: 'the resource',
  tool: 'the tool',
  model: 'the model',
  network: 'the network',
}

function denial({ id, target, reason }: ListEntry, principal: EntityRef): Reason {
  const title = `${NOUNS[DIMENSIONS[target.kind]]} is on a deny list`
  return { policy: `list/deny/${id}`, principal, title, ...(reason === '' ? {} : { why: reason }) }
}

function absence({ scope }: Shelf, dimension: Dimension, principal: EntityRef): Reason {
  const where = scopeText(scope)
  const policy = `list/allow/${dimension}${where === '' ? '' : ` of ${where}`}`
  return { policy, principal, title: `${NOUNS[dimension]} is not on the allow list` }
}

/** The entries of one list with one scope. */
class Shelf {
  readonly list: ListEntry['list']
  readonly scope: ListScope
  readonly #principals = new Map<string, ListEntry[]>()
  readonly #groups = new Map<string, ListEntry[]>()
  readonly #resources = new Map<string, ListEntry[]>()
  readonly #countries = new Map<string, ListEntry[]>()
  readonly #networks = new NetworkTable<ListEntry>()
  readonly #counts = new Map<Dimension, number>()

  constructor({ list, scope }: ListEntry) {
    this.list = list
    this.scope = scope
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  /** Whether there are entries of this dimension, ended ones among them. */
  has(dimension: Dimension): boolean {
    return this.#counts.has(dimension)
  }

  add(entry: ListEntry): void {
    const dimension = DIMENSIONS[entry.target.kind]
    this.#counts.set(dimension, (this.#counts.get(dimension) ?? 0) + 1)
    const place = this.#placeOf(entry)
    if ('network' in place) this.#networks.add(place.network, entry)
    else {
      const entries = place.map.get(place.key)
      if (entries === undefined) place.map.set(place.key, [entry])
      else entries.push(entry)
    }
  }

  remove(entry: ListEntry): void {
    const dimension = DIMENSIONS[entry.target.kind]
    const left = (this.#counts.get(dimension) ?? 0) - 1
    if (left > 0) this.#counts.set(dimension, left)
    else this.#counts.delete(dimension)
    const place = this.#placeOf(entry)
    if ('network' in place) this.#networks.remove(place.network, entry)
    else {
      const entries = place.map.get(place.key)?.filter((one) => one !== entry) ?? []
      if (entries.length > 0) place.map.set(place.key, entries)
      else place.map.delete(place.key)
    }
  }

  *ofPrincipal(link: PrincipalRef, seen: Seen): Iterable<ListEntry> {
    yield* this.#principals.get(link.id) ?? NO_ENTRIES
    if (this.#groups.size === 0) return
    for (const key of seen.groupKeys(link)) yield* this.#groups.get(key) ?? NO_ENTRIES
  }

  *ofResource(seen: Seen): Iterable<ListEntry> {
    if (this.#resources.size === 0) return
    for (const key of seen.resourceKeys()) yield* this.#resources.get(key) ?? NO_ENTRIES
  }

  *ofNetwork(seen: Seen): Iterable<ListEntry> {
    if (!this.has('network')) return
    const place = seen.place()
    if (place === undefined) return
    yield* this.#networks.find(place.address)
    if (place.country !== undefined) yield* this.#countries.get(place.country) ?? NO_ENTRIES
  }

  #placeOf({ target: { kind, value } }: ListEntry): Place {
    switch (kind) {
      case 'principal':
        return { map: this.#principals, key: value }
      case 'group':
        return { map: this.#groups, key: keyOf({ type: 'Group', id: value }) }
      case 'agent-type':
        return { map: this.#groups, key: keyOf({ type: 'AgentType', id: value }) }
      case 'country':
        return { map: this.#countries, key: value }
      case 'network': {
        const network = parseNetwork(value)
        if (typeof network === 'string') throw new TypeError(`an entry that was never checked: ${network}`)
        return { network }
      }
      case 'model':
        return { map: this.#resources, key: keyOf({ type: 'Model', id: value }) }
      case 'tool':
        // A name without a tool is the server: all of its tools.
        return { map: this.#resources, key: keyOf({ type: value.includes('/') ? 'Tool' : 'ToolServer', id: value }) }
      case 'resource':
        return { map: this.#resources, key: keyOf(resourceNamed(value)) }
    }
  }
}

type Place =
  | { readonly map: Map<string, ListEntry[]>; readonly key: string }
  | { readonly network: Exclude<ReturnType<typeof parseNetwork>, string> }

const NO_ENTRIES: readonly ListEntry[] = Object.freeze([])

function shelfKey({ list, scope }: ListEntry): string {
  return `${list} ${JSON.stringify([scope.project ?? null, scope.actions ?? null])}`
}

function keyOf({ type, id }: Uid): string {
  return `${type}::${id}`
}

function ancestorsOf(uid: Uid, entities: Entities): readonly string[] {
  const node = entities.find(uid)
  return node === undefined ? [] : entities.lineage(node).refs.map(keyOf)
}

function isIn(action: Uid, id: string, entities: Entities): boolean {
  if (action.id === id) return true
  const node = entities.find(action)
  return node !== undefined && entities.lineage(node).has({ type: 'Action', id })
}

function callerOf({ chain }: ListedRequest): EntityRef {
  const [first] = chain
  return first === undefined ? { type: 'User', id: '' } : entityOf(first)
}

function entityOf({ kind, id }: PrincipalRef): EntityRef {
  return { type: kind, id }
}

function some(entries: Iterable<ListEntry>, isOn: (entry: ListEntry) => boolean): boolean {
  for (const entry of entries) if (isOn(entry)) return true
  return false
}
