import { AccessError } from '../errors.ts'
import type { Ledger } from './ledger.ts'
import type { LimitsDeps } from './limits.ts'
import { rateOf, whatOf } from './needs.ts'
import type { Rates } from './rates.ts'
import type { Statement, StatementSet } from './statement.ts'
import { fromCount } from './units.ts'
import type { Window, WindowName } from './windows.ts'

/** Where limits are counted, and who is told. */
export type Counting = Pick<LimitsDeps, 'ledger' | 'rates' | 'meter' | 'onShare'>

/** What an administrator sees of limits. */
export interface LimitsInForce {
  /** Every statement, in the order of the files, with what is used of it now by each key that used any. */
  list(now: number): readonly LimitInForce[]
  /**
   * Forgets what was used: all of a statement, or one key of it. Resolves with how many counts there were, when that is
   * on disk. Rejects with `limit_unknown`, `limits_unavailable`.
   */
  reset(statement: string, key?: string): Promise<number>
}

export interface LimitInForce {
  readonly id: string
  readonly title?: string
  readonly source: string
  readonly line: number
  readonly per: readonly string[]
  readonly allowances: readonly AllowanceInForce[]
}

export interface AllowanceInForce {
  /** `50000 tokens/day` */
  readonly allowance: string
  readonly unit: string
  readonly amount: number
  readonly used: readonly KeyInForce[]
}

export interface KeyInForce {
  readonly key: string
  /** In whole units; what is reserved and not settled yet counts as used. */
  readonly used: number
  /** Seconds until the window ends. */
  readonly resets: number
}

export function limitsInForce(
  statements: () => StatementSet | undefined,
  counting: () => Counting | undefined,
  windowOf: () => (name: WindowName, now: number) => Window,
): LimitsInForce {
  return {
    list(now) {
      const all = [...(statements()?.statements.values() ?? [])]
      return all.map((statement) => shown(statement, counting(), windowOf(), now))
    },
    async reset(id, key) {
      const statement = statements()?.statements.get(id)
      const counted = counting()
      if (statement === undefined || counted === undefined) throw new AccessError('limit_unknown', `no limit \`${id}\``)
      const count = counted.ledger.reset(id, key) + (await resetRates(statement, counted.rates, key))
      await counted.ledger.durable()
      return count
    },
  }
}

function shown(
  { id, title, source, line, per, allowances }: Statement,
  counting: Counting | undefined,
  windowOf: (name: WindowName, now: number) => Window,
  now: number,
): LimitInForce {
  return {
    id,
    ...(title === undefined ? {} : { title }),
    source,
    line,
    per,
    allowances: allowances.map((allowance) => {
      const { text, unit, amount } = allowance
      const keys =
        counting === undefined
          ? []
          : allowance.kept === 'memory'
            ? counting.rates.used(rateOf(id, allowance))
            : usedInWindow(id, allowance.unit, whatOf(allowance), windowOf(allowance.window, now), counting.ledger, now)
      const used = keys.filter((one) => one.used > 0)
      return { allowance: text, unit, amount, used: used.sort((a, b) => b.used - a.used) }
    }),
  }
}

function usedInWindow(
  statement: string,
  unit: string,
  what: string,
  window: Window,
  ledger: Ledger,
  now: number,
): KeyInForce[] {
  return ledger
    .accounts(statement)
    .filter((entry) => entry.what === what)
    .map(({ key }) => ({
      key,
      used: fromCount(ledger.used({ statement, what, key }, window), unit),
      resets: Math.max(1, Math.ceil((window.end - now) / 1000)),
    }))
}

async function resetRates({ id, allowances }: Statement, rates: Rates, key: string | undefined): Promise<number> {
  let count = 0
  for (const allowance of allowances) {
    if (allowance.kept === 'ledger') continue
    const rate = rateOf(id, allowance)
    for (const one of rates.used(rate)) {
      if (key !== undefined && one.key !== key) continue
      await rates.reset(rate, one.key)
      count++
    }
  }
  return count
}
