import type { EntityJson, Tracer } from '../../cedar/index.ts'
import {
  type Context,
  errorText,
  type PrincipalKind,
  type PrincipalRef,
  parsePrincipalId,
  type TenantId,
} from '../../kernel/index.ts'
import { decideForChain, entityOf, type Known, prepare } from '../decide-chain.ts'
import { entityIndex } from '../entity-index.ts'
import { AccessError } from '../errors.ts'
import { type Foundation, foundationFiles } from '../foundation.ts'
import type { PolicyFile } from '../layers.ts'
import { windowsIn } from '../limits/windows.ts'
import { listBook } from '../lists/list-book.ts'
import { type Hours, localTime } from '../local-time.ts'
import { policySetNow } from '../policies-in-force.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Decision, Question } from '../question.ts'
import type { Roles } from '../roles.ts'
import type { PolicyCase } from './case-file.ts'
import { Coverage } from './coverage.ts'
import { isPrincipalKind, trialContext, uidOf } from './trial-context.ts'
import { trialLimits } from './trial-limits.ts'

/** A tenant as its manifests describe it, without a server: what its policies are tried on. */
export interface TrialWorld {
  readonly tenant: TenantId
  readonly foundation: Foundation
  readonly policies: readonly PolicyFile[]
  readonly roles: Roles
  readonly entities: readonly EntityJson[]
  readonly hours?: Hours | undefined
}

/** What became of a case. */
export interface CaseResult {
  readonly name: string
  /** `file:line` */
  readonly at: string
  readonly passed: boolean
  /** What is not as expected, one line each. */
  readonly problems: readonly string[]
  readonly decision: Pick<Decision, 'decision' | 'reasons' | 'advice' | 'remedy'> | undefined
  /** The limits that apply, by id, with their allowances; none where it could not be asked. */
  readonly limits: ReadonlyMap<string, readonly string[]>
}

export interface Trial {
  readonly known: Known
  readonly tenant: TenantId
  readonly schema: string
  readonly entities: readonly EntityJson[]
  run(policyCase: PolicyCase): CaseResult
  /**
   * The request of a case, as it is decided for the first time. Throws `question_invalid`, `resources_invalid` for what
   * the schema or the manifests do not have.
   */
  ask(request: PolicyRequest): Asked
  /** Ids of the limits that apply, in order; none for what cannot be asked. */
  limitsOf(request: PolicyRequest): readonly string[]
  /** The same under other policies. */
  runUnder(known: Known, policyCase: PolicyCase): CaseResult
  /** How often each policy and each of its conditions came to what, over all these cases. */
  coverage(cases: readonly PolicyCase[]): Coverage
}

/** Throws `policies_invalid`, `resources_invalid`, `settings_invalid`. */
export function openTrial(world: TrialWorld): Trial {
  const { foundation, policies, roles, tenant } = world
  const files = [...foundationFiles(foundation), ...policies]
  return openTrialOver(world, policySetNow({ schema: foundation.schema, files, roles, tenant }))
}

/** The same over policies that somebody else has prepared, with the roles of this world. */
export function openTrialOver(world: TrialWorld, set: PolicySet): Trial {
  const { foundation, tenant } = world
  const known = knownOf(world, set)
  const entities = new Map(world.entities.map((entity) => [keyOf(entity), entity]))
  const kinds = kindsIn(world.entities)
  const actions = new Map(known.set.schema.vocabulary.actions.map((action) => [action.id, action]))
  const { hours } = world
  const windowOf = windowsIn(hours?.timeZone ?? 'UTC')
  const ask = (policyCase: PolicyRequest): Asked => {
    const { action, resource } = policyCase
    const declared = actions.get(action)
    if (declared === undefined) throw misspelt(`there is no action \`${action}\` in the schema`)
    if (!declared.resources.includes(resource.type)) {
      throw misspelt(`\`${action}\` is never done to a \`${resource.type}\`, only to ${quoted(declared.resources)}`)
    }
    const chain = policyCase.by.map((id): PrincipalRef => {
      const principal = parsePrincipalId(id)
      const kind = kinds.get(id) ?? kindsIn(policyCase.entities).get(id)
      if (principal === undefined || kind === undefined) throw unknownPrincipal(id)
      return { kind, id: principal }
    })
    return { ctx: trialContext(chain, policyCase, tenant), question: questionOf(policyCase, entities) }
  }
  const runUnder: Trial['runUnder'] = (under, policyCase) => {
    const { name, at } = policyCase
    try {
      const { decision, limits } = decideLast(policyCase, ask, under, windowOf)
      const problems = [...problemsOf(policyCase, decision), ...limitProblems(policyCase, limits)]
      return { name, at, passed: problems.length === 0, problems, decision, limits }
    } catch (error) {
      return { name, at, passed: false, problems: [errorText(error)], decision: undefined, limits: new Map() }
    }
  }
  return {
    known,
    tenant,
    schema: known.set.schema.text,
    entities: world.entities,
    run: (policyCase) => runUnder(known, policyCase),
    ask,
    limitsOf(request) {
      try {
        const { ctx, question } = ask(request)
        const applying = trialLimits(known, windowOf).applying(ctx, question)
        return [...new Set(applying.map(({ statement }) => statement.id))].sort()
      } catch (error) {
        if (error instanceof AccessError) return []
        throw error
      }
    },
    runUnder,
    coverage(cases) {
      const own = new Set(world.policies.map((file) => file.name))
      const shipped = [...foundation.policies, ...(foundation.roles ?? [])].map((file) => file.name)
      const coverage = new Coverage(known.set.engine, (source) => own.has(source) || shipped.includes(source))
      for (const policyCase of cases)
        for (const trace of tracesOf(ask(policyCase), known, coverage.tracer)) coverage.add(trace)
      return coverage
    },
  }
}

function kindsIn(entities: readonly EntityJson[]): ReadonlyMap<string, PrincipalKind> {
  const kinds = new Map<string, PrincipalKind>()
  for (const { type, id } of entities.map(uidOf)) if (isPrincipalKind(type)) kinds.set(id, type)
  return kinds
}

function knownOf({ entities, hours }: TrialWorld, set: PolicySet): Known {
  const index = entityIndex(set.schema.text)
  index.put('world', entities)
  return {
    set,
    entities: index,
    lists: listBook(),
    timeOf: hours === undefined ? undefined : localTime(hours),
  }
}

/** A request of a case: the first ones of several are made first, and use up what limits leave. */
function decideLast(
  policyCase: PolicyCase,
  ask: (request: PolicyRequest) => Asked,
  under: Known,
  windowOf: Parameters<typeof trialLimits>[1],
): { readonly decision: Decision; readonly limits: ReadonlyMap<string, readonly string[]> } {
  const counting = trialLimits(under, windowOf)
  const known = { ...under, limits: counting }
  const { times, after, now } = policyCase
  if (times > 1) {
    const { ctx, question } = ask(policyCase)
    for (let made = 1; made < times; made++) {
      // What a limit refuses has used nothing of it.
      if (decideForChain(ctx, question, known).decision === 'allow') counting.use(ctx, question)
    }
  }
  const { ctx, question } = ask(after === 0 ? policyCase : { ...policyCase, now: now + after })
  const limits = counting
    .applying(ctx, question)
    .map(({ statement }) => [statement.id, statement.allowances.map(({ text }) => text)] as const)
  return { decision: decideForChain(ctx, question, known), limits: new Map(limits) }
}

/** What a case asks, whatever is expected of it. */
export type PolicyRequest = Omit<PolicyCase, 'name' | 'at' | 'expect' | 'times' | 'after'>

export interface Asked {
  readonly ctx: Context
  readonly question: Question
}

function questionOf(policyCase: PolicyRequest, known: ReadonlyMap<string, EntityJson>): Question {
  const { action, resource, facts, call, given, amounts, price } = policyCase
  const entities = new Map(policyCase.entities.map((entity) => [keyOf(entity), entity]))
  for (const [key, attrs] of given) {
    const entity = entities.get(key) ?? known.get(key)
    if (entity === undefined)
      throw new AccessError('resources_invalid', `there is no \`${key}\`, of which something is given`)
    // Attributes are JSON, as Cedar takes them; what is no value of Cedar's is refused with the entities.
    entities.set(key, { ...entity, attrs: { ...entity.attrs, ...(attrs as EntityJson['attrs']) } })
  }
  return {
    action,
    resource,
    facts,
    ...(call === undefined ? {} : { call }),
    ...(amounts === undefined ? {} : { amounts }),
    ...(price === undefined ? {} : { price }),
    ...(entities.size === 0 ? {} : { entities: [...entities.values()] }),
  }
}

function problemsOf({ expect }: PolicyCase, { decision, reasons, advice = [], remedy }: Decision): readonly string[] {
  const found = [...new Set(reasons.map(({ policy }) => policy))]
  const because = found.length === 0 ? 'no policy permits it' : `because of ${quoted(found)}`
  const problems: string[] = []
  if (decision !== expect.decision) problems.push(`expected ${expect.decision}, got ${decision}: ${because}`)
  if (expect.reasons !== undefined && !isSame(found, expect.reasons)) {
    problems.push(`expected ${quoted(expect.reasons)} to decide, got ${found.length === 0 ? because : quoted(found)}`)
  }
  const helps = advice.map(({ kind }) => kind)
  if (expect.advice !== undefined && !isSame(helps, expect.advice)) {
    problems.push(`expected the advice ${quoted(expect.advice)}, got ${quoted(helps)}`)
  }
  if (expect.remedy !== undefined && remedy !== expect.remedy) {
    problems.push(`expected the remedy \`${expect.remedy}\`, got ${remedy === undefined ? 'none' : `\`${remedy}\``}`)
  }
  return problems
}

function limitProblems({ expect }: PolicyCase, found: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const { limits } = expect
  if (limits === undefined) return []
  const problems: string[] = []
  if (!isSame([...found.keys()], [...limits.keys()])) {
    problems.push(`expected the limits ${quoted([...limits.keys()])} to apply, got ${quoted([...found.keys()])}`)
  }
  for (const [id, allowances] of limits) {
    const own = found.get(id)
    if (own === undefined || allowances === undefined || isSame(own, allowances)) continue
    problems.push(`expected \`${id}\` to allow ${quoted(allowances)}, got ${quoted(own)}`)
  }
  return problems
}

function isSame(found: readonly string[], expected: readonly string[]): boolean {
  return found.length === expected.length && expected.every((one) => found.includes(one))
}

function quoted(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.map((name) => `\`${name}\``).join(', ')
}

function tracesOf({ ctx, question }: Asked, known: Known, tracer: Tracer): ReturnType<Tracer['trace']> {
  const { context, entities, resource, action } = prepare(ctx, question, known)
  return ctx.caller.chain.flatMap((link) =>
    tracer.trace({ principal: entityOf(link), action, resource, context }, entities),
  )
}

function keyOf(entity: EntityJson): string {
  const { type, id } = uidOf(entity)
  return `${type}::${id}`
}

function misspelt(message: string): AccessError {
  return new AccessError('question_invalid', message)
}

function unknownPrincipal(id: string): AccessError {
  return new AccessError('resources_invalid', `there is no principal \`${id}\` in the manifests`)
}
