import { CedarError, errorOf, type Problem } from './errors.ts'
import type { Constraint } from './expression.ts'
import { type DetailedError, official } from './official.ts'
import type { Bound, Only, Policy, PolicyInfo, PolicySource, Template, TemplateLink } from './policy.ts'
import { type ReadPolicy, readPolicyJson } from './policy-json.ts'
import { ShapeCache } from './policy-shape.ts'
import { type PolicyPart, splitPolicies } from './policy-text.ts'
import { type Positions, positionsIn } from './source-position.ts'
import { finish, type Steps } from './steps.ts'
import { EntityRef } from './value.ts'

export interface ParsedPolicies {
  readonly policies: readonly Policy[]
  readonly templates: readonly Template[]
  /** How many there were, for the numbering of those that follow. */
  readonly count: number
}

/**
 * Parses policies and templates. The id of each is its `@id`, else `policyN`, N being its place among all. Throws
 * `policies_invalid` with every problem found.
 */
export function parsePolicies(sources: string | readonly PolicySource[]): ParsedPolicies {
  return finish(parseSteps(sources, 0, new ShapeCache()))
}

/** The same in steps, one for each policy. `firstNumber` is that of the first policy without an id. */
export function* parseSteps(
  sources: string | readonly PolicySource[],
  firstNumber: number,
  shapes: ShapeCache,
): Steps<ParsedPolicies> {
  const policies: Policy[] = []
  const templates: Template[] = []
  const problems: Problem[] = []
  let count = 0
  for (const { name, text, only } of listOf(sources)) {
    const positions = positionsIn(text, name)
    for (const part of splitPolicies(text)) {
      const parsed = parsePart(text, part, positions, `policy${firstNumber + count++}`, shapes)
      if (parsed.kind === 'policy') policies.push(bounded(parsed.policy, only))
      else if (parsed.kind === 'template') templates.push(boundedTemplate(parsed.template, only))
      else problems.push(...parsed.problems)
      yield
    }
  }
  if (problems.length > 0) throw errorOf('policies_invalid', problems)
  return { policies, templates, count }
}

function listOf(sources: string | readonly PolicySource[]): readonly PolicySource[] {
  return typeof sources === 'string' ? [{ text: sources }] : sources
}

function bounded(policy: Policy, only: Only | undefined): Policy {
  if (only === undefined) return policy
  const bounds = (['principal', 'resource'] as const).flatMap((of): Bound[] => {
    const uid = only[of]
    return uid === undefined ? [] : [{ of, constraint: { kind: 'in', uids: [new EntityRef(uid.type, uid.id)] } }]
  })
  return { ...policy, only, bounds }
}

function boundedTemplate(template: Template, only: Only | undefined): Template {
  if (only === undefined) return template
  const { info, link } = template
  return { ...template, info: { ...info, only }, link: (values) => bounded(link(values), only) }
}

type ParsedPart =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'template'; readonly template: Template }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }

// The stack of the official parser holds about 110 nested brackets.
const MAX_NESTING = 100

function parsePart(
  text: string,
  part: PolicyPart,
  positions: Positions,
  defaultId: string,
  shapes: ShapeCache,
): ParsedPart {
  const own = text.slice(part.start, part.end)
  let read: ReadPolicy
  try {
    if (part.depth > MAX_NESTING) throw invalid(`brackets nested deeper than ${MAX_NESTING}`)
    const found: { errors: readonly DetailedError[] } = { errors: [] }
    const json = shapes.jsonOf(own, part, (policy) => {
      const answer = officialJson(policy, part.isTemplate)
      if (answer.type === 'success') return answer.json
      found.errors = answer.errors
      return undefined
    })
    if (json === undefined) {
      return { kind: 'problems', problems: positions.problemsOf(found.errors, { offset: part.start, part: own }) }
    }
    read = part.largeIntegers.length === 0 ? readPolicyJson(json, undefined) : readWithLargeIntegers(own, part)
  } catch (error) {
    if (!(error instanceof CedarError)) throw error
    const problem = { severity: 'error', message: error.publicMessage, ...positions.at(part.start) } as const
    return { kind: 'problems', problems: [problem] }
  }
  const info: PolicyInfo = {
    id: read.annotations.id ?? defaultId,
    effect: read.effect,
    annotations: read.annotations,
    position: positions.at(part.start),
    text: own,
    ...(read.actions === undefined ? {} : { actions: read.actions.map(({ type, id }) => ({ type, id })) }),
  }
  return part.isTemplate
    ? { kind: 'template', template: templateOf(info, read) }
    : {
        kind: 'policy',
        policy: { ...info, scope: read.scope({}), bounds: [], conditions: read.conditions },
      }
}

function templateOf(info: PolicyInfo, read: ReadPolicy): Template {
  const { actions, conditions } = read
  const action: Constraint =
    actions === undefined
      ? { kind: 'any' }
      : { kind: 'in', uids: actions.map(({ type, id }) => new EntityRef(type, id)) }
  return { info, action, conditions, link: (link) => linkPolicy(info, read, link) }
}

function officialJson(text: string, isTemplate: boolean): ReturnType<ReturnType<typeof official>['policyToJson']> {
  return isTemplate ? official().templateToJson(text) : official().policyToJson(text)
}

/**
 * The JSON form has integers as JavaScript's numbers, rounded beyond 2^53. So each large one is replaced in the text by
 * a record that holds its digits, under a key that does not occur there; the text as it is has been accepted before.
 */
function readWithLargeIntegers(own: string, part: PolicyPart): ReadPolicy {
  let marker = 'integer'
  while (own.includes(marker)) marker += '_'
  let marked = ''
  let at = 0
  for (const { start, end } of part.largeIntegers) {
    const digits = own.slice(start - part.start, end - part.start)
    marked += `${own.slice(at, start - part.start)}{"${marker}":"${digits}"}`
    at = end - part.start
  }
  const answer = officialJson(marked + own.slice(at), part.isTemplate)
  if (answer.type === 'failure') throw invalid('too many large integers')
  return readPolicyJson(answer.json, marker)
}

function linkPolicy(info: PolicyInfo, read: ReadPolicy, link: TemplateLink): Policy {
  const given = Object.keys(link.values)
  const surplus = given.find((slot) => !read.slots.includes(slot))
  if (surplus !== undefined) throw invalid(`\`${link.newId}\`: the template \`${info.id}\` has no slot \`${surplus}\``)
  return { ...info, id: link.newId, link, scope: read.scope(link.values), bounds: [], conditions: read.conditions }
}

function invalid(message: string): CedarError {
  return new CedarError('policies_invalid', message)
}
