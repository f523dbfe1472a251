import type { EntityNode } from './entities.ts'
import type { Uid } from './uid.ts'
import type { EntityRef } from './value.ts'

/** The parents of one or many entities, with the ancestors that were found for them. */
export interface ParentList {
  readonly refs: readonly EntityRef[]
  /** INVARIANT: `lineage` is right for every store that has this hierarchy. */
  hierarchy: object | undefined
  lineage: Lineage | undefined
}

/** All ancestors of an entity, each once. */
export class Lineage {
  readonly refs: readonly EntityRef[]
  #byType: Map<string, Set<string>> | undefined

  constructor(refs: readonly EntityRef[]) {
    this.refs = refs
  }

  has(uid: Uid): boolean {
    if (this.refs.length > 8) return this.#table().get(uid.type)?.has(uid.id) === true
    for (const ref of this.refs) if (ref.id === uid.id && ref.type === uid.type) return true
    return false
  }

  #table(): Map<string, Set<string>> {
    if (this.#byType !== undefined) return this.#byType
    const table = new Map<string, Set<string>>()
    for (const { type, id } of this.refs) {
      const ids = table.get(type)
      if (ids === undefined) table.set(type, new Set([id]))
      else ids.add(id)
    }
    this.#byType = table
    return table
  }
}

interface Store {
  find(uid: Uid): EntityNode | undefined
}

const NONE = new Lineage([])

/** Found at the first question and kept: a change higher up costs nothing until somebody asks. */
export function lineageOf(list: ParentList, hierarchy: object, store: Store): Lineage {
  if (list.refs.length === 0) return NONE
  if (list.lineage !== undefined && list.hierarchy === hierarchy) return list.lineage
  list.lineage = new Lineage(ancestorsOf(list.refs, store))
  list.hierarchy = hierarchy
  return list.lineage
}

function ancestorsOf(parents: readonly EntityRef[], store: Store): readonly EntityRef[] {
  const found = new Map<string, EntityRef>()
  const open = [...parents]
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    const key = ref.key
    if (found.has(key)) continue
    found.set(key, ref)
    const node = store.find(ref)
    if (node !== undefined) for (const parent of node.parents.refs) open.push(parent)
  }
  return [...found.values()]
}

/** The first cycle that can be reached from these entities, as `a, b, …, a`. */
export function findCycle(starts: readonly EntityNode[], store: Store): readonly EntityRef[] | undefined {
  const done = new Set<string>()
  for (const start of starts) {
    // Depth first without recursion: hierarchies may be deeper than the stack.
    const path: { node: EntityNode; key: string; next: number }[] = []
    const onPath = new Map<string, number>()
    const enter = (node: EntityNode, key: string): void => {
      onPath.set(key, path.length)
      path.push({ node, key, next: 0 })
    }
    const startKey = start.ref.key
    if (!done.has(startKey)) enter(start, startKey)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const parent = top.node.parents.refs[top.next++]
      if (parent === undefined) {
        done.add(top.key)
        onPath.delete(top.key)
        path.pop()
        continue
      }
      const key = parent.key
      const at = onPath.get(key)
      if (at !== undefined) return [...path.slice(at).map(({ node }) => node.ref), parent]
      const node = done.has(key) ? undefined : store.find(parent)
      if (node !== undefined) enter(node, key)
    }
  }
  return undefined
}
