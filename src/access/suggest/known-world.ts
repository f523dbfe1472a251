import {
  describeSchema,
  type Engine,
  type Entities,
  type EntityJson,
  jsonOf,
  type PolicyInfo,
  type Steps,
  type Uid,
} from '../../cedar/index.ts'
import type { Known } from '../decide-chain.ts'
import type { PolicySet } from '../policy-set.ts'
import { PRINCIPAL_TYPES } from './landscape.ts'
import type { SuggestWorld } from './suggest.ts'
import type { InForce } from './take-away.ts'

/** What is in force and in memory, as suggestions need it. */
export function knownWorld({ set, entities: index }: Pick<Known, 'set' | 'entities'>, tenant: string): SuggestWorld {
  const entities = index.with(undefined)
  const list = [...entities.nodes()].filter(({ ref }) => !isAction(ref.type))
  return {
    tenant,
    schema: set.schema.text,
    entities: list.map(({ ref, attributes, parents }): EntityJson => {
      const attrs = RANKED.flatMap((name) => {
        const value = attributes[name]
        return value === undefined ? [] : [[name, jsonOf(value)] as const]
      })
      const uid = { type: ref.type, id: ref.id }
      return { uid, attrs: Object.fromEntries(attrs), parents: parents.refs.map(({ type, id }) => ({ type, id })) }
    }),
    inForce: inForceOf(set, entities),
  }
}

function isAction(type: string): boolean {
  return type === 'Action' || type.endsWith('::Action')
}

const RANKED = ['classification', 'sensitivity']

function inForceOf(set: PolicySet, entities: Entities): InForce {
  const { engine, ceilings, roles } = set
  const all = [...engine.policies()]
  const budget = { left: MOST_ASKED }
  const own = all.filter(
    ({ id, effect, link, position }) =>
      effect === 'permit' &&
      link === undefined &&
      !ceilings.byPolicy.has(id) &&
      position.source?.startsWith('foundation/') !== true,
  )
  const templates = new Map([...engine.templates()].map((template) => [template.id, template]))
  const without = (policies: typeof all): Engine =>
    engine.with({ remove: policies.map(({ id }) => id), onError: 'skip', isValidated: true })
  const granting = {
    roles: without(all.filter(({ link }) => link === undefined)),
    anything: without(all.filter(({ id, effect }) => effect === 'forbid' || ceilings.byPolicy.has(id))),
  }
  const administering = filesOfAdministration(granting.anything, set, entities)
  return {
    grantFiles: grantFilesOf(all, [...templates.values()], set).filter((file) => !administering.has(file)),
    policies: own.map(({ id, position }) => ({ id, source: position.source ?? '', line: position.line })),
    roles: [...roles.byAssignee].flatMap(([key, links]) => {
      const byRole = new Map<string, InForce['roles'][number]>()
      for (const { link } of links) {
        const template = templates.get(link.templateId)
        const role = template?.annotations.role
        const resource = link.values['?resource']
        if (role === undefined) continue
        const place = resource === undefined || resource.type === 'Tenant' ? undefined : resource
        const at = `${role} ${place?.type} ${place?.id}`
        const known = byRole.get(at)
        byRole.set(at, {
          role,
          assignee: assigneeOf(key),
          on: place,
          links: [...(known?.links ?? []), link.newId],
          actions: [...(known?.actions ?? []), ...(template?.actions ?? []).map(({ id }) => id)],
        })
      }
      return [...byRole.values()]
    }),
    granting(by, { principal, action, resource }) {
      const uid = set.schema.vocabulary.uidOf(action)
      // What asks for facts grants nothing here: a statement may then say again what it does.
      return granting[by].decide({ principal, action: uid, resource, context: {} }, entities).reasons
    },
    wouldAllow: (policy) => wouldAllow(policy, set, entities, budget),
  }
}

/** Files by which somebody administers: what changes Sallyport itself is never suggested, and so they have to stay. */
function filesOfAdministration(engine: Engine, { schema }: PolicySet, entities: Entities): ReadonlySet<string> {
  const refs = [...entities.nodes()].map(({ ref }) => ref)
  const found = new Set<string>()
  for (const { uid, parents, principals } of describeSchema(schema.text).actions) {
    if (!parents.includes('admin') || parents.includes('read')) continue
    for (const principal of refs.filter(({ type }) => PRINCIPAL_TYPES.has(type) && principals.includes(type))) {
      for (const resource of refs.filter(({ type }) => type === 'Tenant')) {
        const { reasons } = engine.decide({ principal, action: uid, resource, context: {} }, entities)
        for (const id of reasons) found.add(engine.policy(id)?.position.source ?? '')
      }
    }
  }
  return found
}

function grantFilesOf(
  policies: readonly PolicyInfo[],
  templates: readonly PolicyInfo[],
  { ceilings }: PolicySet,
): readonly string[] {
  const isGrant = ({ id, effect, only }: PolicyInfo): boolean =>
    effect === 'permit' && only === undefined && !ceilings.byPolicy.has(id)
  const files = new Map<string, boolean>()
  for (const policy of policies) {
    const { source } = policy.position
    if (source === undefined || policy.link !== undefined) continue
    files.set(source, (files.get(source) ?? true) && isGrant(policy))
  }
  const withRoles = new Set(templates.map(({ position }) => position.source))
  return [...files].flatMap(([file, isOnly]) =>
    isOnly && !withRoles.has(file) && !file.startsWith('foundation/') ? [file] : [],
  )
}

function assigneeOf(key: string): Uid {
  const at = key.indexOf('::')
  return { type: key.slice(0, at), id: key.slice(at + 2) }
}

/** For all policies together. */
const MOST_ASKED = 2_000_000

/** Requests that a policy alone would allow, where facts and arguments are as it wishes. */
function* wouldAllow(
  policy: string,
  { engine, schema }: PolicySet,
  entities: Entities,
  budget: { left: number },
): Steps<number | undefined> {
  const others = [...engine.policies()].filter(({ id }) => id !== policy)
  const alone: Engine = engine.with({ remove: others.map(({ id }) => id), onError: 'skip', isValidated: true })
  const byType = new Map<string, Uid[]>()
  for (const { ref } of entities.nodes()) {
    const list = byType.get(ref.type)
    if (list === undefined) byType.set(ref.type, [ref])
    else list.push(ref)
  }
  let allowed = 0
  for (const { uid, principals, resources } of describeSchema(schema.text).actions) {
    for (const principal of principals
      .filter((type) => PRINCIPAL_TYPES.has(type))
      .flatMap((type) => byType.get(type) ?? [])) {
      for (const resource of resources.flatMap((type) => byType.get(type) ?? [])) {
        if (budget.left <= 0) return undefined
        budget.left--
        if (budget.left % 500 === 0) yield
        const { decision, errors } = alone.decide({ principal, action: uid, resource, context: {} }, entities)
        if (decision === 'allow' || errors.length > 0) allowed++
      }
    }
  }
  return allowed
}
