import type { Context } from '../../kernel/index.ts'
import type { Amounts } from '../amounts.ts'
import type { Decision, Question } from '../question.ts'
import type { Taken, Taker } from '../reserve.ts'
import { type Applying, type Asked, applyingTo, withFaults } from './applying.ts'
import type { Charge, Charged, Ledger } from './ledger.ts'
import { type BudgetNeed, type Need, needsOf, type RateNeed } from './needs.ts'
import type { Rates, RateTaken } from './rates.ts'
import { refusalOf, type Unmet } from './refusal.ts'
import type { Statement, StatementSet } from './statement.ts'
import { toCount, usedOf } from './units.ts'
import type { Window, WindowName } from './windows.ts'

/** Holds requests to the statements that match them: looks, and takes. */
export interface Limits extends Taker {
  /**
   * The decision with what the limits say of it: one that allows becomes a denial where something is used up. Consumes
   * nothing. `refuses` says which statements can refuse; all, where it is left out. INVARIANT: it never turns a denial
   * into anything else.
   */
  look(ctx: Context, question: Question, decision: Decision, refuses?: (statement: Statement) => boolean): Decision
  /** Percent that are used of the allowance nearest to its end, of those that apply; the fact `usage` of policies. */
  share(ctx: Context, question: Question): number | undefined
}

export interface LimitsDeps {
  /** The statements in force now. */
  readonly statements: () => StatementSet | undefined
  readonly asked: (ctx: Context, question: Question) => Asked
  /** In the tenant's time zone as it is now. */
  readonly windowOf: () => (name: WindowName, now: number) => Window
  readonly ledger: Ledger
  readonly rates: Rates
  readonly meter: LimitMeter
  /**
   * What of the limits is only observed for a request, where anything is; for a decision as it was made, `observed`
   * aside.
   */
  readonly observing: (ctx: Context, question: Question, decision: Decision) => LimitsObserved | undefined
  /** Told once in a window, when the share that a `@notify` names is used. */
  readonly onShare: (ctx: Context, share: UsedShare) => void
}

/** Limits that count and do not refuse. */
export interface LimitsObserved {
  isObserved(statement: Statement): boolean
  /** The denial that a decision becomes, which refuses nothing. */
  observed(denial: Decision): Decision
}

/** Counts what limits do, by the id of the statement. */
export interface LimitMeter {
  reserved(statement: string): void
  refused(statement: string): void
}

/** Part of an allowance that is used. */
export interface UsedShare {
  readonly statement: string
  readonly title: string | undefined
  /** `50000 tokens/day` */
  readonly allowance: string
  readonly key: string
  /** In percent: what the statement asked to be told of. */
  readonly share: number
}

export function createLimits(deps: LimitsDeps): Limits {
  // What was found when it was decided is good for taking, as long as the statements are the same.
  const found = new WeakMap<Decision, { readonly set: StatementSet; readonly needs: readonly Need[] }>()

  const needsFor = (ctx: Context, question: Question, decision: Decision): readonly Need[] => {
    const set = deps.statements()
    if (set === undefined) return NONE
    const known = found.get(decision)
    if (known?.set === set) return known.needs
    const asked = deps.asked(ctx, question)
    return needsOf(applyingTo(ctx.caller, asked, set), question, asked.action.id)
  }

  return {
    look(ctx, question, decision, refuses) {
      if (decision.decision === 'deny') return decision
      const set = deps.statements()
      if (set === undefined) return decision
      const asked = deps.asked(ctx, question)
      const applying = applyingTo(ctx.caller, asked, set)
      if (applying.length === 0) {
        found.set(decision, { set, needs: NONE })
        return decision
      }
      const needs = needsOf(applying, question, asked.action.id)
      const looked = withFaults(decision, applying)
      found.set(looked, { set, needs })
      const now = ctx.clock.now()
      const refusing = refuses === undefined ? needs : needs.filter(({ applying: { statement } }) => refuses(statement))
      const unmet = refusing.flatMap((need) => unmetNow(need, now, deps))
      return unmet.length === 0 ? looked : refusalOf(looked, unmet)
    },
    share(ctx, question) {
      const set = deps.statements()
      if (set === undefined) return undefined
      const asked = deps.asked(ctx, question)
      const needs = needsOf(applyingTo(ctx.caller, asked, set), question, asked.action.id)
      const now = ctx.clock.now()
      return needs.length === 0 ? undefined : Math.max(...needs.map((need) => shareUsed(need, now, deps)))
    },
    take(ctx, question, decision) {
      const observing = deps.observing(ctx, question, decision)
      const all = needsFor(ctx, question, decision)
      // What is only observed counts what would have come to it: what policies refuse would not have.
      const isPermitted = decision.decision === 'allow' || decision.withheld === 'limit'
      const needs =
        observing === undefined || isPermitted
          ? all
          : all.filter(({ applying: { statement } }) => !observing.isObserved(statement))
      return needs.length === 0 ? undefined : takeNeeds(ctx, question, decision, { needs, observing }, deps)
    },
  }
}

const NONE: readonly never[] = Object.freeze([])

function unmetNow(need: Need, now: number, { rates, ledger, windowOf }: LimitsDeps): readonly Unmet[] {
  if (need.kind === 'rate') {
    const wait = rates.wait(need.rate, need.applying.key)
    return wait === 0 ? [] : [{ need, wait }]
  }
  const window = windowOf()(need.allowance.window, now)
  if (ledger.used(need.account, window) + need.count <= need.most) return []
  return [{ need, wait: waitFor(need, window, now) }]
}

function shareUsed(need: Need, now: number, { rates, ledger, windowOf }: LimitsDeps): number {
  if (need.kind === 'rate') return Math.floor((rates.count(need.rate, need.applying.key) * 100) / need.rate.points)
  return Math.floor((ledger.used(need.account, windowOf()(need.allowance.window, now)) * 100) / need.most)
}

/** Seconds until a new window begins; what asks for more than a whole window has would wait for ever. */
function waitFor({ count, most }: BudgetNeed, window: Window, now: number): number | undefined {
  return count > most ? undefined : Math.max(1, Math.ceil((window.end - now) / 1000))
}

interface TakenRate {
  readonly need: RateNeed
  readonly taken: RateTaken
}

interface ToTake {
  readonly needs: readonly Need[]
  readonly observing: LimitsObserved | undefined
}

/** Rates first: they cost no write. INVARIANT: when it resolves with something taken, all of that is on disk. */
async function takeNeeds(
  ctx: Context,
  question: Question,
  decision: Decision,
  { needs, observing }: ToTake,
  deps: LimitsDeps,
): Promise<Taken | Decision> {
  const taken: TakenRate[] = []
  const giveBack = (): void => {
    for (const one of taken) one.taken.release()
  }
  const refuse = (unmet: Unmet): Decision => {
    giveBack()
    deps.meter.refused(unmet.need.applying.statement.id)
    return refusalOf(decision, [unmet])
  }
  const isObserved = ({ applying }: Need): boolean => observing?.isObserved(applying.statement) === true
  /** Used up, counted all the same. */
  const beyond: Unmet[] = []
  for (const need of needs) {
    if (need.kind !== 'rate') continue
    const mayPass = isObserved(need)
    const answer = await deps.rates.take(need.rate, need.applying.key, mayPass)
    if ('wait' in answer) {
      if (!mayPass) return refuse({ need, wait: answer.wait })
      beyond.push({ need, wait: answer.wait })
      continue
    }
    if (answer.used > need.rate.points) beyond.push({ need, wait: deps.rates.wait(need.rate, need.applying.key) })
    taken.push({ need, taken: answer })
  }
  const now = ctx.clock.now()
  let charges = needs.flatMap((need) => (need.kind === 'budget' ? [chargeFor(need, now, deps)] : []))
  for (const [at, charge] of charges.entries()) {
    const { need, window, amount, most } = charge
    if (!isObserved(need) || deps.ledger.used(need.account, window) + amount <= most) continue
    beyond.push({ need, wait: waitFor(need, window, now) })
    // What is as much as can be is a cost that nobody knows, and no count of anything.
    const isKnown = amount < toCount(Number.POSITIVE_INFINITY, need.allowance.unit)
    charges = charges.with(at, { ...charge, amount: isKnown ? amount : 0, most: Number.POSITIVE_INFINITY })
  }
  let charged = deps.ledger.charge(charges)
  while (!isCharged(charged)) {
    const full = charged as NeededCharge // one of those that were handed in
    const wait = waitFor(full.need, full.window, now)
    if (!isObserved(full.need)) return refuse({ need: full.need, wait })
    // There is no room for one more key.
    beyond.push({ need: full.need, wait })
    charges = charges.filter((charge) => charge !== full)
    charged = deps.ledger.charge(charges)
  }
  const entries = charged
  const all = charges.map((charge, index) => ({ charge, entry: entries[index] }))
  try {
    if (charges.length > 0) await deps.ledger.durable()
  } catch (error) {
    giveBack()
    for (const { charge, entry } of all) entry?.correct(-charge.amount)
    throw error
  }
  for (const id of new Set(needs.map(({ applying }) => applying.statement.id))) deps.meter.reserved(id)
  for (const { need, taken: rate } of taken) tellRate(ctx, need, rate, deps)
  for (const { charge } of all) tellBudget(ctx, charge, deps)
  const became =
    beyond.length === 0 || decision.decision === 'deny' ? undefined : observing?.observed(refusalOf(decision, beyond))
  return {
    ...(became === undefined ? {} : { became }),
    settle(used) {
      for (const { charge, entry } of all) {
        entry?.correct(differenceTo(charge, used, question))
        tellBudget(ctx, charge, deps)
      }
    },
    release() {
      giveBack()
      for (const { charge, entry } of all) entry?.correct(-charge.amount)
    },
  }
}

interface NeededCharge extends Charge {
  readonly need: BudgetNeed
}

function chargeFor(need: BudgetNeed, now: number, { windowOf }: LimitsDeps): NeededCharge {
  const window = windowOf()(need.allowance.window, now)
  return { need, account: need.account, window, amount: need.count, most: need.most }
}

function isCharged(answer: readonly Charged[] | Charge): answer is readonly Charged[] {
  return Array.isArray(answer)
}

/** What was reserved stands where nobody can say what was used. */
function differenceTo({ need, amount }: NeededCharge, used: Amounts | undefined, question: Question): number {
  const { unit } = need.allowance
  const actual = usedOf(unit, used, question)
  return actual === undefined ? 0 : toCount(actual, unit) - amount
}

function tellRate(ctx: Context, { applying, allowance, rate }: RateNeed, { used }: RateTaken, deps: LimitsDeps): void {
  const crossed = (share: number): boolean =>
    used * 100 >= share * rate.points && (used - 1) * 100 < share * rate.points
  const share = applying.statement.notify.findLast(crossed)
  if (share !== undefined) deps.onShare(ctx, shareOf(applying, allowance.text, share))
}

function tellBudget(ctx: Context, { need, window, account, most }: NeededCharge, deps: LimitsDeps): void {
  const { applying, allowance } = need
  if (applying.statement.notify.length === 0) return
  const used = deps.ledger.used(account, window)
  const share = applying.statement.notify.findLast((one) => used * 100 >= one * most)
  if (share === undefined || deps.ledger.told(account, window, share) >= share) return
  deps.onShare(ctx, shareOf(applying, allowance.text, share))
}

function shareOf({ statement, key }: Applying, allowance: string, share: number): UsedShare {
  return { statement: statement.id, title: statement.title, allowance, key, share }
}
