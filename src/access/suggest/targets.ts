import type { Landscape, LandscapeAction } from './landscape.ts'
import type { Cell } from './tally.ts'

/** What a statement would be about: a resource, or something with all that is in it. */
export interface Target {
  readonly container: number
  /** `false` where the resource itself is meant and nothing in it. */
  readonly isContainer: boolean
  /** The resources that it grants. */
  readonly grants: readonly number[]
  /** Those of them that were reached. */
  readonly touched: readonly number[]
}

/**
 * The fewest targets that hold all these resources, without granting more than what was seen lets expect:
 *
 * - Everything in a container is granted as one where all of it was reached.
 * - What only reads is also granted where most of a container was reached, or so many resources of it, or ever new ones,
 *   that a list would be wrong tomorrow. How likely the next one is new is estimated from how many were seen just once
 *   (Good and Turing).
 * - What changes something is granted beyond what was seen only where ever new ones are reached.
 * - Tools, secrets, doors and weights are always named one by one, and columns where not all were reached; nothing is
 *   granted along that is to be kept closer than what was reached, and never a whole environment.
 *
 * Whoever is only behind what others do is granted it more widely: those who act are bounded themselves.
 *
 * `isSupported` says whether a target is one that those who share it have in common: only such are put together.
 */
export function targetsFor(
  cells: readonly Cell[],
  action: LandscapeAction,
  land: Landscape,
  { isSupported, isBehind }: TargetOptions,
): readonly Target[] {
  const counts = new Map<number, number>()
  const folded = new Set<number>()
  for (const { resource, count, isFolded } of cells) {
    counts.set(resource, (counts.get(resource) ?? 0) + count)
    if (isFolded) folded.add(resource)
  }
  const targets = new Map<number, Target>()
  for (const resource of counts.keys()) {
    const isContainer = folded.has(resource)
    const grants = isContainer ? land.below(resource, action) : [resource]
    targets.set(resource, { container: resource, isContainer, grants, touched: [resource] })
  }
  for (const { container, all } of containersOf(counts.keys(), action, land)) {
    const parts = partsIn(all, targets)
    const shared = isBehind
      ? parts
      : parts.filter(({ touched, isContainer }) => isSupported(touched) || (!isContainer && isOwn(parts)))
    if (shared.length < 2) continue
    const touched = shared.flatMap((part) => part.touched)
    if (!isWorthIt({ all, touched, parts: shared.length, counts, action, land, container, isBehind })) continue
    for (const part of shared) for (const resource of part.touched) targets.delete(resource)
    const target = { container, isContainer: true, grants: all, touched }
    for (const resource of touched) targets.set(resource, target)
  }
  return [...new Set(targets.values())].sort((a, b) => a.container - b.container)

  /** Most of the parts are somebody's own: then it is the container that they have in common. */
  function isOwn(parts: readonly Target[]): boolean {
    const own = parts.filter((part) => !part.isContainer && !isSupported(part.touched))
    return own.length * 2 > parts.length
  }
}

/** What any of these is in, the smallest first. */
function containersOf(resources: Iterable<number>, action: LandscapeAction, land: Landscape) {
  const containers = new Set<number>()
  for (const resource of resources) {
    for (const one of land.within(resource)) containers.add(one)
    if (land.holds(resource, action)) containers.add(resource)
  }
  return [...containers]
    .map((container) => ({ container, all: land.below(container, action) }))
    .filter(({ all, container }) => all.length > 1 && land.uidOf(container).type !== 'Environment')
    .sort((a, b) => a.all.length - b.all.length || a.container - b.container)
}

function partsIn(all: readonly number[], targets: ReadonlyMap<number, Target>): readonly Target[] {
  const found = new Set<Target>()
  for (const resource of all) {
    const target = targets.get(resource)
    if (target !== undefined) found.add(target)
  }
  const inside = new Set(all)
  return [...found].filter(({ touched }) => touched.every((one) => inside.has(one)))
}

export interface TargetOptions {
  readonly isSupported: (resources: readonly number[]) => boolean
  readonly isBehind: boolean
}

interface Considered {
  readonly container: number
  readonly all: readonly number[]
  readonly touched: readonly number[]
  readonly parts: number
  readonly counts: ReadonlyMap<number, number>
  readonly action: LandscapeAction
  readonly land: Landscape
  readonly isBehind: boolean
}

const MOST = 0.5
const LISTED = 16
const NEW_ONES = 0.02

function isWorthIt({ container, all, touched, parts, counts, action, land, isBehind }: Considered): boolean {
  const reached = new Set(touched)
  const unseen = all.filter((one) => !reached.has(one))
  if (!isBehind && all.some((one) => NEVER_AS_ONE.has(land.uidOf(one).type))) return false
  if (unseen.length === 0) return true
  const closest = Math.max(...touched.map((one) => land.rank(one)))
  if (unseen.some((one) => land.rank(one) > closest)) return false
  const isShorter = 1 + Math.log2(1 + unseen.length) < parts
  if (isBehind) return isShorter
  if (unseen.some((one) => land.uidOf(one).type === 'Column')) return false
  const isOpen = touched.length >= 4 && shareOfNew(touched, counts) >= NEW_ONES
  if (!action.isRead) return isOpen && land.uidOf(container).type !== 'Project'
  if (!isOpen && touched.length < LISTED && touched.length < Math.max(3, all.length * MOST)) return false
  return isShorter
}

/** Of these, a new one is another matter, and tools differ in what their arguments may be. */
const NEVER_AS_ONE: ReadonlySet<string> = new Set(['Tool', 'Secret', 'AccessPoint', 'Weights'])

/** Good and Turing: how likely the next request is for something that none was for before. */
function shareOfNew(touched: readonly number[], counts: ReadonlyMap<number, number>): number {
  let once = 0
  let total = 0
  for (const resource of touched) {
    const count = counts.get(resource) ?? 0
    total += count
    if (count === 1) once++
  }
  return total === 0 ? 0 : once / total
}
