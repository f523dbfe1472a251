import type { EntityNode } from './entities.ts'
import type { Uid } from './uid.ts'
import { EntityRef } from './value.ts'

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
  /** The hash of each: most questions are answered by these alone, without a look at the names. */
  readonly hashes: readonly number[]
  #keys: ReadonlySet<string> | undefined

  constructor(refs: readonly EntityRef[]) {
    this.refs = refs
    this.hashes = refs.map(({ hash }) => hash)
  }

  has(uid: Uid): boolean {
    const ref = uid instanceof EntityRef ? uid : new EntityRef(uid.type, uid.id)
    return this.includes(ref, ref.hash)
  }

  /** The same, for who knows the hash. */
  includes(ref: EntityRef, hash: number): boolean {
    const { hashes } = this
    if (hashes.length > SMALL) {
      this.#keys ??= new Set(this.refs.map(({ key }) => key))
      return this.#keys.has(ref.key)
    }
    for (let i = 0; i < hashes.length; i++) if (hashes[i] === hash && this.refs[i]?.key === ref.key) return true
    return false
  }
}

const SMALL = 16

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
