import type { Unreplayable } from '../history/recorded-decision.ts'

/** What would have been decided otherwise, of what was decided in a span of time. */
export interface ReplayReport {
  /** Content address of the policies that were tried, and of those in force when they were. */
  readonly candidate: string
  readonly active: string
  /** Of the records that were read, in milliseconds since the epoch; `undefined` where there were none. */
  readonly from: number | undefined
  readonly to: number | undefined
  readonly records: number
  /** Decisions of which it is known what they come to. */
  readonly decided: number
  /** Those among them that no changed policy can have a say in; they were not decided again, and stay as they were. */
  readonly untouched: number
  readonly newlyAllowed: number
  readonly newlyDenied: number
  /** Of the decisions that stay as they are, those that a limit refused: what it would be under the candidate nobody knows. */
  readonly limited: number
  /** Decisions that could not be made again, by why. */
  readonly unreplayable: { readonly [why in Unreplayable]?: number }
  /** Most often first; newly allowed before newly denied. */
  readonly groups: readonly ReplayGroup[]
  /** Differences that are in no group, because there would be too many. */
  readonly ungrouped: number
  readonly byPrincipal: readonly ReplayTotal[]
  readonly byAction: readonly ReplayTotal[]
  readonly byResource: readonly ReplayTotal[]
  readonly byPolicy: readonly ReplayTotal[]
  /** Titles of the policies that are named, as far as they have one. */
  readonly titles: { readonly [policy: string]: string }
  /** How long it took. */
  readonly ms: number
}

/** Differences of one kind. */
export interface ReplayGroup {
  readonly effect: 'allowed' | 'denied'
  /** `Agent of type analyst for User`: who acts, and for whom. */
  readonly principals: string
  readonly action: string
  readonly resourceType: string
  /** Policies that decided then, and that decide under the candidate. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly count: number
  /** How many different actors and resources; at most `MOST_DISTINCT`. */
  readonly actors: number
  readonly resources: number
  readonly firstAt: number
  readonly lastAt: number
  readonly examples: readonly ReplayExample[]
}

export interface ReplayExample {
  /** Of the record, and the place of the question in it. */
  readonly index: number
  readonly place: number
  readonly txn: string
  readonly at: number
  /** `User::alice`, from the subject to the actor. */
  readonly chain: readonly string[]
  /** `Table::churn/events` */
  readonly resource: string
}

export interface ReplayTotal {
  readonly name: string
  readonly allowed: number
  readonly denied: number
}

/** Beyond this, nobody counts on. */
export const MOST_DISTINCT = 500
