import { createRequire } from 'node:module'
import { isDeepStrictEqual } from 'node:util'
import type * as Official from '@cedar-policy/cedar-wasm/nodejs'
import { type AccessRequest, compile, Entities, type Only, type PolicySource, type Uid } from '../../src/cedar/index.ts'
import { type MadePolicy, makePolicies } from './cedar-policies.ts'
import { type Random, randomFrom } from './cedar-random.ts'
import { decideByScan, parseForScan } from './cedar-reference.ts'
import { ACTIONS, makeFields, makeWorld, quote, type World } from './cedar-world.ts'

// The package's declarations are those of this module.
const official = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Official

export interface Disagreement {
  readonly seed: number
  readonly request: AccessRequest
  readonly ours: unknown
  readonly theirs: unknown
  readonly policies: string
}

/** The decisions of one made-up application, ours against the official implementation's and the reference's. */
export function compareCase(seed: number): { decisions: number; disagreements: Disagreement[] } {
  const random = randomFrom(seed)
  const world = makeWorld(random)
  const { policies, templates, links } = makePolicies(random, world, 1 + random.below(8))
  // A random of its own: what else a seed makes stays the same.
  const bounded = boundsFrom(randomFrom(seed ^ 0x0b0e), world)
  const sources = [...policies, ...templates].map(bounded)
  const withSchema = random.chance(0.5)

  const skipping = compile({ policies: sources, links })
  const denying = skipping.with({ onError: 'deny' })
  const scanned = parseForScan(sources, links)
  const entities = Entities.fromJson(JSON.stringify(world.entities), withSchema ? world.schema : undefined)
  const texts = new Map(sources.map(({ name, asCondition }) => [name, asCondition]))
  const plain = (made: readonly MadePolicy[]): (readonly [string, string])[] =>
    made.map(([id]) => [id, texts.get(id) ?? ''])
  const asked = officialAnswers(plain(policies), plain(templates), links, world, withSchema)

  const disagreements: Disagreement[] = []
  let decisions = 0
  for (const request of random.list(24, 24, () => makeRequest(random, world))) {
    const theirs = asked(request)
    if (theirs === undefined) continue
    const pairs = [
      [summaryOf(skipping.decide(request, entities)), theirs],
      [summaryOf(denying.decide(request, entities)), denyOnError(theirs, skipping)],
      [summaryOf(decideByScan(scanned, request, entities)), theirs],
    ] as const
    decisions++
    for (const [ours, expected] of pairs) {
      if (!isDeepStrictEqual(ours, expected))
        disagreements.push({ seed, request, ours, theirs: expected, policies: [...texts.values()].join('\n') })
    }
  }
  return { decisions, disagreements }
}

/** A source for each policy. Some have bounds; what these mean is said in Cedar itself by one condition more. */
export function boundsFrom(
  random: Random,
  world: World,
): (policy: MadePolicy) => PolicySource & { readonly name: string; readonly asCondition: string } {
  return ([name, text, scopeEnd]) => {
    const only: Only = {
      ...(random.chance(0.2) ? { principal: random.pick(world.uids) } : {}),
      ...(random.chance(0.2) ? { resource: random.pick(world.uids) } : {}),
    }
    const bounds = (['principal', 'resource'] as const).flatMap((of) => {
      const uid = only[of]
      return uid === undefined ? [] : [` when { ${of} in ${uid.type}::${quote(uid.id)} }`]
    })
    return { name, text, only, asCondition: `${text.slice(0, scopeEnd)}${bounds.join('')}${text.slice(scopeEnd)}` }
  }
}

interface Summary {
  readonly decision: 'allow' | 'deny'
  readonly reasons: readonly string[]
  readonly errors: readonly string[]
}

function summaryOf(decision: ReturnType<ReturnType<typeof compile>['decide']>): Summary {
  return {
    decision: decision.decision,
    reasons: decision.reasons.toSorted(),
    errors: decision.errors.map(({ policy }) => policy).toSorted(),
  }
}

/** What the official answer becomes where a forbid that fails denies. */
export function denyOnError(theirs: Summary, engine: ReturnType<typeof compile>): Summary {
  const failing = theirs.errors.filter((id) => engine.policy(id)?.effect === 'forbid')
  if (failing.length === 0) return theirs
  const reasons = theirs.decision === 'deny' ? [...theirs.reasons, ...failing] : failing
  return { decision: 'deny', reasons: reasons.toSorted(), errors: theirs.errors }
}

function officialAnswers(
  policies: readonly (readonly [string, string])[],
  templates: readonly (readonly [string, string])[],
  links: ReturnType<typeof makePolicies>['links'],
  world: World,
  withSchema: boolean,
): (request: AccessRequest) => Summary | undefined {
  const parsed = official.preparsePolicySet('fuzz', {
    staticPolicies: Object.fromEntries(policies),
    templates: Object.fromEntries(templates),
    templateLinks: links.map((link) => ({ ...link, values: { ...link.values } })),
  })
  if (parsed.type === 'failure') throw new Error(`the official parser refuses: ${JSON.stringify(parsed.errors)}`)
  if (withSchema) {
    const schema = official.preparseSchema('fuzz', world.schema)
    if (schema.type === 'failure') throw new Error(`the official parser refuses: ${JSON.stringify(schema.errors)}`)
  }
  return (request) => {
    const answer = official.statefulIsAuthorized({
      ...request,
      context: request.context as Official.Context,
      preparsedPolicySetId: 'fuzz',
      ...(withSchema ? { preparsedSchemaName: 'fuzz' } : {}),
      validateRequest: false,
      entities: world.entities as Official.Entities,
    })
    if (answer.type === 'failure') throw new Error(`the official engine refuses: ${JSON.stringify(answer.errors)}`)
    const { decision, diagnostics } = answer.response
    return {
      decision,
      reasons: diagnostics.reason.toSorted(),
      errors: diagnostics.errors.map(({ policyId }) => policyId).toSorted(),
    }
  }
}

function makeRequest(random: Random, world: World): AccessRequest {
  const party = (): Uid => {
    const uid = random.pick(world.uids)
    return random.chance(0.05) ? { ...uid, id: 'nobody' } : uid
  }
  return {
    principal: party(),
    action: { type: 'Action', id: random.pick(ACTIONS) },
    resource: party(),
    context: makeFields(random, world.context, world.uids),
  }
}
