import type { Problem } from './errors.ts'
import { official, type SchemaJson } from './official.ts'
import type { PolicyInfo } from './policy.ts'
import { parseSchema, type Schema } from './schema.ts'
import { positionsIn, within } from './source-position.ts'
import { validationShape } from './validation-shape.ts'

/**
 * What the official validator (strict mode) has to say about these policies, with line and column. Those made from
 * templates need their templates beside them. It takes up to a millisecond a policy and several for a schema, so of
 * policies that it has to judge alike (`validationShape`) it sees one.
 */
export function problemsIn(
  policies: readonly PolicyInfo[],
  templates: readonly PolicyInfo[],
  schema: { readonly text: string },
): readonly Problem[] {
  const { json, enumerated, sound } = shapesFor(schema.text)
  const first: PolicyInfo[] = []
  const alike: { readonly shape: string; readonly policy: PolicyInfo }[] = []
  const shapes = new Map<string, PolicyInfo>()
  for (const policy of policies) {
    const shape = policy.link === undefined ? validationShape(policy.text, enumerated) : undefined
    if (shape !== undefined && sound.has(shape)) continue
    if (shape !== undefined && shapes.has(shape)) {
      alike.push({ shape, policy })
      continue
    }
    if (shape !== undefined) shapes.set(shape, policy)
    first.push(policy)
  }
  if (first.length + templates.length === 0) return []
  const problems = officialProblems(first, templates, json)
  const faulty = new Set(problems.map(({ policy }) => policy))
  // A problem that names no policy may be of any.
  const isSound = ({ id }: PolicyInfo): boolean => !faulty.has(undefined) && !faulty.has(id)
  for (const [shape, policy] of shapes) if (isSound(policy)) sound.add(shape)
  const rest = alike.filter(({ shape }) => !sound.has(shape)).map(({ policy }) => policy)
  if (sound.size > MAX_SHAPES) sound.clear()
  const all = rest.length === 0 ? problems : [...problems, ...officialProblems(rest, [], json)]
  return all.toSorted((a, b) => rankOf(a) - rankOf(b))
}

/** Shapes of policies that a schema has nothing against. */
interface KnownShapes {
  readonly json: SchemaJson
  /** The types of which the schema lists the ids. */
  readonly enumerated: ReadonlySet<string>
  readonly sound: Set<string>
}

const MAX_SHAPES = 2000
const MAX_SCHEMAS = 4
const known = new Map<string, KnownShapes>()

function shapesFor(schema: string): KnownShapes {
  const found = known.get(schema) ?? shapesOf(parseSchema(schema))
  // The one that was used last stands last.
  known.delete(schema)
  known.set(schema, found)
  const [oldest] = known.keys()
  if (known.size > MAX_SCHEMAS && oldest !== undefined) known.delete(oldest)
  return found
}

function shapesOf({ json, entityTypes }: Schema): KnownShapes {
  const enumerated = [...entityTypes].filter(([, { ids }]) => ids !== undefined).map(([name]) => name)
  return { json, enumerated: new Set(enumerated), sound: new Set() }
}

function rankOf({ severity }: Problem): number {
  return severity === 'error' ? 0 : 1
}

function officialProblems(
  policies: readonly PolicyInfo[],
  templates: readonly PolicyInfo[],
  schema: SchemaJson,
): readonly Problem[] {
  const answer = official().validate({
    // It is what the package gave for this schema; its declarations are wider and narrower in places.
    schema: schema as Parameters<ReturnType<typeof official>['validate']>[0]['schema'],
    policies: {
      staticPolicies: Object.fromEntries(
        policies.filter(({ link }) => link === undefined).map(({ id, text }) => [id, text]),
      ),
      templates: Object.fromEntries(templates.map(({ id, text }) => [id, text])),
      templateLinks: policies.flatMap(({ link }) =>
        link === undefined ? [] : [{ ...link, values: { ...link.values } }],
      ),
    },
  })
  if (answer.type === 'failure') {
    return positionsIn('').problemsOf(answer.errors)
  }
  const byId = new Map([...policies, ...templates].map((info) => [info.id, info]))
  const problems = (list: typeof answer.validationErrors, severity: Problem['severity']): Problem[] =>
    list.flatMap(({ policyId, error }) => {
      const info = byId.get(policyId)
      if (info === undefined) return positionsIn('').problemsOf([error], { policy: policyId })
      return positionsIn(info.text)
        .problemsOf([error], { policy: policyId })
        .map((problem) => ({
          ...problem,
          ...within(info.position, { line: problem.line ?? 1, column: problem.column ?? 1 }),
          severity,
        }))
    })
  return [...problems(answer.validationErrors, 'error'), ...problems(answer.validationWarnings, 'warning')]
}
