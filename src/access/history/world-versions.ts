import type { ListEntry } from '../lists/list-entry.ts'
import type { RoleChange } from '../roles.ts'

/**
 * One thing that decisions look at in memory, and what it is from now on; without a value it is gone. Key and value are
 * JSON: keys are `["entity", source, type, id]`, `["roles", type, id]`, `["declared"]` and `["list", id]`.
 */
export interface WorldChange {
  readonly key: string
  readonly value: string | undefined
}

/** Told of every change, with the version that the world has from then on. INVARIANT: versions only grow. */
export type WorldListener = (version: number, changes: readonly WorldChange[]) => void

/** Counts the states of what decisions look at, beside policies' texts, counters and facts. */
export interface WorldVersions {
  /** Of the world as it is now; `undefined` as long as nobody keeps its states. */
  readonly version: number | undefined
  /** Tells of a change that is in force. `changes` is only asked where somebody listens. */
  note(changes: () => readonly WorldChange[]): void
  /** From now on states are counted, from this one. Returns how to note something that nobody else tells of. */
  keep(version: number, listener: WorldListener): (changes: readonly WorldChange[]) => void
}

export function worldVersions(): WorldVersions {
  let version: number | undefined
  let listener: WorldListener | undefined
  const note: WorldVersions['note'] = (changes) => {
    if (version === undefined || listener === undefined) return
    const all = changes()
    if (all.length === 0) return
    version += 1
    listener(version, all)
  }
  return {
    get version() {
      return version
    },
    note,
    keep(from, told) {
      version = from
      listener = told
      return (changes) => note(() => changes)
    },
  }
}

/** `text` is the entity as JSON. */
export function entityChange(
  source: string,
  uid: { readonly type: string; readonly id: string },
  text: string | undefined,
): WorldChange {
  return { key: JSON.stringify(['entity', source, uid.type, uid.id]), value: text }
}

export function rolesChange({ assignee, grants }: RoleChange): WorldChange {
  const key = JSON.stringify(['roles', assignee.type, assignee.id])
  if (grants.length === 0) return { key, value: undefined }
  const held = grants.map(({ role, on, until }) => ({
    role,
    ...(on === undefined ? {} : { on: { type: on.type, id: on.id } }),
    ...(until === undefined ? {} : { until }),
  }))
  return { key, value: JSON.stringify(held) }
}

export function declaredChange(declared: ReadonlySet<string>): WorldChange {
  return { key: DECLARED, value: JSON.stringify([...declared].sort()) }
}

/** INVARIANT: what does not decide is left out: who added an entry, and why. */
export function listChange({ id }: { readonly id: string }, entry: ListEntry | undefined): WorldChange {
  const key = JSON.stringify(['list', id])
  if (entry === undefined) return { key, value: undefined }
  const { list, target, scope, until } = entry
  return { key, value: JSON.stringify({ list, target, scope, ...(until === undefined ? {} : { until }) }) }
}

export const DECLARED = '["declared"]'

/** A key of a change, taken apart. */
export type WorldKey =
  | { readonly kind: 'entity'; readonly source: string; readonly uid: { readonly type: string; readonly id: string } }
  | { readonly kind: 'roles'; readonly assignee: { readonly type: string; readonly id: string } }
  | { readonly kind: 'list'; readonly id: string }
  | { readonly kind: 'declared' }

/** `undefined` for what is none. */
export function parseWorldKey(key: string): WorldKey | undefined {
  const [kind, a, b, c] = textsIn(key)
  if (kind === 'entity' && a !== undefined && b !== undefined && c !== undefined) {
    return { kind, source: a, uid: { type: b, id: c } }
  }
  if (kind === 'roles' && a !== undefined && b !== undefined) return { kind, assignee: { type: a, id: b } }
  if (kind === 'list' && a !== undefined) return { kind, id: a }
  return kind === 'declared' ? { kind } : undefined
}

function textsIn(key: string): readonly string[] {
  const parts: unknown = JSON.parse(key)
  return Array.isArray(parts) ? parts.filter((part) => typeof part === 'string') : []
}
