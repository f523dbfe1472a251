import { z } from 'zod'
import type { MouldValue } from '../../cedar/index.ts'
import { parseResourceRef } from '../../identity/index.ts'
import type { Json } from '../../kernel/index.ts'
import { parseBudgets, parseRates } from '../limits/allowance.ts'
import type { SchemaInForce } from '../schema-in-force.ts'
import { actionsNamed } from './parameter-actions.ts'

const doc = z.string().min(1).max(1000)
const text = z.string().max(1024)
const types = z.union([
  z
    .string()
    .min(1)
    .transform((one) => [one]),
  z.array(z.string().min(1)).min(1).max(20),
])
const few = z.int().min(1).max(1000)
const common = { doc, default: z.json().optional() }
const list = { min: few.default(1), max: few.default(100) }

/** What a pack says of one of its parameters. */
export const parameterSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    ...common,
    max: few.default(256),
    among: z.array(text).min(1).optional(),
  }),
  z.strictObject({ type: z.literal('path'), ...common }),
  z.strictObject({ type: z.literal('integer'), ...common, min: z.int().default(0), max: z.int().optional() }),
  z.strictObject({ type: z.literal('boolean'), ...common }),
  z.strictObject({ type: z.literal('entity'), ...common, of: types }),
  z.strictObject({ type: z.literal('entities'), ...common, of: types, ...list }),
  z.strictObject({ type: z.literal('columns'), ...common, ...list }),
  z.strictObject({ type: z.literal('strings'), ...common, ...list, among: z.array(text).min(1).optional() }),
  z.strictObject({
    type: z.literal('duration'),
    ...common,
    min: text.optional(),
    max: text.optional(),
    /** A duration of the language, or a number of seconds, as facts about the caller are. */
    as: z.enum(['duration', 'seconds']).default('duration'),
  }),
  z.strictObject({ type: z.literal('moment'), ...common }),
  z.strictObject({ type: z.literal('rate'), ...common, max: text.optional() }),
  z.strictObject({ type: z.literal('budget'), ...common, units: z.array(text).min(1).optional() }),
  z.strictObject({
    type: z.literal('actions'),
    ...common,
    ...list,
    among: z.array(text).min(1).optional(),
    /** Whether actions of the group `elevated` may be among them. */
    elevated: z.boolean().default(false),
  }),
])

export type Parameter = z.output<typeof parameterSchema>
/** As manifests write it. */
export type ParameterInput = Json

/** A value was refused; for a person. */
export interface Refused {
  readonly refused: string
}

/** The value of a parameter, of its type and within its bounds, or why it is not. */
export function valueFor(parameter: Parameter, given: ParameterInput, schema: SchemaInForce): MouldValue | Refused {
  switch (parameter.type) {
    case 'string':
      return textFor(given, parameter)
    case 'path':
      return pathFor(given)
    case 'integer':
      return integerFor(given, parameter)
    case 'boolean':
      return typeof given === 'boolean' ? { kind: 'boolean', value: given } : refused('must be `true` or `false`')
    case 'entity':
      return entityFor(given, parameter.of)
    case 'entities':
      return setOf(given, parameter, (item) => entityFor(item, parameter.of))
    case 'columns':
      return setOf(given, parameter, (item) => entityFor(item, ['Column']))
    case 'strings':
      return setOf(given, parameter, (item) => textFor(item, { max: 256, among: parameter.among }))
    case 'duration':
      return durationFor(given, parameter)
    case 'moment':
      return momentFor(given)
    case 'rate':
      return rateFor(given, parameter)
    case 'budget':
      return budgetFor(given, parameter)
    case 'actions':
      return actionsFor(given, parameter, schema)
  }
}

function refused(message: string): Refused {
  return { refused: message }
}

export function isRefused(value: MouldValue | Refused): value is Refused {
  return 'refused' in value
}

// A quotation mark or a line break is hardly meant where a name is: it is refused, though it would do no harm.
const SUSPICIOUS = /["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u

function textProblem(value: string): string | undefined {
  if (!value.isWellFormed()) return 'must be well-formed Unicode'
  if (SUSPICIOUS.test(value))
    return 'must not contain quotation marks, backslashes, line breaks or invisible characters'
  return undefined
}

function textFor(
  given: ParameterInput,
  { max, among }: { readonly max: number; readonly among?: readonly string[] | undefined },
): MouldValue | Refused {
  if (typeof given !== 'string' || given === '') return refused('must be a text')
  if (given.length > max) return refused(`must be at most ${max} characters`)
  const problem = textProblem(given)
  if (problem !== undefined) return refused(problem)
  if (among !== undefined && !among.includes(given)) return refused(`must be one of ${among.map(quoted).join(', ')}`)
  return { kind: 'text', text: given }
}

// Of `src/` and `src/../etc` it is not plain what begins with them.
function pathFor(given: ParameterInput): MouldValue | Refused {
  const path = textFor(given, { max: 256 })
  if (isRefused(path) || path.kind !== 'text') return path
  const [first = '', ...parts] = path.text.split('/')
  const isPlain = [...(first === '' ? [] : [first]), ...parts].every((part) => !['', '.', '..'].includes(part))
  return isPlain
    ? path
    : refused('must be a folder without `.` and `..`, and without a slash at its end, as in `src/app`')
}

function integerFor(
  given: ParameterInput,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number | undefined },
): MouldValue | Refused {
  if (typeof given !== 'number' || !Number.isSafeInteger(given)) return refused('must be an integer')
  if (given < min || given > max) return refused(`must be from ${min} to ${max}`)
  return { kind: 'integer', value: given }
}

function entityFor(given: ParameterInput, types: readonly string[]): MouldValue | Refused {
  const example = `must be a type and an id, as in \`${types[0] ?? 'Dataset'}::"…"\``
  const uid = typeof given === 'string' ? parseResourceRef(given) : undefined
  if (uid === undefined) return refused(example)
  if (!types.includes(uid.type)) return refused(`must be a ${types.map(quoted).join(' or a ')}, not a \`${uid.type}\``)
  const problem = textProblem(uid.id)
  return problem === undefined ? { kind: 'entity', uid: { type: uid.type, id: uid.id } } : refused(problem)
}

function setOf(
  given: ParameterInput,
  { min, max }: { readonly min: number; readonly max: number },
  elementOf: (item: ParameterInput) => MouldValue | Refused,
): MouldValue | Refused {
  if (!Array.isArray(given)) return refused('must be a list')
  if (given.length < min || given.length > max) return refused(`must have ${min} to ${max} entries`)
  const elements: MouldValue[] = []
  const seen = new Set<string>()
  for (const [index, item] of given.entries()) {
    const element = elementOf(item)
    if (isRefused(element)) return refused(`entry ${index + 1}: ${element.refused}`)
    const key = JSON.stringify(element)
    if (seen.has(key)) return refused(`entry ${index + 1}: stands there twice`)
    seen.add(key)
    elements.push(element)
  }
  return { kind: 'set', elements }
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** In seconds. */
function secondsOf(given: ParameterInput): number | undefined {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(typeof given === 'string' ? given : '') ?? []
  const seconds = Number(count) * (SECONDS[unit] ?? Number.NaN)
  return Number.isNaN(seconds) ? undefined : seconds
}

function durationFor(given: ParameterInput, { min, max, as }: Parameter & { type: 'duration' }): MouldValue | Refused {
  const seconds = secondsOf(given)
  if (seconds === undefined) return refused('must be a duration, as in `90s`, `15m`, `8h` or `7d`')
  if (min !== undefined && seconds < (secondsOf(min) ?? 0)) return refused(`must be at least \`${min}\``)
  if (max !== undefined && seconds > (secondsOf(max) ?? 0)) return refused(`must be at most \`${max}\``)
  return as === 'seconds' ? { kind: 'integer', value: seconds } : { kind: 'duration', text: String(given) }
}

const moment = z.iso.datetime({ offset: true })

function momentFor(given: ParameterInput): MouldValue | Refused {
  const isMoment = moment.safeParse(given).success
  // The language knows the years 0 to 9999, and writes offsets otherwise.
  return isMoment
    ? { kind: 'datetime', text: new Date(String(given)).toISOString() }
    : refused('must be a moment with its offset, as in `2026-12-31T18:00:00Z`')
}

const WINDOWS: Readonly<Record<string, string>> = { s: 'second', sec: 'second', min: 'minute', h: 'hour', d: 'day' }

function rateFor(given: ParameterInput, { max }: Parameter & { type: 'rate' }): MouldValue | Refused {
  const rates = ratesOf(given)
  if (rates === undefined) return refused('must be a rate, as in `60/min`, or several, as in `10/second, 300/minute`')
  const [limit] = max === undefined ? [] : (ratesOf(max) ?? [])
  if (limit !== undefined && !rates.some((rate) => isWithin(rate, limit))) {
    return refused(
      `must be at most \`${max}\`, in any ${limit.window}; more in a longer time needs both: \`${max}, …\``,
    )
  }
  return { kind: 'amount', text: rates.map(({ amount, window }) => `${amount}/${window}`).join(', ') }
}

const LENGTHS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
}

interface Rate {
  readonly amount: number
  readonly window: string
}

/** What a longer window allows can all be used at once. */
function isWithin(rate: Rate, limit: Rate): boolean {
  const times = Math.max(1, (LENGTHS[limit.window] ?? 1) / (LENGTHS[rate.window] ?? 1))
  return rate.amount * times <= limit.amount
}

function ratesOf(given: ParameterInput): readonly Rate[] | undefined {
  if (typeof given !== 'string') return undefined
  const items = given
    .split(',')
    .map((item) => item.trim().replace(/\/\s*(s|sec|min|h|d)$/, (_, short: string) => `/${WINDOWS[short] ?? short}`))
  const rates = parseRates(items.join(','))
  return typeof rates === 'string' ? undefined : rates
}

function budgetFor(given: ParameterInput, { units }: Parameter & { type: 'budget' }): MouldValue | Refused {
  const budgets = typeof given === 'string' ? parseBudgets(given) : 'must be a budget, as in `20 EUR/month`'
  if (typeof budgets === 'string') return refused(budgets)
  const other = budgets.find(({ unit }) => units?.includes(unit) === false)
  if (other !== undefined) return refused(`must be in ${units?.map(quoted).join(' or ')}, not in \`${other.unit}\``)
  return { kind: 'amount', text: budgets.map((budget) => budget.text).join(', ') }
}

function actionsFor(
  given: ParameterInput,
  { min, max, among, elevated }: Parameter & { type: 'actions' },
  schema: SchemaInForce,
): MouldValue | Refused {
  if (!Array.isArray(given)) return refused('must be a list of actions')
  if (given.length < min || given.length > max) return refused(`must have ${min} to ${max} entries`)
  const uids = actionsNamed(given, { among, elevated }, schema)
  return typeof uids === 'string' ? refused(uids) : { kind: 'actions', uids }
}

function quoted(name: string): string {
  return `\`${name}\``
}
