import type { RecordedDecision } from '../history/recorded-decision.ts'
import type { EntityRef } from '../question.ts'
import { isLinkId } from '../role-links.ts'
import { type ArgumentSketch, addCall, newSketch } from './argument-sketch.ts'
import { type Landscape, type LandscapeAction, PRINCIPAL_TYPES } from './landscape.ts'

/** What is read of a recorded decision. */
export type Observed = Pick<
  RecordedDecision,
  | 'index'
  | 'at'
  | 'chain'
  | 'action'
  | 'resource'
  | 'context'
  | 'decision'
  | 'reasons'
  | 'arguments'
  | 'origin'
  | 'entities'
  | 'isListing'
  | 'isProposed'
  | 'withheld'
>

/** Requests that are alike: one principal, one action, one resource. */
export interface Cell {
  readonly principal: number
  readonly action: LandscapeAction
  readonly resource: number
  /** Some argument came from untrusted content. Said of the one who acts, and not of those behind. */
  readonly isTainted: boolean
  /** More resources than can be told apart: this is what they are in. */
  readonly isFolded: boolean
  count: number
  /** How many of them nothing permitted. */
  denied: number
  /** How many were made without anybody in between. */
  alone: number
  /** How many it made itself; of the others it was behind. */
  acting: number
  first: number
  last: number
  /** Indices of records. */
  readonly examples: number[]
  /** Who acted where it was behind: up to `MOST_ACTORS`, or `undefined`. */
  actors: Set<number> | undefined
  arguments: ArgumentSketch | undefined
}

/** When a principal did something, in slices of the time. */
export type Rhythm = Uint16Array

export interface Tally {
  readonly cells: readonly Cell[]
  /** By principal and action: `rhythmKey`. */
  readonly rhythms: ReadonlyMap<number, Rhythm>
  readonly slice: (at: number) => number
  /** When each policy granted something, and to whom. */
  readonly used: ReadonlyMap<string, PolicyUse>
  /** Denials that no grant would change, by the policy that refuses. */
  readonly refused: ReadonlyMap<string, Refusals>
  readonly decisions: number
  /** Decisions that were learnt from. */
  readonly learnt: number
  /** Decisions that say nothing of what is to be granted, and why. */
  readonly skipped: Readonly<Record<Skipped, number>>
  readonly from: number
  readonly until: number
}

export interface PolicyUse {
  count: number
  last: number
  readonly principals: Set<number>
  readonly actions: Set<string>
}

export interface Refusals {
  count: number
  last: number
  readonly examples: number[]
}

/**
 * `enforced`: denied, and nobody knows whether it should have been; `refused`: see `Tally.refused`; `asked`: not done, only
 * asked about; `unknown`: of an action or somebody that there is no longer; `granted`: permitted by what stays in force;
 * `crowded`: too much to be told apart.
 */
export type Skipped = 'enforced' | 'refused' | 'asked' | 'unknown' | 'granted' | 'crowded'

export interface TallyOptions {
  readonly since: number
  readonly until: number
  /** Most cells that are kept apart; then resources are told apart no longer. */
  readonly mostCells?: number
  /** What was allowed teaches nothing. */
  readonly isBeside?: boolean
}

const MOST_CELLS = 250_000
const MOST_EXAMPLES = 3
const MOST_ACTORS = 8
const SLICES = 168
const SHORTEST_SLICE = 600_000

/** Reads decisions one by one and keeps what they are like, in memory that does not grow with their number. */
export function tallying(land: Landscape, { since, until, mostCells = MOST_CELLS, isBeside = false }: TallyOptions) {
  const rows = new Map<number, Map<number, Cell>>()
  const rhythms = new Map<number, Rhythm>()
  const used = new Map<string, PolicyUse>()
  const refused = new Map<string, Refusals>()
  const skipped = { enforced: 0, refused: 0, asked: 0, unknown: 0, granted: 0, crowded: 0 }
  const length = Math.max(SHORTEST_SLICE, Math.ceil((until - since + 1) / SLICES))
  const slice = (at: number): number => Math.min(SLICES - 1, Math.max(0, Math.floor((at - since) / length)))
  let size = 0
  let decisions = 0
  let learnt = 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY

  const cellFor = (principal: number, action: LandscapeAction, resource: number, isTainted: boolean) => {
    const key = (rhythmKey(principal, action) << 1) + (isTainted ? 1 : 0)
    let row = rows.get(key)
    if (row === undefined) {
      row = new Map()
      rows.set(key, row)
    }
    const known = row.get(resource)
    if (known !== undefined) return known
    let at = resource
    if (size >= mostCells) {
      const [container] = land.within(resource)
      if (container === undefined) return undefined
      at = container
      const folded = row.get(-1 - at)
      if (folded !== undefined) return folded
      if (size >= mostCells * 2) return undefined
    }
    const isFolded = at !== resource
    const cell: Cell = {
      principal,
      action,
      resource: at,
      isTainted,
      isFolded,
      count: 0,
      denied: 0,
      alone: 0,
      acting: 0,
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
      examples: [],
      actors: new Set(),
      arguments: undefined,
    }
    row.set(isFolded ? -1 - at : at, cell)
    size++
    return cell
  }

  const learn = (observed: Observed, action: LandscapeAction): boolean => {
    const { chain, decision, at, index } = observed
    const resource = land.numberOf(observed.resource)
    if (observed.entities !== undefined) placeStated(land, observed.entities)
    const isTainted = action.isCall && hasUntrusted(observed)
    const actor = chain[chain.length - 1]
    const acting = actor === undefined ? -1 : land.numberOf({ type: actor.kind, id: actor.id })
    let isLearnt = false
    for (const [place, link] of chain.entries()) {
      if (decision === 'allow' && isGrantedByRole(observed, link)) continue
      const principal = land.numberOf({ type: link.kind, id: link.id })
      const isActor = place === chain.length - 1
      const cell = cellFor(principal, action, resource, isTainted && isActor)
      if (cell === undefined) {
        skipped.crowded++
        continue
      }
      isLearnt = true
      cell.count++
      if (decision === 'observed-deny') cell.denied++
      if (chain.length === 1) cell.alone++
      if (isActor) {
        cell.acting++
        beat(rhythms, rhythmKey(principal, action), slice(at))
        if (observed.arguments !== undefined) {
          cell.arguments ??= newSketch()
          addCall(cell.arguments, observed.arguments)
        }
      } else if (cell.actors !== undefined) {
        cell.actors.add(acting)
        if (cell.actors.size > MOST_ACTORS) cell.actors = undefined
      }
      if (at < cell.first) cell.first = at
      if (at > cell.last) cell.last = at
      if (cell.examples.length < MOST_EXAMPLES && cell.examples.at(-1) !== index) cell.examples.push(index)
    }
    return isLearnt
  }

  return {
    add(observed: Observed): void {
      const { at, decision, reasons } = observed
      if (at < since || at > until) return
      decisions++
      if (at < first) first = at
      if (at > last) last = at
      if (decision === 'allow') noteUse(used, observed, land)
      if (observed.isListing || observed.isProposed) {
        skipped.asked++
        return
      }
      if (decision === 'allow' && isBeside) {
        skipped.granted++
        return
      }
      if (decision === 'deny') {
        skipped.enforced++
        return
      }
      if (decision === 'observed-deny' && reasons.length > 0) {
        skipped.refused++
        noteRefusal(refused, observed)
        return
      }
      const action = land.action(observed.action)
      // What is no text cannot stand in a policy as it is.
      const isKnown =
        observed.resource.id.isWellFormed() &&
        action?.resources.has(observed.resource.type) === true &&
        observed.chain.every(({ kind, id }) => {
          return (
            action.principals.has(kind) && PRINCIPAL_TYPES.has(kind) && land.isKnown(land.numberOf({ type: kind, id }))
          )
        })
      if (action === undefined || !isKnown) skipped.unknown++
      else if (learn(observed, action)) learnt++
      else skipped.granted++
    },
    done(): Tally {
      const cells = [...rows.values()].flatMap((row) => [...row.values()])
      const [from, to] = decisions === 0 ? [since, until] : [first, last]
      return { cells, rhythms, slice, used, refused, decisions, learnt, skipped, from, until: to }
    },
  }
}

const MOST_ACTIONS = 4096

export function rhythmKey(principal: number, action: LandscapeAction): number {
  return principal * MOST_ACTIONS + action.number
}

function beat(rhythms: Map<number, Rhythm>, key: number, slice: number): void {
  let rhythm = rhythms.get(key)
  if (rhythm === undefined) {
    rhythm = new Uint16Array(SLICES)
    rhythms.set(key, rhythm)
  }
  const before = rhythm[slice] ?? 0
  if (before < 65_535) rhythm[slice] = before + 1
}

/** What a role grants stays with the role: no policy has to say it again. */
function isGrantedByRole({ reasons }: Observed, link: { readonly kind: string; readonly id: string }): boolean {
  return reasons.some(
    ({ policy, principal }) => principal.type === link.kind && principal.id === link.id && isLinkId(policy),
  )
}

function hasUntrusted({ context, origin }: Observed): boolean {
  const said = context.origin
  if (typeof said === 'object' && said !== null && !Array.isArray(said)) {
    const { untrusted } = said as { readonly [name: string]: unknown } // an object, as was just seen
    if (Array.isArray(untrusted)) return untrusted.length > 0
  }
  if (origin === undefined) return false
  for (const pointer in origin)
    if (origin[pointer]?.source.startsWith('tool') === true && !origin[pointer].trusted) return true
  return false
}

function placeStated(land: Landscape, entities: NonNullable<Observed['entities']>): void {
  for (const { uid, parents = [] } of entities) {
    const plain = (one: typeof uid): EntityRef => ('__entity' in one ? one.__entity : one)
    land.place(land.numberOf(plain(uid)), parents.map(plain))
  }
}

function noteUse(used: Map<string, PolicyUse>, { reasons, at, action }: Observed, land: Landscape): void {
  for (const { policy, principal } of reasons) {
    let use = used.get(policy)
    if (use === undefined) {
      use = { count: 0, last: at, principals: new Set(), actions: new Set() }
      used.set(policy, use)
    }
    use.count++
    if (at > use.last) use.last = at
    use.principals.add(land.numberOf(principal))
    use.actions.add(action)
  }
}

function noteRefusal(refused: Map<string, Refusals>, { reasons, at, index }: Observed): void {
  for (const policy of new Set(reasons.map((reason) => reason.policy))) {
    let known = refused.get(policy)
    if (known === undefined) {
      known = { count: 0, last: at, examples: [] }
      refused.set(policy, known)
    }
    known.count++
    if (at > known.last) known.last = at
    if (known.examples.length < MOST_EXAMPLES) known.examples.push(index)
  }
}
