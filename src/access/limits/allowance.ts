import { isCurrency, UNITS } from './units.ts'
import { lengthOf, WINDOWS, type WindowName } from './windows.ts'

/** What may be used of something in a window of time: `60/minute`, `50000 tokens/day`. */
export interface Allowance {
  /** How it was written, in one form: `50000 tokens/day`. */
  readonly text: string
  /** `requests`, `tokens`, …, or a currency. */
  readonly unit: string
  /** In whole units; positive. */
  readonly amount: number
  readonly window: WindowName
  /** Rates of up to an hour are counted in memory; everything else in the ledger, which outlives the process. */
  readonly kept: 'memory' | 'ledger'
}

/** An amount without a window: `2000 tokens`. */
export interface Quantity {
  readonly unit: string
  readonly amount: number
}

/** Reads the value of `@limit`: rates of requests, separated by commas. Gives a sentence for what cannot be read. */
export function parseRates(text: string): readonly Allowance[] | string {
  return listOf(text, (item) => {
    const [, digits = '', unit = 'requests', window = ''] = RATE.exec(item) ?? []
    if (digits === '') return `\`${item}\` is no rate; write it as \`60/minute\``
    if (unit !== 'requests') return `\`${item}\`: a rate counts requests; amounts of ${unit} are a @budget`
    return allowance(digits, 'requests', window, item, lengthOf(window) === undefined ? 'ledger' : 'memory')
  })
}

/** Reads the value of `@budget`: amounts in windows, separated by commas. */
export function parseBudgets(text: string): readonly Allowance[] | string {
  return listOf(text, (item) => {
    const [, digits = '', unit = '', window = ''] = BUDGET.exec(item) ?? []
    return digits === ''
      ? `\`${item}\` is no budget; write it as \`50000 tokens/day\``
      : allowance(digits, unit, window, item, 'ledger')
  })
}

/** Reads the value of `@reserve`: amounts, separated by commas. */
export function parseQuantities(text: string): readonly Quantity[] | string {
  return listOf(text, (item) => {
    const [, digits = '', unit = ''] = QUANTITY.exec(item) ?? []
    if (digits === '') return `\`${item}\` is no amount; write it as \`2000 tokens\``
    return unitProblem(unit) ?? amountProblem(Number(digits), item) ?? { unit, amount: Number(digits) }
  })
}

/** Reads the value of `@notify`: shares of the allowance, in percent, from 1 to 100. */
export function parseShares(text: string): readonly number[] | string {
  return listOf(text, (item) => {
    const share = Number(/^(\d{1,3})\s*%$/.exec(item)?.[1])
    return share >= 1 && share <= 100 ? share : `\`${item}\` is no share; write it as \`80%\``
  })
}

const NUMBER = '(\\d{1,12}(?:\\.\\d{1,6})?)'
const RATE = new RegExp(`^${NUMBER}(?:\\s+([a-z_]+))?\\s*/\\s*([a-z]+)$`)
const BUDGET = new RegExp(`^${NUMBER}\\s+([a-z_]+|[A-Z]{3})\\s*/\\s*([a-z]+)$`)
const QUANTITY = new RegExp(`^${NUMBER}\\s+([a-z_]+|[A-Z]{3})$`)

/** Of a currency in millionths, this is still exact. */
const LARGEST = 1_000_000_000

function listOf<T>(text: string, read: (item: string) => T | string): readonly T[] | string {
  const found: T[] = []
  for (const item of text.split(',')) {
    const one = read(item.trim())
    if (typeof one === 'string') return one
    found.push(one)
  }
  return found
}

function allowance(
  digits: string,
  unit: string,
  name: string,
  item: string,
  kept: Allowance['kept'],
): Allowance | string {
  const amount = Number(digits)
  const window = WINDOWS.find((one) => one === name)
  if (window === undefined) return `\`${item}\`: \`${name}\` is no window; there are ${WINDOWS.join(', ')}`
  const problem = unitProblem(unit) ?? amountProblem(amount, item)
  if (problem !== undefined) return problem
  if (!isCurrency(unit) && !Number.isInteger(amount)) return `\`${item}\`: only money has decimals`
  return { text: `${amount} ${unit}/${window}`, unit, amount, window, kept }
}

function unitProblem(unit: string): string | undefined {
  if (isCurrency(unit) || Object.hasOwn(UNITS, unit)) return undefined
  return `\`${unit}\` is no unit; there are ${Object.keys(UNITS).join(', ')} and currencies such as EUR`
}

function amountProblem(amount: number, item: string): string | undefined {
  if (amount > 0 && amount <= LARGEST) return undefined
  return `\`${item}\`: the amount must be more than 0 and at most ${LARGEST}`
}
