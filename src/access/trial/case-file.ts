import { z } from 'zod'
import type { EntityJson } from '../../cedar/index.ts'
import { manifestError, parseResourceRef, parseSections } from '../../identity/index.ts'
import type { Json } from '../../kernel/index.ts'
import type { Advice } from '../advice.ts'
import type { Amounts, Price } from '../amounts.ts'
import { parseBudgets, parseRates } from '../limits/allowance.ts'
import type { CallFacts, EntityRef } from '../question.ts'

/** One case of a test of policies: who does what, what is known, and what must come of it. */
export interface PolicyCase {
  readonly name: string
  /** `file:line` */
  readonly at: string
  /** Ids of the principals of the chain, the subject first. */
  readonly by: readonly string[]
  readonly action: string
  readonly resource: EntityRef
  readonly facts: { readonly [name: string]: Json }
  readonly call: CallFacts | undefined
  /** Entities that the file adds to those of the manifests. */
  readonly entities: readonly EntityJson[]
  /** What is known of entities in this case only, over what is known of them anyway; by `Type::id`. */
  readonly given: ReadonlyMap<string, { readonly [name: string]: Json }>
  readonly authentication: {
    readonly factors?: readonly string[] | undefined
    readonly assurance?: 1 | 2 | 3 | undefined
    /** Seconds since somebody proved who they are, and since they did it with several factors. */
    readonly age?: number | undefined
    readonly mfaAge?: number | undefined
  }
  readonly scope: readonly string[] | undefined
  readonly address: string | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly mandate:
    | { readonly actions: readonly string[]; readonly resources: readonly EntityRef[]; readonly purpose?: string }
    | undefined
  /** What the action uses, and what that costs; for limits. */
  readonly amounts?: Amounts | undefined
  readonly price?: Price | undefined
  /** How often the request is made, the last time being the one that is looked at. */
  readonly times: number
  /** Milliseconds between the last time and those before it, which are made at once. */
  readonly after: number
  readonly expect: Expectation
}

/** Whatever is left out is not looked at. */
export interface Expectation {
  readonly decision: 'allow' | 'deny'
  /** Ids of exactly the policies that decide, in any order. */
  readonly reasons?: readonly string[] | undefined
  /** Exactly what would help. */
  readonly advice?: readonly Advice['kind'][] | undefined
  readonly remedy?: string | undefined
  /** Exactly the limits that apply, by id; with their allowances (`60 requests/minute`) where these are looked at too. */
  readonly limits?: ReadonlyMap<string, readonly string[] | undefined> | undefined
}

/** When a request is made that says nothing of it: a Monday. */
export const MOMENT = '2026-01-05T12:00:00Z'

const text = z.string().min(1).max(1024)
const reference = text.transform((value, ctx) => {
  const ref = parseResourceRef(value)
  if (ref !== undefined) return ref
  ctx.addIssue({ code: 'custom', message: 'must be a type and an id, as in `Dataset::feedback`' })
  return z.NEVER
})
const pointers = z.array(text).max(1000).default([])
const decision = z.enum(['allow', 'deny'])
const seconds = z.int().min(0)

const span = z
  .string()
  .regex(/^\d{1,9}(?:ms|s|m|h|d)$/, 'must be a span of time, as in `60s`')
  .transform((value) => Number.parseInt(value, 10) * (SPANS[value.replace(/\d+/, '')] ?? 0))
const SPANS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const allowances = z.union([text.transform((one) => [one]), z.array(text).min(1)]).transform((texts, ctx) => {
  const read = texts.map(allowanceText)
  for (const one of read) if (typeof one !== 'string') ctx.addIssue({ code: 'custom', message: one.problem })
  return read.filter((one) => typeof one === 'string')
})
const limits = z.union([
  z.array(text).transform((ids) => new Map(ids.map((id) => [id, undefined] as const))),
  z.record(text, allowances).transform((byId) => new Map(Object.entries(byId))),
])
const MOST_TIMES = 10_000

const caseSchema = z.strictObject({
  name: text.optional(),
  by: z.union([text.transform((one) => [one]), z.array(text).min(1).max(10)]),
  action: text,
  resource: reference,
  facts: z.record(text, z.json()).default({}),
  arguments: z.record(text, z.string()).optional(),
  origin: z
    .strictObject({ user: pointers, system: pointers, trusted: pointers, untrusted: pointers, model: pointers })
    .optional(),
  given: z.record(text, z.record(text, z.json())).default({}),
  authentication: z
    .strictObject({
      factors: z.array(text).max(20).optional(),
      assurance: z.union([z.literal(1), z.literal(2), z.literal(3)]).optional(),
      age: seconds.optional(),
      mfaAge: seconds.optional(),
    })
    .default({}),
  scope: z.array(text).max(100).optional(),
  address: text.optional(),
  at: z.iso.datetime({ offset: true }).default(MOMENT),
  mandate: z
    .strictObject({ actions: z.array(text), resources: z.array(reference), purpose: text.exactOptional() })
    .optional(),
  amounts: z.record(text, z.number().min(0)).optional(),
  price: z.strictObject({ currency: text, input: z.number().min(0), output: z.number().min(0) }).optional(),
  times: z.int().min(1).max(MOST_TIMES).default(1),
  after: span.default(0),
  expect: z.union([
    decision.transform((value) => ({ decision: value })),
    z.strictObject({
      decision,
      reasons: z.array(text).optional(),
      advice: z.array(z.enum(['step_up', 'request_access', 'approval', 'wait'])).optional(),
      remedy: text.optional(),
      limits: limits.optional(),
    }),
  ]),
})

const raw = z.record(z.string(), z.json())
const fileSchema = {
  about: text,
  variables: z.record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]*$/, 'must be letters, digits and `_`'), z.json()),
  defaults: raw,
  entities: z.record(
    z.string(),
    z.strictObject({ in: z.array(reference).max(100).default([]), attributes: z.record(text, z.json()).default({}) }),
  ),
  cases: z.array(raw).min(1).max(10_000),
}

const MOST_CASES = 100_000

/**
 * Reads the cases of a file. A case takes what it leaves out from `defaults`; one with `each` stands for a case for
 * every entry, which takes the rest from it; `${name}` stands for a variable. Throws `manifest_invalid` with file and
 * line of every problem.
 */
export function parseCases(source: { readonly name: string; readonly text: string }): readonly PolicyCase[] {
  const { sections, where } = parseSections(source.text, source.name, fileSchema)
  const { variables = {}, defaults = {}, entities: declared = {}, cases } = sections
  if (cases === undefined) throw manifestError([`${source.name}:1: no \`cases\``])
  const problems: string[] = []
  const found: PolicyCase[] = []
  const entities = Object.entries(declared).flatMap(([name, { in: parents, attributes }]): EntityJson[] => {
    const uid = parseResourceRef(name)
    // Attributes are JSON, as Cedar takes them; what is no value of Cedar's is refused with the entities.
    if (uid !== undefined) return [{ uid, attrs: attributes as NonNullable<EntityJson['attrs']>, parents }]
    problems.push(`${where(['entities', name])}: must be a type and an id, as in \`Tool::office/send\``)
    return []
  })
  cases.forEach((entry, index) => {
    for (const { fields, path } of rowsOf(merged(defaults, entry), ['cases', index])) {
      const at = where(path)
      if (found.length >= MOST_CASES) throw manifestError([`${at}: more than ${MOST_CASES} cases`])
      const unknown: string[] = []
      const parsed = caseSchema.safeParse(filledIn(fields, variables, unknown))
      problems.push(...unknown.map((name) => `${at}: there is no variable \`${name}\``))
      if (parsed.success) found.push(caseOf(parsed.data, at, entities))
      else if (unknown.length === 0) {
        problems.push(
          ...parsed.error.issues
            .flatMap((issue) => nearest(issue))
            .map(({ path, message }) => `${at}: \`${path.map(String).join('.')}\`: ${message}`),
        )
      }
    }
  })
  if (problems.length > 0) throw manifestError(problems)
  return found
}

/** Of what could have been one thing or another, what is wrong with the one that it comes nearest to. */
function nearest(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[] = [],
): readonly Pick<typeof issue, 'path' | 'message'>[] {
  const path = [...above, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ path, message: issue.message }]
  const isOfThisKind = (list: readonly z.core.$ZodIssue[]): boolean =>
    !list.some((one) => one.path.length === 0 && (one.code === 'invalid_type' || one.code === 'invalid_value'))
  const near = issue.errors.find(isOfThisKind)
  return near === undefined ? [{ path, message: issue.message }] : near.flatMap((one) => nearest(one, path))
}

type Fields = { readonly [name: string]: Json }
interface Row {
  readonly fields: Fields
  readonly path: readonly PropertyKey[]
}

function rowsOf({ each, ...fields }: Fields, path: readonly PropertyKey[]): readonly Row[] {
  if (!Array.isArray(each)) return [{ fields: each === undefined ? fields : { ...fields, each }, path }]
  return each.map((row, index) => ({
    fields: isFields(row) ? merged(fields, row) : { ...fields, each: row },
    path: [...path, 'each', index],
  }))
}

/** Maps of maps are merged a level deep: a row may change one fact and keep the others. */
function merged(base: Fields, over: Fields): Fields {
  const result: { [name: string]: Json } = { ...base }
  for (const [name, value] of Object.entries(over)) {
    const before = result[name]
    const keeps = name === 'facts' || name === 'given' || name === 'authentication'
    result[name] = keeps && isFields(before) && isFields(value) ? { ...before, ...value } : value
  }
  if (typeof base.name === 'string' && typeof over.name === 'string') result.name = `${base.name}: ${over.name}`
  return result
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text that is nothing but a variable becomes its value, of whatever kind; within a text it becomes text. */
function filledIn(value: Json, variables: Fields, unknown: string[]): Json {
  if (typeof value === 'string') {
    const whole = /^\$\{(\w+)\}$/.exec(value)?.[1]
    const variable = (name: string): Json => {
      const found = Object.hasOwn(variables, name) ? variables[name] : undefined
      if (found === undefined) unknown.push(name)
      return found ?? ''
    }
    if (whole !== undefined) return variable(whole)
    return value.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => String(variable(name)))
  }
  if (Array.isArray(value)) return value.map((item: Json) => filledIn(item, variables, unknown))
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      String(filledIn(name, variables, unknown)),
      filledIn(field, variables, unknown),
    ]),
  )
}

function caseOf(parsed: z.output<typeof caseSchema>, at: string, entities: readonly EntityJson[]): PolicyCase {
  const { name, by, action, resource, facts, origin, authentication, scope, address, mandate } = parsed
  const { amounts, price, times, after } = parsed
  const given = Object.entries(parsed.given).map(([key, attributes]) => [plainName(key), attributes] as const)
  const names = Object.keys(parsed.arguments ?? {})
  // Where a case does not say where a value came from, nobody is known to have named it.
  const unsaid = { user: [], system: [], trusted: [], untrusted: [], model: names }
  const hasCall = parsed.arguments !== undefined || origin !== undefined
  return {
    name: name ?? `${by.join(' → ')}: ${action} ${resource.type}::${resource.id}`,
    at,
    by,
    action,
    resource,
    facts,
    call: hasCall ? { arguments: parsed.arguments ?? {}, origin: origin ?? unsaid } : undefined,
    entities,
    given: new Map(given),
    authentication,
    scope,
    address,
    now: Date.parse(parsed.at),
    mandate,
    ...(amounts === undefined ? {} : { amounts }),
    ...(price === undefined ? {} : { price }),
    times,
    after,
    expect: parsed.expect,
  }
}

/** Quotes around an id may be left out, and make no difference. */
function plainName(key: string): string {
  const ref = parseResourceRef(key)
  return ref === undefined ? key : `${ref.type}::${ref.id}`
}

/** An allowance in its one form: `60/minute` is `60 requests/minute`. */
function allowanceText(written: string): string | { readonly problem: string } {
  for (const parse of [parseRates, parseBudgets]) {
    const read = parse(written)
    const [only, ...more] = typeof read === 'string' ? [] : read
    if (only !== undefined && more.length === 0) return only.text
  }
  return { problem: `\`${written}\` is no allowance; write it as \`60/minute\` or \`50000 tokens/day\`` }
}
