import { CedarError, compile, type Engine, type PolicyInfo, problemText } from '../../cedar/index.ts'
import { AccessError } from '../errors.ts'
import { boundsOf, type Layer, layerOf, type PolicyFile } from '../layers.ts'
import { type Allowance, parseBudgets, parseQuantities, parseRates, parseShares, type Quantity } from './allowance.ts'

/** A policy that says what it matches, and how much of that is allowed. Its effect means nothing. */
export interface Statement {
  /** Its `@id`. */
  readonly id: string
  readonly title: string | undefined
  readonly why: string | undefined
  readonly remedy: string | undefined
  readonly allowances: readonly Allowance[]
  /** Who shares one count; each of these is a part of the key. */
  readonly per: readonly Per[]
  /** In percent, each of them told once in a window. */
  readonly notify: readonly number[]
  /** Reserved where a question states nothing. */
  readonly reserve: readonly Quantity[]
  readonly source: string
  readonly line: number
  /** Whose statement it is. */
  readonly layer: Layer
}

export const PER = ['principal', 'subject', 'actor', 'chain', 'resource', 'project', 'agentType', 'tenant'] as const
export type Per = (typeof PER)[number]

/** The statements that are in force. */
export interface StatementSet {
  readonly engine: Engine
  /** By id. */
  readonly statements: ReadonlyMap<string, Statement>
}

/**
 * Parses and types the statements in the files that are `as: limits`; `undefined` where there are none. Throws
 * `policies_invalid` with every problem that was found, each with its place.
 */
export function compileStatements(schema: string, files: readonly PolicyFile[]): StatementSet | undefined {
  const own = files.filter(({ as }) => as === 'limits')
  if (own.length === 0) return undefined
  const engine = compiled(schema, own)
  const layers = new Map(own.map((file) => [file.name, layerOf(file)]))
  const problems: string[] = []
  const statements = new Map<string, Statement>()
  for (const policy of engine.policies()) {
    const layer = layers.get(policy.position.source ?? '') ?? TENANT
    const { statement, found } = readStatement(policy, layer)
    problems.push(...found.map((problem) => `${placeOf(policy)}: \`${policy.id}\`: ${problem}`))
    if (policy.annotations.approval !== undefined) {
      problems.push(`${placeOf(policy)}: \`${policy.id}\`: only a forbid can ask for an approval, and a limit is none`)
    }
    statements.set(policy.id, statement)
  }
  for (const template of engine.templates()) {
    problems.push(`${placeOf(template)}: \`${template.id}\`: a limit has no slots`)
  }
  if (problems.length > 0) throw invalid(problems)
  return statements.size === 0 ? undefined : { engine, statements }
}

/** What is wrong with a policy that is none of limits, and says how much is allowed all the same. */
export function strayLimitProblems({ annotations, id, position }: PolicyInfo): readonly string[] {
  if (annotations.limit === undefined && annotations.budget === undefined) return []
  return [`${position.source ?? ''}:${position.line}: \`${id}\`: limits belong in a file that is \`as: limits\``]
}

function compiled(schema: string, files: readonly PolicyFile[]): Engine {
  const policies = files.map((file) => {
    const only = boundsOf(layerOf(file))
    return { name: file.name, text: file.text, ...(only === undefined ? {} : { only }) }
  })
  try {
    return compile({ policies, schema })
  } catch (error) {
    if (!(error instanceof CedarError)) throw error
    throw invalid(problemsOf(error), error)
  }
}

function problemsOf(error: CedarError): readonly string[] {
  const errors = error.problems.filter(({ severity }) => severity === 'error')
  return errors.length === 0 ? [error.publicMessage] : errors.map(problemText)
}

const KNOWN: ReadonlySet<string> = new Set([
  'id',
  'title',
  'why',
  'remedy',
  'limit',
  'budget',
  'notify',
  'per',
  'reserve',
])

const TENANT: Layer = { kind: 'tenant' }

function readStatement(
  policy: PolicyInfo,
  layer: Layer,
): { readonly statement: Statement; readonly found: readonly string[] } {
  const { annotations, effect, id, position } = policy
  const found: string[] = []
  const read = <T>(name: string, parse: (text: string) => readonly T[] | string): readonly T[] => {
    const text = annotations[name]
    if (text === undefined) return []
    const value = parse(text)
    if (typeof value !== 'string') return value
    found.push(`@${name}: ${value}`)
    return []
  }
  const statement: Statement = {
    id,
    title: annotations.title,
    why: annotations.why,
    remedy: annotations.remedy,
    allowances: [...read('limit', parseRates), ...read('budget', parseBudgets)],
    per: annotations.per === undefined ? ['principal'] : read('per', parsePer),
    notify: [...read('notify', parseShares)].sort((a, b) => a - b),
    reserve: read('reserve', parseQuantities),
    source: position.source ?? '',
    line: position.line,
    layer,
  }
  if (effect === 'forbid') found.push('a limit says what it matches with `permit`; `forbid` belongs in a policy')
  if (annotations.id === undefined) found.push('a limit needs an @id, by which its counts are kept')
  if (annotations.limit === undefined && annotations.budget === undefined) {
    found.push('a limit needs a @limit or a @budget')
  }
  const texts = statement.allowances.map(({ unit, window }) => `${unit}/${window}`)
  if (new Set(texts).size < texts.length) found.push('two allowances have the same unit and window')
  for (const name of Object.keys(annotations)) {
    if (!KNOWN.has(name)) found.push(`@${name} is no annotation of a limit; there are @${[...KNOWN].join(', @')}`)
  }
  return { statement, found }
}

function parsePer(text: string): readonly Per[] | string {
  const found: Per[] = []
  for (const item of text.split(',').map((one) => one.trim())) {
    const per = PER.find((one) => one === item)
    if (per === undefined) return `\`${item}\` is nothing to count by; there are ${PER.join(', ')}`
    if (!found.includes(per)) found.push(per)
  }
  return found
}

function placeOf({ position }: PolicyInfo): string {
  return `${position.source ?? ''}:${position.line}`
}

function invalid(problems: readonly string[], cause?: unknown): AccessError {
  const shown = problems.slice(0, 10).join('; ')
  const more = problems.length > 10 ? `; and ${problems.length - 10} more` : ''
  return new AccessError('policies_invalid', `the policies cannot be used: ${shown}${more}`, { cause })
}
