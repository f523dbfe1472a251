import { createRequire } from 'node:module'
import { AbilityBuilder, createMongoAbility, subject } from '@casl/ability'
import type * as Official from '@cedar-policy/cedar-wasm/nodejs'
import { newEnforcer, newModelFromString } from 'casbin'
import type { AccessRequest, EntityJson, Uid, UidJson, ValueJson } from '../src/cedar/index.ts'
import type { Workload } from './cedar-workloads.ts'

/** Decides the nth request of a workload. */
export type Decide = (request: AccessRequest) => boolean

/**
 * Cedar's own implementation, with policies parsed once. It keeps no entities: every call brings those that the request
 * can reach, picked beforehand, as a careful caller would. Bringing all of them takes many times as long.
 */
export function officialPeer({ policies, entities, requests }: Workload): Decide {
  // The package's declarations are those of this module.
  const official = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Official
  const parsed = official.preparsePolicySet('bench', { staticPolicies: policies })
  if (parsed.type === 'failure') throw new Error(JSON.stringify(parsed.errors))
  const byKey = new Map(entities.map((entity) => [keyOf(readUid(entity.uid)), entity]))
  const slices = new Map(requests.map((request) => [request, sliceFor(request, byKey) as Official.Entities]))
  return (request) => {
    const { principal, action, resource } = request
    const answer = official.statefulIsAuthorized({
      principal,
      action,
      resource,
      context: {},
      preparsedPolicySetId: 'bench',
      validateRequest: false,
      entities: slices.get(request) ?? [],
    })
    if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors))
    return answer.response.decision === 'allow'
  }
}

const keyOf = ({ type, id }: Uid): string => `${type}::${id}`
const readUid = (uid: UidJson): Uid => ('__entity' in uid ? uid.__entity : uid)

/** The entities that principal and resource lead to, by parents and attributes. */
function sliceFor(
  { principal, resource }: AccessRequest,
  byKey: ReadonlyMap<string, EntityJson>,
): readonly EntityJson[] {
  const found = new Map<string, EntityJson>()
  const open: Uid[] = [principal, resource]
  for (let uid = open.pop(); uid !== undefined; uid = open.pop()) {
    const key = keyOf(uid)
    const entity = byKey.get(key)
    if (entity === undefined || found.has(key)) continue
    const { attrs = {}, parents = [] } = entity
    found.set(key, { uid, attrs, parents })
    open.push(...parents.map(readUid), ...Object.values(attrs).flatMap(referencesIn))
  }
  return [...found.values()]
}

function referencesIn(value: ValueJson): readonly Uid[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(referencesIn)
  // The workloads have entities in attributes in this form only.
  return '__entity' in value ? [value.__entity as unknown as Uid] : []
}

const CASBIN_MODEL = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && g2(r.obj, p.obj) && (r.act == "read" || r.act == "list")
`

/** The role policies as casbin would have them: roles of users, projects of documents. */
export async function casbinPeer({ entities }: Workload, count: number): Promise<Decide> {
  const enforcer = await newEnforcer(newModelFromString(CASBIN_MODEL))
  await enforcer.addPolicies(Array.from({ length: count }, (_, i) => [`r${i}`, `p${i}`, 'any']))
  const groups = (type: string): string[][] =>
    entities.flatMap(({ uid, parents = [] }) => {
      if (!('type' in uid) || uid.type !== type) return []
      return parents.flatMap((parent) => ('id' in parent ? [[uid.id, parent.id]] : []))
    })
  await enforcer.addGroupingPolicies(unique(groups('User')))
  await enforcer.addNamedGroupingPolicies('g2', unique(groups('Document')))
  return ({ principal, action, resource }) => enforcer.enforceSync(principal.id, resource.id, action.id)
}

function unique(rules: readonly string[][]): string[][] {
  return [...new Map(rules.map((rule) => [rule.join('\0'), rule])).values()]
}

/**
 * The condition-only policies as rules of a CASL ability. One is for one user, so there are two: for those whose level
 * is high enough, and for the others.
 */
export function caslPeer({ entities }: Workload, count: number): Decide {
  const nothing = new AbilityBuilder(createMongoAbility).build()
  const { can, build } = new AbilityBuilder(createMongoAbility)
  for (let i = 0; i < count; i++) can(['read', 'list'], 'Document', { project: `p${i}` })
  const ability = build()
  const attributes = new Map(
    entities.flatMap(({ uid, attrs }) =>
      'id' in uid && uid.type === 'Document' ? [[uid.id, { ...attrs }] as const] : [],
    ),
  )
  const levels = new Map(entities.map(({ uid, attrs }) => [readUid(uid).id, Number(attrs?.level ?? 0)]))
  return ({ principal, action, resource }) => {
    const own = (levels.get(principal.id) ?? 0) > 3 ? ability : nothing
    return own.can(action.id, subject('Document', { ...attributes.get(resource.id) }))
  }
}
