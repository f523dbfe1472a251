import type { RecordedDecision, Unreplayable } from '../history/recorded-decision.ts'
import type { EntityRef } from '../question.ts'
import { MOST_DISTINCT, type ReplayExample, type ReplayGroup, type ReplayReport, type ReplayTotal } from './report.ts'

/** What a decision comes to when it is made again. */
export interface MadeAgain {
  readonly decision: 'allow' | 'deny'
  readonly reasons: readonly { readonly policy: string; readonly principal: EntityRef }[]
}

/** What of a recorded decision is compared. */
export type ComparedDecision = Pick<
  RecordedDecision,
  'index' | 'place' | 'txn' | 'at' | 'chain' | 'action' | 'resource' | 'decision' | 'reasons' | 'withheld'
>

export interface ComparisonOptions<Compared extends ComparedDecision = ComparedDecision> {
  /** What agents of a kind have in common, as people name it: `Agent of type analyst`; by the state it was decided in. */
  readonly kindOf: (principal: EntityRef, recorded: Compared) => string
}

/**
 * Gathers what would be decided otherwise. INVARIANT: its memory does not grow with the number of decisions: groups,
 * examples and whatever else is told apart are bounded, and what is beyond the bounds is still counted.
 */
export class Comparison<Compared extends ComparedDecision = ComparedDecision> {
  readonly #kindOf: ComparisonOptions<Compared>['kindOf']
  readonly #groups = new Map<string, Gathered>()
  readonly #by = { principal: new Totals(), action: new Totals(), resource: new Totals(), policy: new Totals() }
  readonly #unreplayable = new Map<Unreplayable, number>()
  #decided = 0
  #allowed = 0
  #denied = 0
  #limited = 0
  #untouched = 0
  #ungrouped = 0

  constructor({ kindOf }: ComparisonOptions<Compared>) {
    this.#kindOf = kindOf
  }

  get decided(): number {
    return this.#decided
  }

  get differences(): number {
    return this.#allowed + this.#denied
  }

  /** One that no changed policy can have a say in: what it was, it is. */
  stays(): void {
    this.#decided++
    this.#untouched++
  }

  /** Whether it is another decision now. */
  add(recorded: Compared, again: MadeAgain): boolean {
    this.#decided++
    const was = recorded.decision === 'allow'
    const is = again.decision === 'allow'
    if (was === is) return false
    if (is && recorded.withheld === 'limit') {
      // The policies allowed it then, too.
      this.#limited++
      return false
    }
    const effect = is ? 'allowed' : 'denied'
    if (is) this.#allowed++
    else this.#denied++
    this.#count(effect, recorded, again)
    return true
  }

  cannot(why: Unreplayable): void {
    this.#unreplayable.set(why, (this.#unreplayable.get(why) ?? 0) + 1)
  }

  #count(effect: ReplayGroup['effect'], recorded: Compared, again: MadeAgain): void {
    const { chain, action, resource } = recorded
    const subject = chain[0]
    const actor = chain[chain.length - 1] ?? subject
    const kinds = chain.map(({ kind, id }) => this.#kindOf({ type: kind, id }, recorded))
    const [first = '', last = first] = [kinds[0], kinds.at(-1)]
    const principals = chain.length === 1 ? first : `${last} for ${first}`
    const before = policiesOf(recorded.reasons)
    const after = policiesOf(again.reasons)
    this.#by.principal.count(effect, `${actor.kind}::${actor.id}`)
    this.#by.action.count(effect, action)
    this.#by.resource.count(effect, nameOf(resource))
    // What has changed its mind: a policy that speaks on one side only.
    const speaking = [...before.filter((id) => !after.includes(id)), ...after.filter((id) => !before.includes(id))]
    for (const id of speaking.length === 0 ? [NO_POLICY] : speaking) this.#by.policy.count(effect, id)

    const key = JSON.stringify([effect, principals, action, resource.type, before, after])
    let group = this.#groups.get(key)
    if (group === undefined) {
      if (this.#groups.size >= MOST_GROUPS) {
        this.#ungrouped++
        return
      }
      group = gathered({ effect, principals, action, resourceType: resource.type, before, after })
      this.#groups.set(key, group)
    }
    group.count++
    group.firstAt = Math.min(group.firstAt, recorded.at)
    group.lastAt = Math.max(group.lastAt, recorded.at)
    const isNewActor = noted(group.actors, actor.id)
    const isNewResource = noted(group.resources, resource.id)
    // Those that have something new say more than another of the same.
    if (group.examples.length < EXAMPLES && (isNewActor || isNewResource)) group.examples.push(exampleOf(recorded))
  }

  report(
    about: Pick<ReplayReport, 'candidate' | 'active' | 'from' | 'to' | 'records' | 'titles' | 'ms'>,
  ): ReplayReport {
    const groups = [...this.#groups.values()].map(({ about, count, actors, resources, firstAt, lastAt, examples }) => ({
      ...about,
      count,
      actors: actors.size,
      resources: resources.size,
      firstAt,
      lastAt,
      examples,
    }))
    const named = new Set(groups.flatMap(({ before, after }) => [...before, ...after]))
    const titles = Object.entries(about.titles).filter(([policy]) => named.has(policy))
    return {
      ...about,
      titles: Object.fromEntries(titles),
      decided: this.#decided,
      newlyAllowed: this.#allowed,
      newlyDenied: this.#denied,
      untouched: this.#untouched,
      limited: this.#limited,
      unreplayable: Object.fromEntries(this.#unreplayable),
      groups: groups.sort(byWeight),
      ungrouped: this.#ungrouped,
      byPrincipal: this.#by.principal.list(),
      byAction: this.#by.action.list(),
      byResource: this.#by.resource.list(),
      byPolicy: this.#by.policy.list(),
    }
  }
}

/** How a difference is named where the same policies speak on both sides. */
const NO_POLICY = '(the same policies)'
const MOST_GROUPS = 1000
const EXAMPLES = 3

interface Gathered {
  readonly about: Pick<ReplayGroup, 'effect' | 'principals' | 'action' | 'resourceType' | 'before' | 'after'>
  count: number
  firstAt: number
  lastAt: number
  readonly actors: Set<string>
  readonly resources: Set<string>
  readonly examples: ReplayExample[]
}

function gathered(about: Gathered['about']): Gathered {
  const [firstAt, lastAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  return { about, count: 0, firstAt, lastAt, actors: new Set(), resources: new Set(), examples: [] }
}

/** Whether it is new, as far as anybody counts. */
function noted(set: Set<string>, id: string): boolean {
  if (set.size >= MOST_DISTINCT || set.has(id)) return false
  set.add(id)
  return true
}

/** Counts by name; beyond a number of names, only those that are there already. */
class Totals {
  readonly #totals = new Map<string, { allowed: number; denied: number }>()

  count(effect: ReplayGroup['effect'], name: string): void {
    let total = this.#totals.get(name)
    if (total === undefined) {
      if (this.#totals.size >= MOST_NAMES) return
      total = { allowed: 0, denied: 0 }
      this.#totals.set(name, total)
    }
    total[effect]++
  }

  list(): readonly ReplayTotal[] {
    const all = [...this.#totals].map(([name, total]): ReplayTotal => ({ name, ...total }))
    return all.sort((a, b) => b.allowed + b.denied - a.allowed - a.denied || (a.name < b.name ? -1 : 1)).slice(0, SHOWN)
  }
}

const MOST_NAMES = 20_000
const SHOWN = 100

function policiesOf(reasons: MadeAgain['reasons']): readonly string[] {
  return reasons.length === 0 ? [] : [...new Set(reasons.map(({ policy }) => policy))].sort()
}

function exampleOf({ index, place, txn, at, chain, resource }: ComparedDecision): ReplayExample {
  return {
    index,
    place,
    txn,
    at,
    chain: chain.map(({ kind, id }) => `${kind}::${id}`),
    resource: nameOf(resource),
  }
}

function nameOf({ type, id }: EntityRef): string {
  return `${type}::${id}`
}

function byWeight(a: ReplayGroup, b: ReplayGroup): number {
  if (a.effect !== b.effect) return a.effect === 'allowed' ? -1 : 1
  return b.count - a.count || (a.action < b.action ? -1 : 1)
}
