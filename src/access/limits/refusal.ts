import type { Decision, Reason } from '../question.ts'
import type { Need } from './needs.ts'
import { fromCount, toCount } from './units.ts'

/** A need that is not met. */
export interface Unmet {
  readonly need: Need
  /** Seconds until it would be, at the latest; `undefined` where it never would. */
  readonly wait: number | undefined
}

/** The denial that an allowed decision becomes. */
export function refusalOf(decision: Decision, unmet: readonly Unmet[]): Decision {
  const { revision, facts, errors, state } = decision
  const waits = unmet.map(({ wait }) => wait)
  const seconds = waits.reduce<number | undefined>(
    (longest, wait) => (longest === undefined || wait === undefined ? undefined : Math.max(longest, wait)),
    0,
  )
  return {
    decision: 'deny',
    reasons: unmet.map(reasonOf),
    errors,
    revision,
    facts,
    ...(state === undefined ? {} : { state }),
    remedy: remedyOf(unmet, seconds),
    ...(seconds === undefined ? {} : { advice: [{ kind: 'wait', seconds }] }),
    withheld: 'limit',
  }
}

function reasonOf({ need: { applying, allowance } }: Unmet): Reason {
  const { statement, principal } = applying
  const title = statement.title ?? `no more than ${amountText(allowance.amount, allowance.unit)} a ${allowance.window}`
  return { policy: statement.id, principal, title, ...(statement.why === undefined ? {} : { why: statement.why }) }
}

function remedyOf(unmet: readonly Unmet[], seconds: number | undefined): string {
  const own = unmet.map(({ need }) => need.applying.statement.remedy).find((remedy) => remedy !== undefined)
  if (own !== undefined) return own
  if (seconds !== undefined) return `wait ${seconds} second${seconds === 1 ? '' : 's'}`
  const never = unmet.find(({ wait }) => wait === undefined)?.need
  if (never?.kind !== 'budget') return 'ask for less at once'
  const { unit, window, amount } = never.allowance
  if (never.count === toCount(Number.POSITIVE_INFINITY, unit)) {
    return `what this costs in ${unit} is not known; an administrator declares the price of the model`
  }
  const asked = amountText(fromCount(never.count, unit), unit)
  return `this needs ${asked} at once, and ${amountText(amount, unit)} a ${window} is all there is; ask for less at once`
}

function amountText(amount: number, unit: string): string {
  const name = unit.replaceAll('_', ' ')
  return `${amount} ${amount === 1 && name.endsWith('s') ? name.slice(0, -1) : name}`
}
