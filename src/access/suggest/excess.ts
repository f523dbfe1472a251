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

/** Counts every request once, however many statements grant it. */
export function excessOf(drafts: readonly Draft[], cells: readonly Cell[], land: Landscape): Excess {
  const seen = new Set(cells.filter(({ isFolded }) => !isFolded).map(requestOf))
  const granted = new Map<number, Set<number>>()
  for (const draft of drafts) {
    for (const [action, pairs] of pairsOf(draft, land)) {
      let all = granted.get(action)
      if (all === undefined) {
        all = new Set()
        granted.set(action, all)
      }
      for (const pair of pairs) all.add(pair)
    }
  }
  let count = 0
  let known = 0
  for (const [action, pairs] of granted) {
    count += pairs.size
    for (const pair of pairs) if (seen.has(`${action} ${pair}`)) known++
  }
  const space = Math.max(spaceOf(cells, land), count, seen.size)
  const beyond = count - known
  const unseen = space - seen.size
  return { space, seen: seen.size, granted: count, beyond, share: unseen === 0 ? 0 : beyond / unseen }
}

/** What one statement grants that was not seen of it, and all that it grants. */
export function excessIn(draft: Draft, land: Landscape): { readonly granted: number; readonly beyond: number } {
  const seen = new Set([...draft.cells].map(requestOf))
  let granted = 0
  let known = 0
  for (const [action, pairs] of pairsOf(draft, land)) {
    for (const pair of new Set(pairs)) {
      granted++
      if (seen.has(`${action} ${pair}`)) known++
    }
  }
  return { granted, beyond: granted - known }
}

const MOST_NUMBERS = 2 ** 26

function requestOf({ action, principal, resource }: Cell): string {
  return `${action.number} ${principal * MOST_NUMBERS + resource}`
}

function* pairsOf({ actions, cases }: Draft, land: Landscape): Generator<readonly [number, Iterable<number>]> {
  for (const action of actions) {
    for (const { subject, targets } of cases) {
      const who = subject.named.length > 0 ? subject.named : land.members(subject.kind, subject.groups)
      const what = targets.flatMap(({ container, isContainer }) =>
        isContainer
          ? land.below(container, action)
          : action.resources.has(land.uidOf(container).type)
            ? [container]
            : [],
      )
      yield [action.number, who.flatMap((one) => what.map((other) => one * MOST_NUMBERS + other))]
    }
  }
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
