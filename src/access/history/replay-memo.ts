import type { Entities } from '../../cedar/index.ts'
import type { Json, Mandate } from '../../kernel/index.ts'
import { parseAddress, parseNetwork } from '../lists/address.ts'
import type { ListEntry } from '../lists/list-entry.ts'
import { NetworkTable } from '../lists/network-table.ts'
import type { PolicySet } from '../policy-set.ts'
import type { World } from './past-world.ts'
import type { ContextRead } from './policy-reads.ts'
import type { RecordedDecision } from './recorded-decision.ts'
import type { Replayed } from './replay-decision.ts'

/**
 * Remembers what came of decisions in which everything was the same that anything could look at: who asked, for what, with
 * which mandate and arguments, and of the facts those that policies about this action read. INVARIANT: it changes how long
 * it takes, never what comes out.
 */
export class ReplayMemo {
  readonly #reads = new Map<string, Reads>()
  #of: { readonly set: PolicySet; readonly was: PolicySet | undefined; readonly state: number | undefined } | undefined
  #world: Ends | undefined
  #known = new Map<string, Replayed>()

  /** `undefined` where a decision may be like no other. */
  keyOf(
    recorded: RecordedDecision,
    under: { readonly set: PolicySet; readonly was: PolicySet | undefined; readonly world: World },
    now: number,
  ): string | undefined {
    const { entities, attributes, approval, withheld, chain, action, resource, mandate, context } = recorded
    if (entities !== undefined || attributes !== undefined || approval !== undefined || withheld === 'limit') {
      return undefined
    }
    // Whoever asks may name anything; a line break would look like the end of a part of the key.
    if (`${action} ${resource.type} ${resource.id}`.includes('\n') || chain.some(({ id }) => id.includes('\n'))) {
      return undefined
    }
    const world = this.#enter(recorded.state, under)
    const reads = this.#readsOf(action, under.set, under.world.entities.with(undefined))
    if (reads === undefined) return undefined
    let key = `${action}\n${resource.type}\n${resource.id}\n${recorded.decision === 'allow' ? 1 : 0}`
    if (recorded.isListing) key += 'l'
    for (const { kind, id } of chain) key += `\n${kind}\n${id}`
    key += `\n\n${endsBefore(world.moments, now)}`
    if (world.networks !== undefined) key += `\n${world.networks(context.network)}`
    for (let one = mandate; one !== undefined; one = one.within) key += `\n${mandateText(one)}${now >= one.expiresAt}`
    for (const path of reads.paths) key += `\n${textAt(context, path)}`
    for (const path of reads.presence) key += valueAt(context, path) === undefined ? '-' : '+'
    if (recorded.arguments !== undefined) key += `\n${JSON.stringify(recorded.arguments)}`
    return key
  }

  get(key: string): Replayed | undefined {
    return this.#known.get(key)
  }

  set(key: string, replayed: Replayed): void {
    if (this.#known.size >= MOST_KEPT) this.#known.clear()
    this.#known.set(key, replayed)
  }

  /** INVARIANT: what is known is of one state, and of one set in it. */
  #enter(
    state: number | undefined,
    { set, was, world }: { readonly set: PolicySet; readonly was: PolicySet | undefined; readonly world: World },
  ): Ends {
    const of = this.#of
    if (this.#world !== undefined && of?.set === set && of.was === was && of.state === state) return this.#world
    this.#known = new Map()
    if (of?.set.reads !== set.reads) this.#reads.clear()
    this.#of = { set, was, state }
    this.#world = endsOf(set, world)
    return this.#world
  }

  #readsOf(action: string, set: PolicySet, entities: Entities): Reads {
    if (this.#reads.has(action)) return this.#reads.get(action)
    const reads = readsOf(action, set, entities)
    this.#reads.set(action, reads)
    return reads
  }
}

const MOST_KEPT = 100_000

/** `undefined` where policies look at the context as a whole. */
type Reads = (Pick<ContextRead, 'presence'> & { readonly paths: readonly (readonly string[])[] }) | undefined

function readsOf(action: string, { reads, schema }: PolicySet, entities: Entities): Reads {
  const uid = schema.vocabulary.uidOf(action)
  const node = entities.find(uid)
  const lineage = node === undefined ? undefined : entities.lineage(node)
  const paths = new Map<string, readonly string[]>()
  const there = new Map<string, readonly string[]>()
  for (const { actions, paths: read, presence } of reads.context) {
    const isAbout =
      actions === undefined ||
      actions.some((one) => (one.type === uid.type && one.id === uid.id) || lineage?.has(one) === true)
    if (!isAbout) continue
    if (read === undefined) return undefined
    for (const path of read) paths.set(JSON.stringify(path), path)
    for (const path of presence) there.set(JSON.stringify(path), path)
  }
  return { paths: [...paths.values()], presence: [...there.values()] }
}

/** When something ends by the clock alone, and how it matters where somebody is. */
interface Ends {
  readonly moments: readonly number[]
  /** What lists say of networks, as far as it tells one address from another; `undefined` where they say nothing. */
  readonly networks: ((network: Json | undefined) => string) | undefined
}

function endsOf({ roles }: PolicySet, { lists }: World): Ends {
  const moments = new Set<number>()
  for (const [, end] of roles.ends) moments.add(end)
  const listed: ListEntry[] = []
  for (const entry of lists.entries()) {
    if (entry.until !== undefined) moments.add(entry.until)
    if (entry.target.kind === 'network' || entry.target.kind === 'country') listed.push(entry)
  }
  return {
    moments: [...moments].sort((a, b) => a - b),
    networks: listed.length === 0 ? undefined : listedIn(listed),
  }
}

function listedIn(entries: readonly ListEntry[]): (network: Json | undefined) => string {
  const table = new NetworkTable<ListEntry>()
  for (const entry of entries) {
    const network = entry.target.kind === 'network' ? parseNetwork(entry.target.value) : ''
    if (typeof network !== 'string') table.add(network, entry)
  }
  const byCountry = entries.some(({ target }) => target.kind === 'country')
  const known = new Map<string, string>()
  return (network) => {
    const { address, country } = objectIn(network)
    const { arg } = objectIn(objectIn(address).__extn)
    if (typeof arg !== 'string') return 'nowhere'
    const before = known.get(arg)
    if (before !== undefined) return before
    const parsed = parseAddress(arg)
    const found = parsed === undefined ? 'nowhere' : [...table.find(parsed)].map(({ id }) => id).join()
    const said = byCountry ? `${found} ${String(country)}` : found
    if (known.size < MOST_KEPT) known.set(arg, said)
    return said
  }
}

function endsBefore(moments: readonly number[], now: number): number {
  let [low, high] = [0, moments.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((moments[middle] ?? 0) <= now) low = middle + 1
    else high = middle
  }
  return low
}

type JsonObject = { readonly [name: string]: Json }

function objectIn(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : NOTHING
}

const NOTHING: JsonObject = Object.freeze({})

const mandates = new WeakMap<Mandate, string>()

function mandateText(mandate: Mandate): string {
  const known = mandates.get(mandate)
  if (known !== undefined) return known
  const { actions, resources } = mandate
  const text = JSON.stringify([actions, resources.map(({ type, id }) => [type, id])])
  mandates.set(mandate, text)
  return text
}

function valueAt(context: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = context
  for (const name of path) {
    const object = objectIn(value)
    value = Object.hasOwn(object, name) ? object[name] : undefined
  }
  return value
}

/** A fact as text; of what is not there, how far the way to it goes. */
function textAt(context: JsonObject, path: readonly string[]): string {
  let value: Json | undefined = context
  for (let depth = 0; depth < path.length; depth++) {
    const name = path[depth] ?? ''
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return `!${depth}`
    }
    value = objectIn(value)[name]
  }
  return typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'object'
      ? JSON.stringify(value)
      : `${value}`
}
