import type { Engine, PolicyInfo, Steps, TemplateLink } from '../cedar/index.ts'
import { errorText } from '../kernel/index.ts'
import { AccessError } from './errors.ts'
import { type PolicySet, withEngine } from './policy-set.ts'
import type { PolicyValidation } from './policy-validation.ts'
import type { EntityRef } from './question.ts'
import { changeLinks, type RoleLink } from './role-links.ts'

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

/** What somebody has from now on, in place of what they had. */
export interface RoleChange {
  readonly assignee: EntityRef
  readonly grants: readonly RoleGrant[]
}

/** What roles are made into grants with. */
export interface RoleMaking {
  readonly tenant: string
  readonly declared: ReadonlySet<string>
  readonly validation: PolicyValidation
}

/**
 * The set with these roles. A role is a template with `@role`; who has it is put into its slots, so that an assignment
 * is a grant like any other. One that no template can limit grants nothing. Throws `policies_invalid`.
 */
export function changeRoles(set: PolicySet, changes: readonly RoleChange[], making: RoleMaking): PolicySet {
  const templates = templatesOf(set.engine, making.declared)
  const remove: string[] = []
  const links: TemplateLink[] = []
  let { roles } = set
  for (const { assignee, grants } of changes) {
    const wanted = linksOf(grants, templates, making)
    const change = changeLinks(roles, keyOf(assignee), wanted)
    roles = change.roles
    remove.push(...change.remove)
    links.push(...change.links)
  }
  const engine = remove.length + links.length === 0 ? set.engine : changed(set.engine, remove, links)
  return { ...withEngine(set, engine), roles }
}

/** The same in steps, for many. */
export function* changeRolesSteps(
  set: PolicySet,
  changes: readonly RoleChange[],
  making: RoleMaking,
): Steps<PolicySet> {
  let next = set
  for (let at = 0; at < changes.length; at += AT_ONCE) {
    next = changeRoles(next, changes.slice(at, at + AT_ONCE), making)
    yield
  }
  return next
}

/** Assignees whose roles are linked in one step. */
const AT_ONCE = 20

/** By assignee: a change says all that somebody has. */
export function byAssignee(grants: readonly RoleGrant[]): Map<string, RoleChange> {
  const found = new Map<string, { assignee: EntityRef; grants: RoleGrant[] }>()
  for (const grant of grants) {
    const key = keyOf(grant.assignee)
    const known = found.get(key)
    if (known === undefined) found.set(key, { assignee: grant.assignee, grants: [grant] })
    else known.grants.push(grant)
  }
  return found
}

/**
 * Throws `policies_invalid` for a role on a resource, or with an end, of which no template says what it means there,
 * and for one that the schema makes impossible.
 */
export function* checkRoles(engine: Engine, grants: readonly RoleGrant[], making: RoleMaking): Steps<void> {
  const templates = templatesOf(engine, making.declared)
  for (const grant of grants) {
    const isLimited = grant.on !== undefined || grant.until !== undefined
    if (isLimited && !templates.has(grant.role)) throw unlimited(grant)
    linksOf([grant], templates, making)
    yield
  }
}

/** The names of the roles that these policies define. */
export function rolesOf(engine: Engine): ReadonlySet<string> {
  return new Set(templatesOf(engine, new Set()).keys())
}

type Templates = ReadonlyMap<string, readonly PolicyInfo[]>

function linksOf(
  grants: readonly RoleGrant[],
  templates: Templates,
  { tenant, validation }: RoleMaking,
): readonly RoleLink[] {
  const wanted = new Map<string, RoleLink>()
  for (const grant of grants) {
    const limited = grant.on !== undefined || grant.until !== undefined
    // Who has a role everywhere is in the entity of the role, so one statement speaks of all of them.
    const principal = limited ? grant.assignee : { type: 'Role', id: grant.role }
    const resource = grant.on ?? { type: 'Tenant', id: tenant }
    for (const template of templates.get(grant.role) ?? []) {
      const newId = `${template.id} of ${principal.type}::${principal.id} on ${resource.type}::${resource.id}`
      const link = { templateId: template.id, newId, values: { '?principal': principal, '?resource': resource } }
      validation.validateLinks(template, [link])
      const known = wanted.get(newId)
      wanted.set(newId, { link, until: known === undefined ? grant.until : later(known.until, grant.until) })
    }
  }
  return [...wanted.values()]
}

/** The templates of each role. Of those that the tenant has `declared`, the foundation's do not count. */
export function templatesOf(engine: Engine, declared: ReadonlySet<string>): Templates {
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
    // Each link was validated by what it is made of.
    return engine.with({ remove, links, isValidated: true })
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

export function keyOf({ type, id }: EntityRef): string {
  return `${type}::${id}`
}

function unlimited({ role, assignee }: RoleGrant): AccessError {
  return new AccessError(
    'policies_invalid',
    `\`${keyOf(assignee)}\` has the role \`${role}\` on a resource or with an end, and no template with @role("${role}") says what it may do there`,
  )
}
