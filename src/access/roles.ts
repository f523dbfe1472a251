import type { Engine, PolicyInfo, TemplateLink } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'
import { linksRevision, type PolicySet } from './policy-set.ts'
import type { EntityRef } from './question.ts'

/** A role that somebody has, as the directory keeps it. */
export interface RoleGrant {
  readonly role: string
  readonly assignee: EntityRef
  /** What it is limited to; everywhere without one. */
  readonly on: EntityRef | undefined
  /** Milliseconds since the epoch. */
  readonly until: number | undefined
}

/** All that is known of roles in one tenant. */
export interface Roles {
  readonly grants: readonly RoleGrant[]
  /** Roles that the tenant has declared: for these, the statements of the foundation do not count. */
  readonly declared: ReadonlySet<string>
}

/**
 * The set with the roles that people have. A role is a template with `@role`; who has it is put into its slots, so that
 * an assignment is a grant like any other. One that no template can limit grants nothing.
 */
export function withRoles(set: PolicySet, { grants, declared }: Roles, tenant: string): PolicySet {
  const templates = roleTemplates(set.engine, declared)
  const wanted = new Map<string, { readonly link: TemplateLink; readonly until: number | undefined }>()
  for (const grant of grants) {
    const limited = grant.on !== undefined || grant.until !== undefined
    const own = templates.get(grant.role) ?? []
    // Who has a role everywhere is in the entity of the role, so one statement speaks of all of them.
    const principal = limited ? grant.assignee : { type: 'Role', id: grant.role }
    const resource = grant.on ?? { type: 'Tenant', id: tenant }
    for (const { id } of own) {
      const newId = `${id} of ${principal.type}::${principal.id} on ${resource.type}::${resource.id}`
      const link = { templateId: id, newId, values: { '?principal': principal, '?resource': resource } }
      const known = wanted.get(newId)
      wanted.set(newId, { link, until: known === undefined ? grant.until : later(known.until, grant.until) })
    }
  }
  const remove = [...set.links.keys()].filter((id) => !wanted.has(id))
  const links = [...wanted.values()].map(({ link }) => link).filter(({ newId }) => !set.links.has(newId))
  const engine = remove.length + links.length === 0 ? set.engine : changed(set.engine, remove, links)
  const ends = new Map<string, number>()
  for (const [id, { until }] of wanted) if (until !== undefined) ends.set(id, until)
  return {
    ...set,
    engine,
    lenient: engine === set.engine ? set.lenient : engine.with({ onError: 'skip' }),
    links: new Set(wanted.keys()),
    ends,
    revision: linksRevision(set.fileRevision, ends, wanted.keys()),
  }
}

/** Throws `policies_invalid` for a role on a resource, or with an end, of which no template says what it means there. */
export function checkLimits(set: PolicySet, { grants, declared }: Roles): void {
  const templates = roleTemplates(set.engine, declared)
  for (const grant of grants) {
    const isLimited = grant.on !== undefined || grant.until !== undefined
    if (isLimited && !templates.has(grant.role)) throw unlimited(grant)
  }
}

/** The names of the roles that these policies define. */
export function rolesOf(engine: Engine): ReadonlySet<string> {
  return new Set(roleTemplates(engine, new Set()).keys())
}

function roleTemplates(engine: Engine, declared: ReadonlySet<string>): ReadonlyMap<string, readonly PolicyInfo[]> {
  const byRole = new Map<string, PolicyInfo[]>()
  for (const template of engine.templates()) {
    const { role } = template.annotations
    if (role === undefined) continue
    const isOfFoundation = template.position.source?.startsWith('foundation/') === true
    if (isOfFoundation && declared.has(role)) continue
    byRole.set(role, [...(byRole.get(role) ?? []), template])
  }
  return byRole
}

function changed(engine: Engine, remove: readonly string[], links: readonly TemplateLink[]): Engine {
  try {
    return engine.with({ remove, links })
  } catch (error) {
    throw new AccessError('policies_invalid', `roles cannot be assigned like this: ${errorText(error)}`, {
      cause: error,
    })
  }
}

/** The end that comes later; without an end there is none. */
function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b)
}

function unlimited({ role, assignee }: RoleGrant): AccessError {
  const who = `${assignee.type}::${assignee.id}`
  return new AccessError(
    'policies_invalid',
    `\`${who}\` has the role \`${role}\` on a resource or with an end, and no template with @role("${role}") says what it may do there`,
  )
}
