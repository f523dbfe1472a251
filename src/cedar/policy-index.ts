import { type CompiledPolicy, remainderAfter } from './compile-policy.ts'
import type { Test } from './frame.ts'
import type { Answer, IndexKey, Probe } from './index-key.ts'
import { PersistentMap } from './persistent-map.ts'
import type { SharedTests } from './shared-tests.ts'
import { finish, type Steps } from './steps.ts'
import { UidTable } from './uid-table.ts'
import type { EntityRef } from './value.ts'

/**
 * A tree that leads from a request to the policies that can matter for it. A fork asks questions (probes); each answer
 * leads to a smaller node. A policy stands in exactly one place, reached by its rarest key, then the next rarest.
 * INVARIANT: every policy that is satisfied by a request, or fails on it, is reached from the root.
 */
export type IndexNode = Candidate | Fork

/** One policy. What a decision reads of it lies together here: with many policies, every hop is out of cache. */
export interface Candidate {
  readonly policy: CompiledPolicy
  /** What is left to ask once all probes on the way here have been answered: this membership, if any, then the test. */
  readonly of: 'principal' | 'resource'
  readonly within: EntityRef | undefined
  readonly withinHash: number
  readonly test: Test
  readonly id: string
  readonly isPermit: boolean
}

interface Fork {
  readonly policy?: undefined
  /** Policies that matter whatever the answers are. */
  readonly candidates: readonly Candidate[]
  readonly tables: readonly Table[]
  readonly size: number
}

/** What each answer to a probe leads to. */
export type Table =
  | { readonly kind: 'uids'; readonly probe: Probe; readonly nodes: UidTable<IndexNode> }
  | { readonly kind: 'values'; readonly probe: Probe; readonly nodes: PersistentMap<Answer, IndexNode> }

/** Ids of the probes that were asked on the way to a node. */
type Asked = readonly string[]

/** Nodes with so few policies ask nothing more: evaluating these is as cheap as asking. */
const LEAF = 4

export function indexOf(policies: readonly CompiledPolicy[], shared: SharedTests, asked: Asked = []): IndexNode {
  return finish(indexSteps(policies, shared, asked))
}

/** The same in steps. */
export function* indexSteps(
  policies: readonly CompiledPolicy[],
  shared: SharedTests,
  asked: Asked = [],
): Steps<IndexNode> {
  if (policies.length <= LEAF) {
    return nodeOf(
      policies.map((policy) => place(policy, asked, shared)),
      [],
      policies.length,
    )
  }
  const counts = yield* countKeys(policies, asked)
  const unkeyed: CompiledPolicy[] = []
  const groups = new Map<string, { probe: Probe; byAnswer: Map<Answer, CompiledPolicy[]> }>()
  for (const [number, policy] of policies.entries()) {
    if (number % AT_ONCE === AT_ONCE - 1) yield
    const key = rarest(policy, asked, ({ probe, answers }) => {
      const byAnswer = counts.get(probe.id)
      return answers.reduce<number>((sum, answer) => sum + (byAnswer?.get(answer) ?? 0), 0)
    })
    if (key === undefined) {
      unkeyed.push(policy)
      continue
    }
    const group = groups.get(key.probe.id) ?? { probe: key.probe, byAnswer: new Map<Answer, CompiledPolicy[]>() }
    groups.set(key.probe.id, group)
    for (const answer of key.answers) {
      const list = group.byAnswer.get(answer)
      if (list === undefined) group.byAnswer.set(answer, [policy])
      else list.push(policy)
    }
  }
  const tables: Table[] = []
  for (const { probe, byAnswer } of groups.values()) {
    const below = [...asked, probe.id]
    const nodes = new Map<Answer, IndexNode>()
    for (const [answer, list] of byAnswer) {
      if (nodes.size % AT_ONCE === AT_ONCE - 1) yield
      nodes.set(answer, list.length > AT_ONCE ? yield* indexSteps(list, shared, below) : indexOf(list, shared, below))
    }
    tables.push(tableOf(probe, nodes))
  }
  return nodeOf(
    unkeyed.map((policy) => place(policy, asked, shared)),
    tables,
    policies.length,
  )
}

/** Policies that are looked at in one step. */
const AT_ONCE = 100

function place(policy: CompiledPolicy, asked: Asked, shared: SharedTests): Candidate {
  const { policy: info, isPermit } = policy
  const { membership, test } = remainderAfter(policy, asked, shared)
  return {
    policy,
    of: membership?.of ?? 'principal',
    within: membership?.within,
    withinHash: membership?.within.hash ?? 0,
    test,
    id: info.id,
    isPermit,
  }
}

function nodeOf(candidates: readonly Candidate[], tables: readonly Table[], size: number): IndexNode {
  const [only, ...more] = candidates
  return only !== undefined && more.length + tables.length === 0 ? only : { candidates, tables, size }
}

function tableOf(probe: Probe, nodes: Map<Answer, IndexNode>): Table {
  if (!isAnsweredByUid(probe)) return { kind: 'values', probe, nodes: PersistentMap.of(nodes) }
  const byKey = new Map([...nodes].map(([answer, node]) => [String(answer), node] as const))
  return { kind: 'uids', probe, nodes: UidTable.of(byKey) }
}

function isAnsweredByUid(probe: Probe): boolean {
  return probe.kind === 'path' ? probe.isEntity : probe.kind !== 'type'
}

function* countKeys(
  policies: readonly CompiledPolicy[],
  asked: Asked,
): Steps<ReadonlyMap<string, ReadonlyMap<Answer, number>>> {
  const counts = new Map<string, Map<Answer, number>>()
  for (const [number, { keys }] of policies.entries()) {
    if (number % AT_ONCE === AT_ONCE - 1) yield
    for (const { probe, answers } of keys) {
      if (asked.includes(probe.id)) continue
      const byAnswer = counts.get(probe.id) ?? new Map<Answer, number>()
      counts.set(probe.id, byAnswer)
      for (const answer of answers) byAnswer.set(answer, (byAnswer.get(answer) ?? 0) + 1)
    }
  }
  return counts
}

/** The key that leads to the fewest policies, of those that may be used here. */
function rarest(policy: CompiledPolicy, asked: Asked, costOf: (key: IndexKey) => number): IndexKey | undefined {
  let best: IndexKey | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (const key of policy.keys) {
    if (asked.includes(key.probe.id) || !key.after.every((id) => asked.includes(id))) continue
    const cost = costOf(key)
    if (cost >= lowest) continue
    best = key
    lowest = cost
  }
  return best
}

/** The index with one policy more. Only nodes on the way to its place are made anew. */
export function withPolicy(node: IndexNode, policy: CompiledPolicy, shared: SharedTests, asked: Asked = []): IndexNode {
  const { candidates, tables } = forkOf(node)
  const size = sizeOf(node) + 1
  const added = (): IndexNode => nodeOf([...candidates, place(policy, asked, shared)], tables, size)
  if (tables.length === 0) {
    // A leaf whose policies have no keys left grows as a list; asking again and again would find nothing.
    const isSplit = size > LEAF && rarest(policy, asked, () => 0) !== undefined
    return isSplit ? indexOf([...candidates.map((candidate) => candidate.policy), policy], shared, asked) : added()
  }
  const key = rarest(policy, asked, ({ probe, answers }) => {
    const table = tables.find((other) => other.probe.id === probe.id)
    // A table more is a question more for every request: worth it only where no other table would do.
    if (table === undefined) return NEW_TABLE
    return answers.reduce<number>((sum, answer) => sum + sizeOf(nodeAt(table, answer)), 0)
  })
  if (key === undefined) return added()
  const below = [...asked, key.probe.id]
  let table = tables.find(({ probe }) => probe.id === key.probe.id) ?? tableOf(key.probe, new Map())
  for (const answer of key.answers) {
    table = withNode(table, answer, withPolicy(nodeAt(table, answer) ?? EMPTY, policy, shared, below))
  }
  return nodeOf(candidates, replaceTable(tables, table), size)
}

const NEW_TABLE = 64
const EMPTY: Fork = { candidates: [], tables: [], size: 0 }

/** The index without this policy. */
export function withoutPolicy(node: IndexNode, policy: CompiledPolicy): IndexNode {
  const { candidates, tables } = forkOf(node)
  const size = sizeOf(node) - 1
  const others = candidates.filter((candidate) => candidate.policy !== policy)
  if (others.length < candidates.length) return nodeOf(others, tables, size)
  for (const { probe, answers } of policy.keys) {
    const before = tables.find((other) => other.probe.id === probe.id)
    let after = before
    for (const answer of answers) {
      const below = after === undefined ? undefined : nodeAt(after, answer)
      if (after === undefined || below === undefined) continue
      const left = withoutPolicy(below, policy)
      if (left !== below) after = withNode(after, answer, sizeOf(left) === 0 ? undefined : left)
    }
    if (after !== undefined && after !== before) return nodeOf(candidates, replaceTable(tables, after), size)
  }
  return node
}

function forkOf(node: IndexNode): Fork {
  return node.policy === undefined ? node : { candidates: [node], tables: [], size: 1 }
}

function sizeOf(node: IndexNode | undefined): number {
  if (node === undefined) return 0
  return node.policy === undefined ? node.size : 1
}

function nodeAt(table: Table, answer: Answer): IndexNode | undefined {
  return table.kind === 'uids' ? table.nodes.at(String(answer)) : table.nodes.get(answer)
}

function withNode(table: Table, answer: Answer, node: IndexNode | undefined): Table {
  return table.kind === 'uids'
    ? { ...table, nodes: table.nodes.with(String(answer), node) }
    : { ...table, nodes: table.nodes.with(answer, node) }
}

function replaceTable(tables: readonly Table[], table: Table): readonly Table[] {
  const others = tables.filter(({ probe }) => probe.id !== table.probe.id)
  return table.nodes.size === 0 ? others : [...others, table]
}
