import type { Landscape } from './landscape.ts'
import type { Draft } from './statements.ts'
import type { Cell } from './tally.ts'

/** How much more is granted than was seen, in requests: one principal, one action, one resource. */
export interface Excess {
  /** All requests that the schema lets the tenant's principals make on its resources. */
  readonly space: number
  readonly seen: number
  readonly granted: number
  /** Granted, and never seen. */
  readonly beyond: number
  /** Of all that was never seen, the share that is granted: from 0 to 1. */
  readonly share: number
}

/** Requests that are counted one by one; where there are more, what two statements both grant is counted twice. */
const MOST_COUNTED = 4_000_000

/** Counts every request once, however many statements grant it, as long as they can be counted. */
export function excessOf(drafts: readonly Draft[], cells: readonly Cell[], land: Landscape): Excess {
  const seen = new Set(cells.filter(({ isFolded }) => !isFolded).map(requestOf))
  const { granted, known } = countIn(
    drafts.flatMap((draft) => blocksOf(draft, land)),
    seen,
  )
  const space = Math.max(spaceOf(cells, land), granted, seen.size)
  const beyond = granted - known
  const unseen = space - seen.size
  return { space, seen: seen.size, granted, beyond, share: unseen === 0 ? 0 : beyond / unseen }
}

/** What one statement grants that was not seen of it, and all that it grants. */
export function excessIn(draft: Draft, land: Landscape): { readonly granted: number; readonly beyond: number } {
  const { granted, known } = countIn(blocksOf(draft, land), new Set([...draft.cells].map(requestOf)))
  return { granted, beyond: granted - known }
}

/** Everybody here may do this on everything here. */
interface Block {
  readonly action: number
  readonly who: readonly number[]
  readonly what: readonly number[]
}

function countIn(
  blocks: readonly Block[],
  seen: ReadonlySet<string>,
): { readonly granted: number; readonly known: number } {
  const total = blocks.reduce((sum, { who, what }) => sum + who.length * what.length, 0)
  if (total > MOST_COUNTED) return { granted: total, known: knownIn(blocks, seen) }
  const granted = new Map<number, Set<number>>()
  for (const { action, who, what } of blocks) {
    const all = granted.get(action) ?? new Set()
    granted.set(action, all)
    for (const one of who) for (const other of what) all.add(one * MOST_NUMBERS + other)
  }
  let [count, known] = [0, 0]
  for (const [action, pairs] of granted) {
    count += pairs.size
    for (const pair of pairs) if (seen.has(`${action} ${pair}`)) known++
  }
  return { granted: count, known }
}

function knownIn(blocks: readonly Block[], seen: ReadonlySet<string>): number {
  const sets = blocks.map(({ action, who, what }) => ({ action, who: new Set(who), what: new Set(what) }))
  let known = 0
  for (const request of seen) {
    const [action = 0, pair = 0] = request.split(' ').map(Number)
    const [principal, resource] = [Math.floor(pair / MOST_NUMBERS), pair % MOST_NUMBERS]
    if (sets.some((block) => block.action === action && block.who.has(principal) && block.what.has(resource))) known++
  }
  return known
}

const MOST_NUMBERS = 2 ** 26

function requestOf({ action, principal, resource }: Cell): string {
  return `${action.number} ${principal * MOST_NUMBERS + resource}`
}

function blocksOf({ actions, cases }: Draft, land: Landscape): readonly Block[] {
  return actions.flatMap((action) =>
    cases.map(({ subject, targets }) => ({
      action: action.number,
      who: subject.named.length > 0 ? subject.named : land.members(subject.kind, subject.groups),
      what: targets.flatMap(({ container, isContainer }) => {
        if (isContainer) return land.below(container, action)
        return action.resources.has(land.uidOf(container).type) ? [container] : []
      }),
    })),
  )
}

function spaceOf(cells: readonly Cell[], land: Landscape): number {
  // What nobody declared, and somebody asked for, is there too.
  const met = new Map<string, Set<number>>()
  for (const { resource } of cells) {
    if (land.isKnown(resource)) continue
    const { type } = land.uidOf(resource)
    met.set(type, (met.get(type) ?? new Set()).add(resource))
  }
  const kinds = new Map<string, number>()
  for (const principal of land.principals) {
    const { type } = land.uidOf(principal)
    kinds.set(type, (kinds.get(type) ?? 0) + 1)
  }
  let space = 0
  for (const { principals, resources } of land.actions) {
    const who = [...principals].reduce((sum, kind) => sum + (kinds.get(kind) ?? 0), 0)
    const what = [...resources].reduce(
      (sum, type) => sum + (met.get(type)?.size ?? 0),
      land.resources(resources).length,
    )
    space += who * what
  }
  return space
}
