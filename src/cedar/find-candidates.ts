import type { Bag } from './bag.ts'
import { type Frame, findEntity, isWithin, partyOf, type Test } from './frame.ts'
import type { PathProbe } from './index-key.ts'
import type { Candidate, IndexNode, Table } from './policy-index.ts'
import type { Value } from './value.ts'

/** Who looks at candidates. */
export interface Visitor {
  /** Called for each candidate with the test that tells whether it applies. */
  visit(candidate: Candidate, test: Test): void
}

/** Visits every policy that can matter for the request. A policy with several keys may be visited more than once. */
export function visitCandidates(node: IndexNode, frame: Frame, visitor: Visitor): void {
  if (node.policy !== undefined) {
    visitCandidate(node, frame, visitor)
    return
  }
  for (const candidate of node.candidates) visitCandidate(candidate, frame, visitor)
  for (const table of node.tables) visitTable(table, frame, visitor)
}

function visitCandidate(candidate: Candidate, frame: Frame, visitor: Visitor): void {
  const { within, withinHash } = candidate
  if (within !== undefined && !isWithin(partyOf(frame, candidate.of), within, withinHash)) return
  visitor.visit(candidate, candidate.test)
}

function visitTable(table: Table, frame: Frame, visitor: Visitor): void {
  const { probe } = table
  if (probe.kind === 'path') {
    visitPath(table, probe, frame, visitor)
    return
  }
  const { ref, lineage } = partyOf(frame, probe.of)
  const own = table.kind === 'uids' ? table.nodes.get(ref) : table.nodes.get(ref.type)
  if (own !== undefined) visitCandidates(own, frame, visitor)
  if (probe.kind !== 'in' || table.kind !== 'uids') return
  const { hashes, refs: ancestors } = lineage
  for (let i = 0; i < hashes.length; i++) {
    const ancestor = table.nodes.mayHave(hashes[i] ?? 0) ? ancestors[i] : undefined
    const found = ancestor === undefined ? undefined : table.nodes.get(ancestor)
    if (found !== undefined) visitCandidates(found, frame, visitor)
  }
}

function visitPath(table: Table, probe: PathProbe, frame: Frame, visitor: Visitor): void {
  const value = walk(probe, frame)
  if (value === ABSENT && probe.isGuarded) return
  if (value === ABSENT || value === FAILED) {
    // Each of them fails, and is to be reported.
    for (const [, node] of table.nodes) visitAll(node, visitor)
    return
  }
  const found = nodeFor(table, value)
  if (found !== undefined) visitCandidates(found, frame, visitor)
}

function nodeFor(table: Table, value: Value): IndexNode | undefined {
  if (table.kind === 'values') return typeof value === 'object' ? undefined : table.nodes.get(value)
  return typeof value === 'object' && value.kind === 'entity' ? table.nodes.get(value) : undefined
}

function visitAll(node: IndexNode, visitor: Visitor): void {
  // No probe below was asked, so nothing is proven.
  if (node.policy !== undefined) {
    visitor.visit(node, node.policy.isSatisfied)
    return
  }
  for (const candidate of node.candidates) visitor.visit(candidate, candidate.policy.isSatisfied)
  for (const { nodes } of node.tables) for (const [, below] of nodes) visitAll(below, visitor)
}

/** The first attribute of a path is not there. */
const ABSENT = Symbol('absent')
/** Evaluating the path fails in another way. */
const FAILED = Symbol('failed')

function walk({ of, path }: PathProbe, frame: Frame): Value | typeof ABSENT | typeof FAILED {
  const fields = of === 'context' ? frame.context.fields : partyOf(frame, of).node?.attributes
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
