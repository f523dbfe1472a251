import type { Steps } from '../../cedar/index.ts'
import { GROUP_TYPES, type Landscape, type LandscapeAction, push } from './landscape.ts'
import type { Cell } from './tally.ts'
import { type Target, targetsFor } from './targets.ts'

/** Whom a statement is about: all of one kind in these groups, or exactly these. */
export interface Subject {
  readonly kind: string
  readonly groups: readonly number[]
  /** Instead of groups. */
  readonly named: readonly number[]
}

/** What one statement would grant for one action. */
export interface Grant {
  readonly subject: Subject
  readonly action: LandscapeAction
  readonly target: Target
  /** All that was seen of it. */
  readonly cells: readonly Cell[]
}

export interface Cover {
  readonly grants: readonly Grant[]
  /** What one agent does and hardly any other of its type: for somebody to look at. */
  readonly alone: readonly Grant[]
}

export interface CoverOptions {
  /** Principals that were seen doing anything. */
  readonly active: ReadonlySet<number>
  /** Whether the misuse of one is looked for among its peers. */
  readonly setsAside: boolean
  /** Of those who were only behind what others did. */
  readonly isBehind?: boolean
}

/** Half of those of a group that were seen at all have to do something for the group to be granted it. */
const MOST = 0.5
/** From this many on, those of a type are compared with each other. */
const PEERS = 3
const FEW = 0.25

/**
 * Greedy weighted set cover, for each action on its own: of all statements that could be made about groups and targets,
 * the one that covers most for its price comes first, until nothing is left that groups have in common. The price is the
 * number of its terms and the logarithm of what it grants beyond what was seen. What costs more than to name those who did
 * it, and what groups do not have in common, is said of those who did it.
 */
export function* coverCells(cells: readonly Cell[], land: Landscape, options: CoverOptions): Steps<Cover> {
  const byAction = new Map<LandscapeAction, Cell[]>()
  for (const cell of cells) {
    const list = byAction.get(cell.action)
    if (list === undefined) byAction.set(cell.action, [cell])
    else list.push(cell)
  }
  const grants: Grant[] = []
  const alone: Grant[] = []
  for (const action of [...byAction.keys()].sort((a, b) => a.number - b.number)) {
    const own = byAction.get(action) ?? []
    const { taken, left } = yield* coverByGroups(own, action, land, options)
    const rest = coverByNames(left, action, land, options)
    grants.push(...withoutNeedless(taken), ...rest.grants)
    alone.push(...rest.alone)
    yield
  }
  return { grants, alone }
}

interface Candidate extends Grant {
  readonly price: number
  readonly key: string
}

function* coverByGroups(
  cells: readonly Cell[],
  action: LandscapeAction,
  land: Landscape,
  options: CoverOptions,
): Steps<{ readonly taken: readonly Grant[]; readonly left: readonly Cell[] }> {
  const candidates = yield* candidatesFor(cells, action, land, options)
  const open = new Set(cells)
  const taken: Grant[] = []
  // What a candidate still covers only ever shrinks: one that is still the best after counting anew is the best of all.
  const queue = candidates.map((candidate) => ({ candidate, worth: candidate.cells.length / candidate.price }))
  queue.sort(byWorth)
  while (queue.length > 0 && open.size > 0) {
    yield
    const next = queue.shift()
    if (next === undefined) break
    const gain = next.candidate.cells.filter((cell) => open.has(cell)).length
    if (gain === 0) continue
    if (next.candidate.price > namesOf(next.candidate, open)) continue
    const worth = gain / next.candidate.price
    const best = queue[0]
    if (best !== undefined && byWorth({ candidate: next.candidate, worth }, best) > 0) {
      insert(queue, { candidate: next.candidate, worth })
      continue
    }
    taken.push(next.candidate)
    for (const cell of next.candidate.cells) open.delete(cell)
  }
  return { taken, left: cells.filter((cell) => open.has(cell)) }
}

/** What it costs to name who did what, instead. */
function namesOf({ cells }: Candidate, open: ReadonlySet<Cell>): number {
  return 2 + cells.filter((cell) => open.has(cell)).length
}

type Queued = { readonly candidate: Candidate; readonly worth: number }

function byWorth(a: Queued, b: Queued): number {
  return b.worth - a.worth || (a.candidate.key < b.candidate.key ? -1 : a.candidate.key > b.candidate.key ? 1 : 0)
}

function insert(queue: Queued[], item: Queued): void {
  let [low, high] = [0, queue.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const other = queue[middle]
    if (other !== undefined && byWorth(other, item) < 0) low = middle + 1
    else high = middle
  }
  queue.splice(low, 0, item)
}

function* candidatesFor(
  cells: readonly Cell[],
  action: LandscapeAction,
  land: Landscape,
  { active, isBehind = false }: CoverOptions,
): Steps<readonly Candidate[]> {
  const subjects = new Map<string, { subject: Subject; cells: Cell[] }>()
  for (const cell of cells) {
    for (const subject of groupsOf(cell.principal, land)) {
      const key = `${subject.kind} ${subject.groups.join(' ')}`
      const known = subjects.get(key)
      if (known === undefined) subjects.set(key, { subject, cells: [cell] })
      else known.cells.push(cell)
    }
  }
  const found: Candidate[] = []
  for (const [key, { subject, cells: own }] of subjects) {
    yield
    const members = land.members(subject.kind, subject.groups)
    const seen = members.filter((one) => active.has(one)).length
    const byResource = new Map<number, number[]>()
    for (const { resource, principal } of own) push(byResource, resource, principal)
    const isSupported = (resources: readonly number[]): boolean => {
      const supporters = new Set(resources.flatMap((one) => byResource.get(one) ?? []))
      return isBehind ? supporters.size > 1 : isEnough(supporters.size, seen, subject, land)
    }
    for (const target of targetsFor(own, action, land, { isSupported, isBehind })) {
      if (!isSupported(target.touched)) continue
      const touched = new Set(target.touched)
      const covered = own.filter(({ resource }) => touched.has(resource))
      const pairs = new Set(covered.map(({ principal, resource }) => principal * 2 ** 26 + resource)).size
      const excess = Math.max(0, members.length * target.grants.length - pairs)
      const price = 2 + subject.groups.length + Math.log2(1 + excess)
      found.push({ subject, action, target, cells: covered, price, key: `${key} ${target.container}` })
    }
  }
  return found
}

function isEnough(supporters: number, seen: number, { groups }: Subject, land: Landscape): boolean {
  if (supporters < seen * MOST) return false
  // A type is what its agents are there for, even where there is only one of them.
  return supporters > 1 || (seen === 1 && groups.some((group) => land.uidOf(group).type === 'AgentType'))
}

const MOST_GROUPS = 12

/** Groups that a principal is in, alone and with the project that it works in. */
function groupsOf(principal: number, land: Landscape): readonly Subject[] {
  const kind = land.uidOf(principal).type
  const groups = land
    .within(principal)
    .filter((one) => (GROUP_TYPES as readonly string[]).includes(land.uidOf(one).type))
    .sort((a, b) => orderOf(a) - orderOf(b) || a - b)
    .slice(0, MOST_GROUPS)
  const projects = groups.filter((one) => land.uidOf(one).type === 'Project')
  const others = groups.filter((one) => !projects.includes(one))
  return [
    ...groups.map((group) => ({ kind, groups: [group], named: [] })),
    ...others.flatMap((group) => projects.map((project) => ({ kind, groups: [group, project], named: [] }))),
  ]

  function orderOf(group: number): number {
    return (GROUP_TYPES as readonly string[]).indexOf(land.uidOf(group).type)
  }
}

/** Whatever others cover together is not needed; the narrowest goes first. */
function withoutNeedless(grants: readonly Grant[]): readonly Grant[] {
  const times = new Map<Cell, number>()
  for (const { cells } of grants) for (const cell of cells) times.set(cell, (times.get(cell) ?? 0) + 1)
  const kept = new Set(grants)
  for (const grant of [...grants].sort((a, b) => a.cells.length - b.cells.length)) {
    if (!grant.cells.every((cell) => (times.get(cell) ?? 0) > 1)) continue
    kept.delete(grant)
    for (const cell of grant.cells) times.set(cell, (times.get(cell) ?? 0) - 1)
  }
  return grants.filter((grant) => kept.has(grant))
}

/** What groups have not in common: said of those who did it, or set aside. */
function coverByNames(cells: readonly Cell[], action: LandscapeAction, land: Landscape, options: CoverOptions): Cover {
  const byPrincipal = new Map<number, Cell[]>()
  for (const cell of cells) {
    const list = byPrincipal.get(cell.principal)
    if (list === undefined) byPrincipal.set(cell.principal, [cell])
    else list.push(cell)
  }
  const grants: Grant[] = []
  const alone: Grant[] = []
  for (const [principal, own] of byPrincipal) {
    const kind = land.uidOf(principal).type
    const subject = { kind, groups: [], named: [principal] }
    for (const target of targetsFor(own, action, land, {
      isSupported: () => true,
      isBehind: options.isBehind ?? false,
    })) {
      const touched = new Set(target.touched)
      const grant = { subject, action, target, cells: own.filter(({ resource }) => touched.has(resource)) }
      const isOdd = options.setsAside && isAlone(grant, byPrincipal, land, options)
      if (isOdd) alone.push(grant)
      else grants.push(grant)
    }
  }
  return { grants, alone }
}

/**
 * Whether an agent does what no other of its type does, where those of its type are otherwise alike: where many do
 * something of their own with this action, doing so is what the type does.
 */
function isAlone(
  { subject, target, cells }: Grant,
  byPrincipal: ReadonlyMap<number, readonly Cell[]>,
  land: Landscape,
  { active }: CoverOptions,
): boolean {
  const [principal] = subject.named
  if (principal === undefined || subject.kind !== 'Agent' || !cells.some(({ acting }) => acting > 0)) return false
  const type = land.within(principal).find((one) => land.uidOf(one).type === 'AgentType')
  if (type === undefined) return false
  const peers = land.members('Agent', [type]).filter((one) => active.has(one))
  if (peers.length < PEERS) return false
  const others = peers.filter((one) => one !== principal && byPrincipal.has(one))
  const touched = new Set(target.touched)
  if (others.some((one) => byPrincipal.get(one)?.some(({ resource }) => touched.has(resource)))) return false
  return others.length < peers.length * FEW
}
