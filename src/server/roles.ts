import type { Access, AccessRequests, PolicyFile, RoleGrant, Roles } from '../access/index.ts'
import { type Directory, heldRole, type Manifest } from '../identity/index.ts'

/** Who has which role, for the decision point: what the directory says, and what was given on request. */
export function rolesIn(directory: Directory, requests?: Pick<AccessRequests, 'grants'>): Roles {
  return {
    grants: [...directory.roleAssignments(), ...(requests?.grants() ?? [])],
    declared: new Set([...directory.roles()].map(({ id }) => id)),
  }
}

/** The same of one assignee. */
export function rolesOf(
  directory: Directory,
  requests: Pick<AccessRequests, 'grants'> | undefined,
): (assignee: RoleGrant['assignee']) => readonly RoleGrant[] {
  return (assignee) => [
    ...directory.rolesOf(assignee),
    ...(requests?.grants() ?? []).filter((grant) => keyOf(grant.assignee) === keyOf(assignee)),
  ]
}

/**
 * Rejects with `policies_invalid` where roles, as they would be after these manifests, do not fit the policies (those in
 * force, where none are given).
 */
export async function checkRoles(
  manifests: readonly Manifest['sections'][],
  policies: readonly PolicyFile[] | undefined,
  { directory, access }: { readonly directory: Directory; readonly access: Access },
): Promise<void> {
  const before = rolesIn(directory)
  const declared = manifests.flatMap(declaredGrants)
  const again = new Set(declared.map(({ assignee }) => keyOf(assignee)))
  await access.checkRoles(policies, {
    grants: [
      ...before.grants.filter(({ assignee }) => !again.has(keyOf(assignee))),
      ...declared.flatMap(({ grants }) => grants),
    ],
    declared: new Set([...before.declared, ...manifests.flatMap(({ roles }) => Object.keys(roles ?? {}))]),
  })
}

interface Declared {
  readonly assignee: RoleGrant['assignee']
  readonly grants: readonly RoleGrant[]
}

function declaredGrants({ users, services, agents, groups, agentTypes }: Manifest['sections']): readonly Declared[] {
  const sections = { User: users, Service: services, Agent: agents, Group: groups, AgentType: agentTypes }
  return Object.entries(sections).flatMap(([type, section]) =>
    Object.entries(section ?? {}).flatMap(([id, { roles }]) =>
      roles === undefined
        ? []
        : [{ assignee: { type, id }, grants: roles.map((role) => ({ ...heldRole(role), assignee: { type, id } })) }],
    ),
  )
}

function keyOf({ type, id }: RoleGrant['assignee']): string {
  return `${type}::${id}`
}
