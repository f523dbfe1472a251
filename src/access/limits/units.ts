import type { Amounts, Price } from '../amounts.ts'
import type { Question } from '../question.ts'

/** Units of allowances, and how many of each are reserved for an action that uses them and does not say how much. */
export const UNITS: Readonly<Record<string, number>> = {
  requests: 1,
  tokens: 0, // the sum of the next two
  input_tokens: 2_000,
  output_tokens: 4_096,
  bytes: 1_048_576,
  rows: 1_000,
  seconds: 60,
}

/** ISO 4217: three capital letters. */
export function isCurrency(unit: string): boolean {
  return /^[A-Z]{3}$/.test(unit)
}

/** Counts are kept as integers: money in millionths, seconds in thousandths. Rounded up: nothing is ever free. */
export function toCount(amount: number, unit: string): number {
  return Math.max(0, Math.ceil(Math.min(amount, MOST) * scaleOf(unit) - 1e-9))
}

export function fromCount(count: number, unit: string): number {
  return count / scaleOf(unit)
}

function scaleOf(unit: string): number {
  if (isCurrency(unit)) return 1_000_000
  return unit === 'seconds' ? 1_000 : 1
}

// Times the scale, this is still exact.
const MOST = 4_000_000_000

/**
 * How much of `unit` a question about `action` (as the schema names it) needs, in whole units: what it states, or what is reserved where nothing is stated.
 * `undefined` where the action does not use it at all, infinite where nobody knows what it costs.
 */
export function neededOf(
  unit: string,
  { amounts = {}, price }: Question,
  action: string,
  defaults: readonly { readonly unit: string; readonly amount: number }[],
): number | undefined {
  if (unit === 'requests') return 1
  const stated = amountIn(unit, amounts, price)
  if (stated !== undefined) return stated
  const ofStatement = defaults.find((one) => one.unit === unit)
  if (ofStatement !== undefined) return ofStatement.amount
  // INVARIANT: what costs money and has no price does not pass a budget of money.
  if (isCurrency(unit)) return COSTS_MONEY.has(action) ? Number.POSITIVE_INFINITY : undefined
  if (USES[action]?.includes(unit) !== true) return undefined
  return unit === 'tokens' ? defaultOf('input_tokens') + defaultOf('output_tokens') : defaultOf(unit)
}

/** What was used of `unit`, or `undefined` where nobody can say. */
export function usedOf(unit: string, used: Amounts | undefined, { price }: Question): number | undefined {
  if (unit === 'requests') return 1
  return used === undefined ? undefined : amountIn(unit, used, price)
}

function defaultOf(unit: string): number {
  return UNITS[unit] ?? 0
}

/** Which units an action uses, where its question does not say so itself. */
const USES: Readonly<Record<string, readonly string[]>> = {
  'model:invoke': ['tokens', 'input_tokens', 'output_tokens', 'seconds'],
  'tool:call': ['seconds'],
  'data:read': ['rows', 'bytes'],
}

const COSTS_MONEY: ReadonlySet<string> = new Set(['model:invoke'])

function amountIn(unit: string, amounts: Amounts, price: Price | undefined): number | undefined {
  const own = plain(amounts[unit])
  if (own !== undefined) return own
  const [input, output] = [plain(amounts.input_tokens), plain(amounts.output_tokens)]
  // Of half a count nobody knows the sum.
  if (input === undefined || output === undefined) return undefined
  if (unit === 'tokens') return input + output
  if (unit !== price?.currency) return undefined
  return (input * price.input + output * price.output) / 1_000_000
}

/** An amount that somebody else stated; what is none counts as not stated. */
function plain(amount: number | undefined): number | undefined {
  return amount !== undefined && Number.isFinite(amount) && amount >= 0 ? amount : undefined
}
