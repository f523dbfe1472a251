import { compileSteps, type Engine, type PolicyInfo, type Steps } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import type { Asking } from './approvals/asking.ts'
import { askingProblems, withoutAsking } from './approvals/asking-set.ts'
import { AccessError } from './errors.ts'
import { type PolicyReads, policyReadsSteps } from './history/policy-reads.ts'
import { boundsOf, type Ceiling, type Layer, layerOf, type PolicyFile, targetOf } from './layers.ts'
import { compileStatements, type StatementSet, strayLimitProblems } from './limits/statement.ts'
import { layerTarget } from './modes/mode-target.ts'
import { wholeAddress } from './revisions/address.ts'
import { isLinkId, NO_ROLES, type RoleLinks } from './role-links.ts'
import { type SchemaInForce, schemaInForce } from './schema-in-force.ts'

/** Policies and schema that are in force together. */
export interface PolicySet {
  readonly schema: SchemaInForce
  readonly engine: Engine
  /** The same, except that a forbid that cannot be evaluated does not apply; for asking what could be allowed. */
  readonly lenient: Engine
  /** The same as `engine`, without the forbids that an approval lifts; for deciding as if it had been given. */
  readonly approved: Engine
  /** The forbids that refuse in observe too: those that say `@always`. */
  readonly always: ReadonlySet<string>
  /** What layers refuse by, for those that can be in observe on their own. */
  readonly refusing: LayerRefusals
  /** The forbids that an approval lifts, by id. */
  readonly asking: ReadonlyMap<string, Asking>
  /** Content address of all the files together; see revisions/address.ts. Who has which role is no part of it. */
  readonly revision: string
  readonly ceilings: Ceilings
  /** What is counted; `undefined` where nothing is. */
  readonly limits: StatementSet | undefined
  /** Whether any policy can ask what is used of limits: finding out costs as much as the limits themselves. */
  readonly looksAtUsage: boolean
  /** What all of them can look at. */
  readonly reads: PolicyReads
  /** The grants that roles are. */
  readonly roles: RoleLinks
}

/** Layers by their targets: `layer:agent:scout`. */
export interface LayerRefusals {
  /** Ids of forbids, without those that say `@always`. */
  readonly forbids: ReadonlyMap<string, readonly string[]>
  /** Ids of the policies of ceilings. */
  readonly ceilings: ReadonlyMap<string, readonly string[]>
  /** The layer of a forbid or ceiling, by what reasons call it. */
  readonly owners: ReadonlyMap<string, string>
}

export interface Ceilings {
  /** By the id of a policy that belongs to one. */
  readonly byPolicy: ReadonlyMap<string, Ceiling>
  /** Those of the foundation and of the tenant. */
  readonly everywhere: readonly Ceiling[]
  /** Those of projects and agents, by what they are about: `Project::"churn"`. */
  readonly byTarget: ReadonlyMap<string, readonly Ceiling[]>
}

/**
 * Parses and compiles, in steps; what the schema says is for policy-validation.ts. Throws `policies_invalid` with every
 * problem that was found.
 */
export function* policySetSteps(base: string, given: readonly PolicyFile[]): Steps<PolicySet> {
  const inForce = schemaInForce(base, given)
  const schema = inForce.text
  const files = given.filter(({ as }) => as !== 'schema')
  const engine = yield* compiled(schema, files)
  const byName = new Map(files.map((file) => [file.name, file]))
  if (byName.size < files.length) throw invalid('two files of policies have the same name')
  const problems: string[] = []
  const always: string[] = []
  const refusing: Refusing[] = []
  const byPolicy = new Map<string, Ceiling>()
  const { ceilings, everywhere, byTarget } = ceilingsOf(files)
  for (const policy of engine.policies()) {
    const file = fileOf(policy, byName)
    problems.push(...problemOf(policy, file), ...askingProblems(policy), ...strayLimitProblems(policy))
    const ceiling = file === undefined ? undefined : ceilings.get(file)
    if (ceiling !== undefined) byPolicy.set(policy.id, ceiling)
    if (policy.annotations.always !== undefined) always.push(policy.id)
    else if (file !== undefined) refusing.push({ policy, layer: layerOf(file), ceiling })
    yield
  }
  for (const template of engine.templates()) {
    problems.push(...templateProblem(template, fileOf(template, byName)), ...askingProblems(template))
  }
  if (problems.length > 0) throw invalid(problems.slice(0, 10).join('; '))
  const revision = yield* wholeAddress(base, given)
  const limits = compileStatements(schema, files)
  return {
    schema: inForce,
    ...enginesOf(engine),
    revision,
    roles: NO_ROLES,
    always: new Set(always),
    refusing: refusalsOf(refusing, ceilings.values()),
    ceilings: { byPolicy, everywhere, byTarget },
    limits,
    reads: yield* policyReadsSteps([engine, limits?.engine]),
    looksAtUsage: files.some(({ as, text }) => as !== 'limits' && /\busage\b/.test(text)),
  }
}

/** The set with this engine, which has other roles than the one before. */
export function withEngine(set: PolicySet, engine: Engine): PolicySet {
  if (engine === set.engine) return set
  const approved = engine.with({ remove: [...set.asking.keys()] })
  return { ...set, engine, approved, lenient: approved.with({ onError: 'skip' }) }
}

function enginesOf(engine: Engine): Pick<PolicySet, 'engine' | 'lenient' | 'approved' | 'asking'> {
  const { asking, approved } = withoutAsking(engine)
  return { engine, asking, approved, lenient: approved.with({ onError: 'skip' }) }
}

interface Refusing {
  readonly policy: PolicyInfo
  readonly layer: Layer
  readonly ceiling: Ceiling | undefined
}

function refusalsOf(found: readonly Refusing[], all: Iterable<Ceiling>): LayerRefusals {
  const forbids = new Map<string, string[]>()
  const ceilings = new Map<string, string[]>()
  const owners = new Map<string, string>()
  for (const { policy, layer, ceiling } of found) {
    const target = layerTarget(layer)
    if (target === undefined || (policy.effect === 'permit' && ceiling === undefined)) continue
    if (ceiling === undefined) owners.set(policy.id, target)
    const kept = ceiling === undefined ? forbids : ceilings
    const known = kept.get(target)
    if (known === undefined) kept.set(target, [policy.id])
    else known.push(policy.id)
  }
  // A ceiling without policies refuses too.
  for (const { name, layer } of all) {
    const target = layerTarget(layer)
    if (target !== undefined) owners.set(name, target)
  }
  return { forbids, ceilings, owners }
}

function* compiled(schema: string, files: readonly PolicyFile[]): Steps<Engine> {
  const policies = files
    .filter(({ as }) => as !== 'limits')
    .map((file) => {
      const only = boundsOf(layerOf(file))
      return { name: file.name, text: file.text, ...(only === undefined ? {} : { only }) }
    })
  try {
    // A forbid that cannot be evaluated must not open the gate.
    return yield* compileSteps({ policies, schema, onError: 'deny', isValidated: true })
  } catch (error) {
    throw new AccessError('policies_invalid', `the policies cannot be used: ${errorText(error)}`, { cause: error })
  }
}

/** What Cedar allows, and the layer does not. */
function problemOf(policy: PolicyInfo, file: PolicyFile | undefined): readonly string[] {
  if (file === undefined) return []
  const { source = '', line } = policy.position
  const at = `${source}:${line}`
  if (isLinkId(policy.id)) return [`${at}: \`${policy.id}\` is a name that only roles can have`]
  if (policy.annotations.always !== undefined && policy.effect === 'permit') {
    return [`${at}: \`${policy.id}\` permits, and only a forbid can be @always`]
  }
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
  if (isLinkId(template.id)) return [`${at}: \`${template.id}\` is a name that only roles can have`]
  if (template.annotations.role === undefined) return [`${at}: \`${template.id}\` has slots, and no @role`]
  if (template.effect === 'forbid' || file?.as === 'ceiling') return [`${at}: \`${template.id}\`: a role only grants`]
  return []
}

function ceilingsOf(files: readonly PolicyFile[]): Omit<Ceilings, 'byPolicy'> & {
  readonly ceilings: ReadonlyMap<PolicyFile, Ceiling>
} {
  const ceilings = new Map<PolicyFile, Ceiling>()
  const everywhere: Ceiling[] = []
  const byTarget = new Map<string, Ceiling[]>()
  for (const file of files) {
    if (file.as !== 'ceiling') continue
    const layer = layerOf(file)
    const ceiling = { name: `ceiling/${file.name}`, layer }
    ceilings.set(file, ceiling)
    const target = targetOf(layer)
    if (target === undefined) everywhere.push(ceiling)
    else {
      const key = `${target.type}::${JSON.stringify(target.id)}`
      byTarget.set(key, [...(byTarget.get(key) ?? []), ceiling])
    }
  }
  return { ceilings, everywhere, byTarget }
}

function fileOf(policy: PolicyInfo, byName: ReadonlyMap<string, PolicyFile>): PolicyFile | undefined {
  return policy.position.source === undefined ? undefined : byName.get(policy.position.source)
}

function invalid(message: string): AccessError {
  return new AccessError('policies_invalid', `the policies cannot be used: ${message}`)
}
