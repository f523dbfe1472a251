import { createHash } from 'node:crypto'
import { compile, type Engine, type PolicyInfo } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'
import { boundsOf, type Ceiling, layerOf, type PolicyFile, targetOf } from './layers.ts'

/** Policies and schema that are in force together. */
export interface PolicySet {
  readonly engine: Engine
  /** The same, except that a forbid that cannot be evaluated does not apply; for asking what could be allowed. */
  readonly lenient: Engine
  /** Content address: the first 16 hex digits of the SHA-256 of everything that decides. */
  readonly revision: string
  readonly ceilings: Ceilings
  /** The part of the revision that files make. */
  readonly fileRevision: string
  /** Ids of the grants that roles are. */
  readonly links: ReadonlySet<string>
  /** Grants that end, in milliseconds since the epoch. */
  readonly ends: ReadonlyMap<string, number>
}

export interface Ceilings {
  /** By the id of a policy that belongs to one. */
  readonly byPolicy: ReadonlyMap<string, Ceiling>
  /** Those of the foundation and of the tenant. */
  readonly everywhere: readonly Ceiling[]
  /** Those of projects and agents, by what they are about: `Project::"churn"`. */
  readonly byTarget: ReadonlyMap<string, readonly Ceiling[]>
}

/** Parses, validates and compiles. Throws `policies_invalid` with every problem that was found. */
export function compilePolicySet(schema: string, files: readonly PolicyFile[]): PolicySet {
  const engine = compiled(schema, files)
  const byName = new Map(files.map((file) => [file.name, file]))
  if (byName.size < files.length) throw invalid('two files of policies have the same name')
  const problems = [
    ...[...engine.policies()].flatMap((policy) => problemOf(policy, fileOf(policy, byName))),
    ...[...engine.templates()].flatMap((template) => templateProblem(template, fileOf(template, byName))),
  ]
  if (problems.length > 0) throw invalid(problems.slice(0, 10).join('; '))
  const fileRevision = revisionOf(schema, files)
  return {
    engine,
    lenient: engine.with({ onError: 'skip' }),
    revision: fileRevision,
    fileRevision,
    links: new Set(),
    ends: new Map(),
    ceilings: ceilingsOf(files, engine, byName),
  }
}

function compiled(schema: string, files: readonly PolicyFile[]): Engine {
  const policies = files.map((file) => {
    const only = boundsOf(layerOf(file))
    return { name: file.name, text: file.text, ...(only === undefined ? {} : { only }) }
  })
  try {
    // A forbid that cannot be evaluated must not open the gate.
    return compile({ policies, schema, onError: 'deny' })
  } catch (error) {
    throw new AccessError('policies_invalid', `the policies cannot be used: ${errorText(error)}`, { cause: error })
  }
}

function revisionOf(schema: string, files: readonly PolicyFile[]): string {
  const hash = createHash('sha256').update(schema)
  for (const file of files) {
    const place = JSON.stringify([layerOf(file), file.as ?? 'grants'])
    hash.update('\0').update(file.name).update('\0').update(place).update('\0').update(file.text)
  }
  return hash.digest('hex').slice(0, 16)
}

/** The revision of policies with the roles that people have. */
export function linksRevision(
  fileRevision: string,
  ends: ReadonlyMap<string, number>,
  links: Iterable<string>,
): string {
  const named = [...links].sort().map((id) => [id, ends.get(id) ?? null])
  if (named.length === 0) return fileRevision
  return createHash('sha256').update(fileRevision).update(JSON.stringify(named)).digest('hex').slice(0, 16)
}

/** What Cedar allows, and the layer does not. */
function problemOf(policy: PolicyInfo, file: PolicyFile | undefined): readonly string[] {
  if (file === undefined) return []
  const { source = '', line } = policy.position
  const at = `${source}:${line}`
  if (file.as === 'ceiling' && policy.effect === 'forbid') {
    return [`${at}: \`${policy.id}\` forbids, and a ceiling only says what may be granted`]
  }
  if (file.as !== 'ceiling' && policy.effect === 'permit' && layerOf(file).kind === 'foundation') {
    return [`${at}: \`${policy.id}\` permits, and the foundation grants nothing`]
  }
  return []
}

/** A template grants what a role may do, and nothing else becomes of it. */
function templateProblem(template: PolicyInfo, file: PolicyFile | undefined): readonly string[] {
  const { source = '', line } = template.position
  const at = `${source}:${line}`
  if (template.annotations.role === undefined) return [`${at}: \`${template.id}\` has slots, and no @role`]
  if (template.effect === 'forbid' || file?.as === 'ceiling') return [`${at}: \`${template.id}\`: a role only grants`]
  return []
}

function ceilingsOf(files: readonly PolicyFile[], engine: Engine, byName: ReadonlyMap<string, PolicyFile>): Ceilings {
  const byFile = new Map<PolicyFile, Ceiling>()
  const everywhere: Ceiling[] = []
  const byTarget = new Map<string, Ceiling[]>()
  for (const file of files) {
    if (file.as !== 'ceiling') continue
    const layer = layerOf(file)
    const ceiling = { name: `ceiling/${file.name}`, layer }
    byFile.set(file, ceiling)
    const target = targetOf(layer)
    if (target === undefined) everywhere.push(ceiling)
    else {
      const key = `${target.type}::${JSON.stringify(target.id)}`
      byTarget.set(key, [...(byTarget.get(key) ?? []), ceiling])
    }
  }
  const byPolicy = new Map<string, Ceiling>()
  for (const policy of byFile.size === 0 ? [] : engine.policies()) {
    const file = fileOf(policy, byName)
    const ceiling = file === undefined ? undefined : byFile.get(file)
    if (ceiling !== undefined) byPolicy.set(policy.id, ceiling)
  }
  return { byPolicy, everywhere, byTarget }
}

function fileOf(policy: PolicyInfo, byName: ReadonlyMap<string, PolicyFile>): PolicyFile | undefined {
  return policy.position.source === undefined ? undefined : byName.get(policy.position.source)
}

function invalid(message: string): AccessError {
  return new AccessError('policies_invalid', `the policies cannot be used: ${message}`)
}
