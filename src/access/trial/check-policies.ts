import {
  type CanShadow,
  describeSchema,
  type Engine,
  finish,
  type LintRule,
  type PolicyInfo,
  type Problem,
  validate,
} from '../../cedar/index.ts'
import { errorText } from '../../kernel/index.ts'
import { type Foundation, foundationFiles } from '../foundation.ts'
import { boundsOf, layerOf, type PolicyFile } from '../layers.ts'
import { policySetSteps } from '../policy-set.ts'
import { schemaInForce } from '../schema-in-force.ts'

export type CheckRule = 'invalid' | 'unwise' | 'broader-than-title' | LintRule

/** Something to correct in a file of policies, or to think about. */
export interface PolicyFinding extends Problem {
  readonly rule: CheckRule
}

/**
 * All that is wrong with files of policies, and what is hardly meant, in the order of files and lines. What ships with
 * the product is looked at together with them, and not complained of.
 */
export function checkPolicies(foundation: Foundation, files: readonly PolicyFile[]): readonly PolicyFinding[] {
  const own = new Set(files.map(({ name }) => name))
  const shipped = foundationFiles(foundation)
  const all = [...shipped, ...files]
  const schema = schemaOf(foundation.schema, files)
  if (typeof schema !== 'string') return [schema]
  // What ships with the product has been looked at by those who ship it.
  const policies = files.filter(({ as }) => as !== 'schema' && as !== 'limits').map(sourceOf)
  const found = validate({ policies, schema }).map(
    (problem): PolicyFinding => ({ ...problem, rule: problem.severity === 'error' ? 'invalid' : 'unwise' }),
  )
  // What is unwise in a policy that is wrong mostly comes of what is wrong.
  const errors = found.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) return errors.sort(byPlace)
  let engine: Engine
  try {
    engine = finish(policySetSteps(foundation.schema, all)).engine
  } catch (error) {
    return [problemOf(error)]
  }
  const findings = [...found, ...engine.lint(canShadow(engine, all)), ...broaderThanTitles(engine, schema)]
  return findings.filter(isOf(own)).sort(byPlace)
}

function schemaOf(base: string, files: readonly PolicyFile[]): string | PolicyFinding {
  try {
    return schemaInForce(base, files).text
  } catch (error) {
    return problemOf(error)
  }
}

function problemOf(error: unknown): PolicyFinding {
  return { severity: 'error', rule: 'invalid', message: errorText(error) }
}

function sourceOf(file: PolicyFile) {
  const only = boundsOf(layerOf(file))
  return { name: file.name, text: file.text, ...(only === undefined ? {} : { only }) }
}

/** What has no place is told of too: it is of nobody, and so of everybody. */
function isOf(own: ReadonlySet<string>) {
  return ({ source }: PolicyFinding): boolean => source === undefined || own.has(source)
}

function byPlace(a: PolicyFinding, b: PolicyFinding): number {
  if (a.source !== b.source) return (a.source ?? '') < (b.source ?? '') ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}

/** Grants stand beside grants; a ceiling is only compared with itself. What an approval lifts is in vain for nobody. */
export function canShadow(engine: Engine, files: readonly PolicyFile[]): CanShadow {
  const parts = new Map(files.map((file) => [file.name, file.as === 'ceiling' ? file.name : '']))
  const partOf = (id: string): string | undefined => parts.get(engine.policy(id)?.position.source ?? '')
  return (general, special) => {
    const wide = engine.policy(general)
    if (wide?.effect === 'permit') return partOf(general) === partOf(special)
    return wide?.annotations.approval === undefined || engine.policy(special)?.effect === 'forbid'
  }
}

/** Titles that speak of reading only, over policies that permit more. */
function broaderThanTitles(engine: Engine, schema: string): readonly PolicyFinding[] {
  const groups = new Map(describeSchema(schema).actions.map(({ id, parents }) => [id, parents]))
  return [...engine.policies(), ...engine.templates()].flatMap((policy): readonly PolicyFinding[] => {
    const { title } = policy.annotations
    if (policy.effect === 'forbid' || policy.link !== undefined || title === undefined) return []
    if (!CLAIMS_TO_READ.test(title)) return []
    const more = changingActions(policy, groups)
    if (more === undefined) return []
    const message = `\`${policy.id}\` says "${title}", and permits ${more}`
    return [{ ...policy.position, severity: 'warning', rule: 'broader-than-title', policy: policy.id, message }]
  })
}

/** `reads metrics`, `read-only`, `… and changes nothing`; what says more than one thing at its beginning is not judged. */
const CLAIMS_TO_READ =
  /\bread-only\b|\bchang(?:es?|ing) (?:nothing|neither)\b|^(?:reads?|views?|lists?|sees|looks at|watches)\b(?!.*(?:\band\b|,))/i

/** What a policy permits that changes something, or undefined. */
function changingActions({ text }: PolicyInfo, groups: ReadonlyMap<string, readonly string[]>): string | undefined {
  const scope = /^[^{]*?\baction\b([^{;]*?),\s*resource\b/s.exec(
    text.slice(text.search(/\b(?:permit|forbid)\s*\(/)),
  )?.[1]
  if (scope === undefined) return undefined
  const named = [...scope.matchAll(/Action::"((?:[^"\\]|\\.)*)"/g)].map(([, id]) => id ?? '')
  if (named.length === 0) return 'every action'
  const changing = named.filter(
    (id) => id === 'write' || id === 'elevated' || groups.get(id)?.includes('write') === true,
  )
  return changing.length === 0 ? undefined : changing.map((id) => `\`${id}\``).join(', ')
}
