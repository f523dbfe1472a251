import type { Question } from '../question.ts'
import type { Allowance } from './allowance.ts'
import type { Applying } from './applying.ts'
import type { Account } from './ledger.ts'
import type { Rate } from './rates.ts'
import { neededOf, toCount } from './units.ts'
import { lengthOf } from './windows.ts'

/** What one allowance of a statement wants of a request. */
export type Need = RateNeed | BudgetNeed

interface AnyNeed {
  readonly applying: Applying
  readonly allowance: Allowance
}

/** Counted in memory. */
export interface RateNeed extends AnyNeed {
  readonly kind: 'rate'
  readonly rate: Rate
}

/** Counted in the ledger. `count` and `most` in counts, see `toCount`. */
export interface BudgetNeed extends AnyNeed {
  readonly kind: 'budget'
  readonly account: Account
  readonly count: number
  readonly most: number
}

/** What a question about `action` (as the schema names it) needs of everything that applies to it. What an action does not use it does not need. */
export function needsOf(applying: readonly Applying[], question: Question, action: string): readonly Need[] {
  const needs: Need[] = []
  for (const one of applying) {
    for (const allowance of one.statement.allowances) {
      if (allowance.kept === 'memory') {
        needs.push({ kind: 'rate', applying: one, allowance, rate: rateOf(one.statement.id, allowance) })
        continue
      }
      const needed = neededOf(allowance.unit, question, action, one.statement.reserve)
      if (needed === undefined) continue
      const account = { statement: one.statement.id, what: whatOf(allowance), key: one.key }
      const [count, most] = [toCount(needed, allowance.unit), mostOf(allowance)]
      needs.push({ kind: 'budget', applying: one, allowance, account, count, most })
    }
  }
  return needs
}

export function rateOf(statement: string, allowance: Allowance): Rate {
  const known = rates.get(allowance)
  if (known !== undefined) return known
  const duration = (lengthOf(allowance.window) ?? 0) / 1000
  const rate = { id: `${statement} ${whatOf(allowance)}`, points: allowance.amount, duration }
  rates.set(allowance, rate)
  return rate
}

// An allowance belongs to one statement.
const rates = new WeakMap<Allowance, Rate>()

/** Counts are kept by this: who changes only the amount goes on with what was counted. */
export function whatOf({ unit, window }: Allowance): string {
  return `${unit}/${window}`
}

export function mostOf({ amount, unit }: Allowance): number {
  return toCount(amount, unit)
}
