import type { Bag } from './bag.ts'
import { type CompiledPolicy, testAfter } from './compile-policy.ts'
import { type Frame, findEntity, type Test } from './frame.ts'
import type { Answer, IndexKey, PathProbe, Probe } from './index-key.ts'
import { PersistentMap } from './persistent-map.ts'
import { finish, type Steps } from './steps.ts'
import type { Value } from './value.ts'

/**
 * A tree that leads from a request to the policies that can matter for it. A node asks questions (probes); each answer
 * leads to a smaller node. A policy stands in exactly one place, reached by its rarest key, then the next rarest.
 * INVARIANT: every policy that is satisfied by a request, or fails on it, is reached from the root.
 */
export interface IndexNode {
  /** Policies that matter whatever the answers are. */
  readonly candidates: readonly Candidate[]
  readonly tables: readonly Table[]
  readonly size: number
  /** Ids of the probes that were asked on the way here. */
  readonly asked: readonly string[]
}

interface Candidate {
  readonly policy: CompiledPolicy
  /** What is left to ask once all probes on the way here have been answered. */
  readonly test: Test
}

/** Called for each candidate with the test that tells whether it applies. */
export type Visit = (policy: CompiledPolicy, test: Test) => void

interface Table {
  readonly probe: Probe
  readonly nodes: PersistentMap<Answer, IndexNode>
}

/** Nodes with so few policies ask nothing more: evaluating these is as cheap as asking. */
const LEAF = 4

export function indexOf(policies: readonly CompiledPolicy[], asked: readonly string[] = []): IndexNode {
  return finish(indexSteps(policies, asked))
}

/** The same in steps. */
export function* indexSteps(policies: readonly CompiledPolicy[], asked: readonly string[] = []): Steps<IndexNode> {
  if (policies.length <= LEAF) {
    return { candidates: policies.map((policy) => place(policy, asked)), tables: [], size: policies.length, asked }
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
      nodes.set(answer, list.length > AT_ONCE ? yield* indexSteps(list, below) : indexOf(list, below))
    }
    tables.push({ probe, nodes: PersistentMap.of(nodes) })
  }
  return { candidates: unkeyed.map((policy) => place(policy, asked)), tables, size: policies.length, asked }
}

/** Policies that are looked at in one step. */
const AT_ONCE = 100

function place(policy: CompiledPolicy, asked: readonly string[]): Candidate {
  return { policy, test: testAfter(policy, asked) }
}

function* countKeys(
  policies: readonly CompiledPolicy[],
  asked: readonly string[],
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
function rarest(
  policy: CompiledPolicy,
  asked: readonly string[],
  costOf: (key: IndexKey) => number,
): IndexKey | undefined {
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
export function withPolicy(node: IndexNode, policy: CompiledPolicy): IndexNode {
  if (node.tables.length === 0) {
    // A leaf whose policies have no keys left grows as a list; asking again and again would find nothing.
    const candidates = [...node.candidates, place(policy, node.asked)]
    const isSplit = candidates.length > LEAF && rarest(policy, node.asked, () => 0) !== undefined
    if (!isSplit) return { ...node, candidates, size: candidates.length }
    return indexOf(
      candidates.map((candidate) => candidate.policy),
      node.asked,
    )
  }
  const tableOf = (key: IndexKey): Table | undefined => node.tables.find(({ probe }) => probe.id === key.probe.id)
  const key = rarest(policy, node.asked, (candidate) => {
    const table = tableOf(candidate)
    // A table more is a question more for every request: worth it only where no other table would do.
    if (table === undefined) return NEW_TABLE
    return candidate.answers.reduce<number>((sum, answer) => sum + (table.nodes.get(answer)?.size ?? 0), 0)
  })
  if (key === undefined)
    return { ...node, candidates: [...node.candidates, place(policy, node.asked)], size: node.size + 1 }
  const table = tableOf(key) ?? { probe: key.probe, nodes: PersistentMap.of<Answer, IndexNode>(new Map()) }
  let nodes = table.nodes
  for (const answer of key.answers) {
    const below = nodes.get(answer) ?? { candidates: [], tables: [], size: 0, asked: [...node.asked, key.probe.id] }
    nodes = nodes.with(answer, withPolicy(below, policy))
  }
  return { ...node, tables: replaceTable(node.tables, { probe: key.probe, nodes }), size: node.size + 1 }
}

const NEW_TABLE = 64

/** The index without this policy. */
export function withoutPolicy(node: IndexNode, policy: CompiledPolicy): IndexNode {
  const candidates = node.candidates.filter((candidate) => candidate.policy !== policy)
  if (candidates.length < node.candidates.length) return { ...node, candidates, size: node.size - 1 }
  for (const { probe, answers } of policy.keys) {
    const table = node.tables.find((other) => other.probe.id === probe.id)
    let nodes = table?.nodes
    for (const answer of answers) {
      const before = nodes?.get(answer)
      const after = before === undefined ? undefined : withoutPolicy(before, policy)
      if (after !== before) nodes = nodes?.with(answer, after?.size === 0 ? undefined : after)
    }
    if (nodes !== undefined && nodes !== table?.nodes) {
      return { ...node, tables: replaceTable(node.tables, { probe, nodes }), size: node.size - 1 }
    }
  }
  return node
}

function replaceTable(tables: readonly Table[], table: Table): readonly Table[] {
  const others = tables.filter(({ probe }) => probe.id !== table.probe.id)
  return table.nodes.size === 0 ? others : [...others, table]
}

/** Visits every policy that can matter for the request. A policy with several keys may be visited more than once. */
export function visitCandidates(node: IndexNode, frame: Frame, visit: Visit): void {
  for (const { policy, test } of node.candidates) visit(policy, test)
  for (const table of node.tables) visitTable(table, frame, visit)
}

function visitTable({ probe, nodes }: Table, frame: Frame, visit: Visit): void {
  if (probe.kind === 'path') {
    visitPath(probe, nodes, frame, visit)
    return
  }
  const { ref, lineage } = frame[probe.of]
  const own = nodes.get(probe.kind === 'type' ? ref.type : ref.key)
  if (own !== undefined) visitCandidates(own, frame, visit)
  if (probe.kind !== 'in') return
  for (const ancestor of lineage.refs) {
    const found = nodes.get(ancestor.key)
    if (found !== undefined) visitCandidates(found, frame, visit)
  }
}

function visitPath(probe: PathProbe, nodes: PersistentMap<Answer, IndexNode>, frame: Frame, visit: Visit): void {
  const value = walk(probe, frame)
  if (value === ABSENT && probe.isGuarded) return
  if (value === ABSENT || value === FAILED) {
    // Each of them fails, and is to be reported.
    for (const [, node] of nodes) visitAll(node, visit)
    return
  }
  const found = typeof value !== 'object' ? value : value.kind === 'entity' && probe.isEntity ? value.key : undefined
  if (found === undefined || probe.isEntity !== (typeof value === 'object')) return
  const node = nodes.get(found)
  if (node !== undefined) visitCandidates(node, frame, visit)
}

function visitAll(node: IndexNode, visit: Visit): void {
  // No probe below was asked, so nothing is proven.
  for (const { policy } of node.candidates) visit(policy, policy.isSatisfied)
  for (const { nodes } of node.tables) for (const [, below] of nodes) visitAll(below, visit)
}

/** The first attribute of a path is not there. */
const ABSENT = Symbol('absent')
/** Evaluating the path fails in another way. */
const FAILED = Symbol('failed')

function walk({ of, path }: PathProbe, frame: Frame): Value | typeof ABSENT | typeof FAILED {
  const fields = of === 'context' ? frame.context.fields : frame[of].node?.attributes
  let value = fields?.[path[0] ?? '']
  if (value === undefined) return ABSENT
  for (let step = 1; step < path.length; step++) {
    const inner: Bag<Value> | undefined = fieldsOf(value, frame)
    value = inner?.[path[step] ?? '']
    if (value === undefined) return FAILED
  }
  return value
}

function fieldsOf(value: Value, frame: Frame): Bag<Value> | undefined {
  if (typeof value !== 'object') return undefined
  if (value.kind === 'record') return value.fields
  return value.kind === 'entity' ? findEntity(frame, value)?.attributes : undefined
}
