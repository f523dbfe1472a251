import { describeSchema, type EntityJson, type Steps } from '../../cedar/index.ts'
import { unhurried } from '../unhurried.ts'
import { coverCells, type Grant } from './cover.ts'
import { type Excess, excessIn, excessOf } from './excess.ts'
import { type Landscape, type LandscapeAction, landscapeOf } from './landscape.ts'
import { type SuggestedStatement, suggestedFile } from './policy-file.ts'
import { activeIn, type Caution, sortCells } from './set-aside.ts'
import { type Draft, statementsOf } from './statements.ts'
import { type InForce, type TakeAway, takeAway } from './take-away.ts'
import { type Cell, type Observed, type Refusals, type Skipped, type Tally, tallying } from './tally.ts'

/** What is known of a tenant beside its records. */
export interface SuggestWorld {
  readonly tenant: string
  /** In force, with the tenant's own types. */
  readonly schema: string
  /** Principals, their groups, and resources. */
  readonly entities: readonly EntityJson[]
  /** Without it, nothing is said of what nobody used. */
  readonly inForce?: InForce
}

export interface SuggestOptions {
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly until: number
  /** Left out is not granted, unless somebody who has looked at it names it here, by id (`left-out/3`) or by its caution. */
  readonly accept?: readonly string[]
  /** Only what the policies in force do not permit; without it, all that was observed, to stand in their place. */
  readonly isBeside?: boolean
  /** Statements may grant at most this share of what was never seen, each: 0.01 unless it is given. */
  readonly mostBeyond?: number
  readonly mostCells?: number
}

export interface Suggestion {
  /** The policy, in Cedar. */
  readonly text: string
  readonly statements: readonly SuggestedStatement[]
  /** For somebody to look at: not granted. In the text as comments. */
  readonly leftOut: readonly SuggestedStatement[]
  /** What is denied whatever is granted, by the policy that says so. */
  readonly refused: readonly ({ readonly policy: string } & Refusals)[]
  readonly takeAway: readonly TakeAway[]
  /** What was accepted and was not left out: misspelt, or of another suggestion. */
  readonly pointless: readonly string[]
  /** Files in whose place it stands, where it is complete. */
  readonly replaces: readonly string[]
  readonly excess: Excess
  readonly decisions: number
  readonly learnt: number
  readonly skipped: Readonly<Record<Skipped, number>>
  /** Different requests among what was learnt from: principal, action, resource. */
  readonly requests: number
  /** Of those, the ones that are granted. */
  readonly covered: number
  readonly principals: number
  readonly from: number
  readonly until: number
}

/**
 * The least that has to be granted for what was observed to go on. Reads the decisions once, in memory that does not grow
 * with their number, and lets others have their turn. The same decisions give the same suggestion.
 */
export async function suggestPolicies(
  decisions: AsyncIterable<Observed> | Iterable<Observed>,
  world: SuggestWorld,
  options: SuggestOptions,
): Promise<Suggestion> {
  const land = landscapeOf(describeSchema(world.schema), world.entities)
  const tally = tallying(land, options)
  for await (const observed of decisions) tally.add(observed)
  return unhurried(suggestionSteps(tally.done(), land, world, options))
}

function* suggestionSteps(
  tally: Tally,
  land: Landscape,
  world: SuggestWorld,
  options: SuggestOptions,
): Steps<Suggestion> {
  const links = yield* granted(tally.cells, land, world.inForce, options.isBeside === true ? 'anything' : 'roles')
  const cells = tally.cells.filter((cell) => !links.has(cell))
  const active = activeIn(tally.cells)
  const { learnt, aside } = yield* sortCells(cells, tally, land)
  const { mostBeyond = 0.01, accept = [] } = options
  const { kept, broad } = withoutBroad(
    statementsOf(yield* coverAll(learnt, land, active), land),
    land,
    mostBeyond * excessOf([], cells, land).space,
  )
  const cautions: (readonly [Caution, readonly Draft[]])[] = [['broad', broad]]
  for (const caution of CAUTIONS) {
    const some = aside.get(caution)
    if (some === undefined) continue
    const grants = yield* coverAll(some, land, active)
    cautions.push([caution, statementsOf(grants, land, caution === 'untrusted')])
  }
  const file = yield* suggestedFile({ drafts: kept, cautions, accept, land, tally, tenant: world.tenant })
  const covered = new Set(file.drafts.flatMap((draft) => [...draft.cells]))
  return {
    text: file.text,
    statements: file.statements,
    leftOut: file.leftOut,
    refused: [...tally.refused]
      .map(([policy, refusals]) => ({ policy, ...refusals }))
      .sort((a, b) => b.count - a.count || (a.policy < b.policy ? -1 : 1)),
    takeAway: world.inForce === undefined ? [] : yield* takeAway(world.inForce, tally, links, land),
    pointless: accept.filter((one) => !file.accepted.has(one)),
    replaces: options.isBeside === true ? [] : (world.inForce?.grantFiles ?? []),
    excess: excessOf(file.drafts, cells, land),
    decisions: tally.decisions,
    learnt: tally.learnt,
    skipped: tally.skipped,
    requests: cells.length,
    covered: covered.size,
    principals: active.size,
    from: tally.from,
    until: tally.until,
  }
}

/** Those who act, and then those who stand behind them, as far as they are not granted it anyway. */
function* coverAll(cells: readonly Cell[], land: Landscape, active: ReadonlySet<number>): Steps<readonly Grant[]> {
  const acting = cells.filter((cell) => cell.acting > 0)
  const { grants } = yield* coverCells(acting, land, { active, setsAside: false })
  const granted = new Map<
    LandscapeAction,
    { readonly who: ReadonlySet<number>; readonly what: ReadonlySet<number> }[]
  >()
  for (const { subject, target, action } of grants) {
    // What a call is granted for is bound to its arguments, and those behind are not asked about them.
    if (action.isCall) continue
    const who = subject.named.length > 0 ? subject.named : land.members(subject.kind, subject.groups)
    const list = granted.get(action) ?? []
    granted.set(action, list)
    list.push({ who: new Set(who), what: new Set(target.grants) })
  }
  const behind = cells.filter(({ acting: own, action, principal, resource }) => {
    return own === 0 && !granted.get(action)?.some(({ who, what }) => who.has(principal) && what.has(resource))
  })
  const rest = yield* coverCells(behind, land, { active, setsAside: false, isBehind: true })
  return [...grants, ...rest.grants]
}

const CAUTIONS: readonly Caution[] = ['untrusted', 'alone', 'burst', 'elevated', 'administration']

/** What is permitted already, and by what: no policy has to say it again. */
function* granted(
  cells: readonly Cell[],
  land: Landscape,
  inForce: InForce | undefined,
  by: 'roles' | 'anything',
): Steps<ReadonlyMap<Cell, readonly string[]>> {
  const found = new Map<Cell, readonly string[]>()
  if (inForce === undefined) return found
  for (const cell of cells) {
    if (cell.isFolded) continue
    const asked = { principal: land.uidOf(cell.principal), action: cell.action.id, resource: land.uidOf(cell.resource) }
    const links = inForce.granting(by, asked)
    if (links.length > 0) found.set(cell, links)
    yield
  }
  return found
}

/** Those that grant too much beyond what was seen say instead who did what, one by one, or are left out. */
function withoutBroad(drafts: readonly Draft[], land: Landscape, most: number) {
  const kept: Draft[] = []
  const broad: Draft[] = []
  for (const draft of drafts) {
    if (excessIn(draft, land).beyond <= most) kept.push(draft)
    else if (draft.cells.size <= MOST_LISTED) kept.push(...statementsOf(oneByOne(draft, land), land))
    else broad.push(draft)
  }
  return { kept, broad }
}

const MOST_LISTED = 200

function oneByOne({ cells }: Draft, land: Landscape): readonly Grant[] {
  return [...cells].map((cell) => {
    const { action, principal, resource, isFolded } = cell
    const grants = isFolded ? land.below(resource, action) : [resource]
    return {
      subject: { kind: land.uidOf(principal).type, groups: [], named: [principal] },
      action,
      target: { container: resource, isContainer: isFolded, grants, touched: [resource] },
      cells: [cell],
    }
  })
}
