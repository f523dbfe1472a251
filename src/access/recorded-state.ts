import { hash } from 'node:crypto'
import type { EntityJson } from '../cedar/index.ts'
import type { Json, PrincipalRef } from '../kernel/index.ts'
import type { EntityRef } from './question.ts'
import type { RoleGrant } from './roles.ts'

/** What a decision was made on besides its facts, for the record of it: enough to decide again later. */
export interface RecordedState {
  /** By principal of the chain: its attributes (level, status), what it belongs to, and its roles with their limits. */
  readonly permissions: { readonly [principal: string]: Json }
  /** Attributes of the resource (version or digest, classification, availability); left out where none are known. */
  readonly resourceState?: { readonly [name: string]: Json }
}

export interface StateSource {
  /** Changes whenever an entity does. */
  readonly entitiesVersion: () => unknown
  /** Changes whenever somebody has other roles. */
  readonly rolesVersion: () => unknown
  readonly entity: (uid: EntityRef) => EntityJson | undefined
  readonly grantsOf: (assignee: EntityRef) => readonly RoleGrant[]
}

/** Reads that state out of memory. What has not changed is the same object again: on the hot path nothing is built. */
export function recordedStates(
  source: StateSource,
): (chain: readonly PrincipalRef[], resource: EntityRef) => RecordedState {
  let versions: readonly [unknown, unknown] = [undefined, undefined]
  let standings = new Map<string, Json>()
  let states = new Map<string, { readonly [name: string]: Json } | undefined>()

  const checkVersions = (): void => {
    const [entities, roles] = [source.entitiesVersion(), source.rolesVersion()]
    if (versions[0] === entities && versions[1] === roles && standings.size + states.size < MOST_KEPT) return
    versions = [entities, roles]
    standings = new Map()
    states = new Map()
  }
  return (chain, resource) => {
    checkVersions()
    const permissions: Record<string, Json> = {}
    for (const { kind, id } of chain) {
      const key = `${kind}::${id}`
      let standing = standings.get(key)
      if (standing === undefined) {
        standing = standingOf({ type: kind, id }, source)
        standings.set(key, standing)
      }
      permissions[key] = standing
    }
    const key = `${resource.type}::${resource.id}`
    let resourceState = states.get(key)
    if (resourceState === undefined && !states.has(key)) {
      resourceState = stateOf(source.entity(resource))
      states.set(key, resourceState)
    }
    return resourceState === undefined ? { permissions } : { permissions, resourceState }
  }
}

const MOST_KEPT = 20_000
// The tenant of the record, and the roles.
const SAID_OTHERWISE: ReadonlySet<string> = new Set(['Tenant', 'Role'])
// A resource may say more of itself than a record should; its digest still tells two states apart.
const MOST_TEXT = 2048

function standingOf(uid: EntityRef, source: StateSource): Json {
  const within = ancestorsOf(uid, source)
  const roles = [uid, ...within].flatMap((one) => source.grantsOf(one)).map(roleText)
  // Whoever is named here would have to be forgotten with the record; people of the chain are, a sponsor is not.
  const { name: _name, sponsor: _sponsor, ...own } = source.entity(uid)?.attrs ?? {}
  const attributes = bounded(own)
  const places = within.filter(({ type }) => !SAID_OTHERWISE.has(type)).map(nameOf)
  return {
    ...attributes,
    ...(places.length === 0 ? {} : { in: places }),
    ...(roles.length === 0 ? {} : { roles }),
  }
}

function ancestorsOf(uid: EntityRef, source: StateSource): readonly EntityRef[] {
  const found = new Map<string, EntityRef>()
  const open = [uid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const parent of source.entity(next)?.parents ?? []) {
      const ref = '__entity' in parent ? parent.__entity : parent
      if (found.has(nameOf(ref))) continue
      found.set(nameOf(ref), ref)
      open.push(ref)
    }
  }
  return [...found.values()]
}

function stateOf(entity: EntityJson | undefined): { readonly [name: string]: Json } | undefined {
  const state = bounded(entity?.attrs)
  return Object.keys(state).length === 0 ? undefined : state
}

function bounded(attributes: EntityJson['attrs'] | undefined): { readonly [name: string]: Json } {
  const text = JSON.stringify(attributes ?? {})
  // Parsed from JSON, which entities are.
  if (text.length <= MOST_TEXT) return JSON.parse(text) as { readonly [name: string]: Json }
  return { digest: `sha256:${hash('sha256', text, 'hex')}` }
}

/** `auditor`, `auditor on Project::churn`, `auditor until 1795000000000`. */
function roleText({ role, on, until }: RoleGrant): string {
  const place = on === undefined ? '' : ` on ${nameOf(on)}`
  return `${role}${place}${until === undefined ? '' : ` until ${until}`}`
}

function nameOf({ type, id }: EntityRef): string {
  return `${type}::${id}`
}
