import type { PrincipalId } from '../kernel/index.ts'
import type { Queries, TenantTables } from '../store/index.ts'
import type { GatewayKey, Group, Principal, Role } from './principal.ts'
import type { PublicJwk } from './public-jwk.ts'
import type { HeldRole } from './role-assignment.ts'

/** The whole directory in memory, as it was committed last. */
export interface Snapshot {
  readonly principals: ReadonlyMap<string, Principal>
  readonly groups: ReadonlyMap<string, Group>
  readonly roles: ReadonlyMap<string, Role>
  /** Roles as they were assigned, by the id of who has them. */
  readonly heldRoles: Readonly<Record<AssigneeKind, ReadonlyMap<string, readonly HeldRole[]>>>
  /** Registered keys by principal, by thumbprint. */
  readonly keys: ReadonlyMap<string, ReadonlyMap<string, PublicJwk>>
  readonly clientSecrets: ReadonlyMap<string, string>
  /** Gateway keys that are not revoked, by the SHA-256 of their secret. */
  readonly gatewayKeys: ReadonlyMap<string, GatewayKey>
}

export type AssigneeKind = TenantTables['role_assignments']['assignee_kind']

export async function loadSnapshot(q: Queries<TenantTables>): Promise<Snapshot> {
  const principals = await q.selectFrom('principals').selectAll().orderBy('id').execute()
  const groups = await q.selectFrom('groups').selectAll().orderBy('id').execute()
  const members = await q.selectFrom('group_members').selectAll().orderBy('principal_id').execute()
  const roles = await q.selectFrom('roles').selectAll().orderBy('id').execute()
  const assignments = await q.selectFrom('role_assignments').selectAll().orderBy('role_id').execute()
  const credentials = await q.selectFrom('credentials').selectAll().where('revoked_at', 'is', null).execute()

  const heldBy = (kind: AssigneeKind): Map<string, HeldRole[]> =>
    gather(assignments.filter((row) => row.assignee_kind === kind).map((row) => [row.assignee_id, heldRoleOf(row)]))
  const heldRoles = { principal: heldBy('principal'), group: heldBy('group'), agent_type: heldBy('agent_type') }
  const ownRoles = (id: string): readonly string[] => everywhere(heldRoles.principal.get(id))
  const groupRoles = (id: string): readonly string[] => everywhere(heldRoles.group.get(id))
  const groupsOf = gather(members.map((row) => [row.principal_id, row.group_id]))
  const membersOf = gather(members.map((row) => [row.group_id, row.principal_id]))

  return {
    heldRoles,
    principals: new Map(
      principals.map((row) => {
        const inGroups = groupsOf.get(row.id) ?? []
        const inherited = inGroups.flatMap(groupRoles)
        return [
          row.id,
          {
            kind: row.kind,
            id: principalId(row.id),
            name: row.name,
            status: row.status,
            sponsor: row.sponsor === null ? undefined : principalId(row.sponsor),
            agentType: row.agent_type ?? undefined,
            groups: inGroups,
            roles: [...new Set([...ownRoles(row.id), ...inherited])].sort(),
          },
        ]
      }),
    ),
    groups: new Map(
      groups.map((row) => [
        row.id,
        { id: row.id, name: row.name, members: membersOf.get(row.id) ?? [], roles: groupRoles(row.id) },
      ]),
    ),
    roles: new Map(roles.map((row) => [row.id, { id: row.id, title: row.title }])),
    ...credentialMaps(credentials),
  }
}

function credentialMaps(
  rows: readonly TenantTables['credentials'][],
): Pick<Snapshot, 'keys' | 'clientSecrets' | 'gatewayKeys'> {
  const keys = new Map<string, Map<string, PublicJwk>>()
  const clientSecrets = new Map<string, string>()
  const gatewayKeys = new Map<string, GatewayKey>()
  for (const row of rows) {
    if (row.kind === 'jwk' && row.public_jwk !== null) {
      const known = keys.get(row.principal_id) ?? new Map<string, PublicJwk>()
      keys.set(row.principal_id, known.set(row.id, JSON.parse(row.public_jwk)))
    } else if (row.kind === 'client_secret' && row.secret_hash !== null) {
      clientSecrets.set(row.principal_id, row.secret_hash)
    } else if (row.kind === 'gateway_key' && row.secret_hash !== null && row.expires_at !== null) {
      gatewayKeys.set(row.secret_hash, {
        id: row.id,
        principal: principalId(row.principal_id),
        scope: row.scope === null ? undefined : new Set<string>(JSON.parse(row.scope)),
        expiresAt: row.expires_at,
      })
    }
  }
  return { keys, clientSecrets, gatewayKeys }
}

function principalId(text: string): PrincipalId {
  return text as PrincipalId // written by us, after parsePrincipalId
}

function heldRoleOf(row: TenantTables['role_assignments']): HeldRole {
  const on = row.resource_type === '' ? undefined : { type: row.resource_type, id: row.resource_id }
  return { role: row.role_id, on, until: row.ends_at ?? undefined }
}

/** Roles that are limited to nothing. */
function everywhere(held: readonly HeldRole[] | undefined): readonly string[] {
  return (held ?? []).filter(({ on, until }) => on === undefined && until === undefined).map(({ role }) => role)
}

function gather<T>(pairs: readonly (readonly [string, T])[]): Map<string, T[]> {
  const gathered = new Map<string, T[]>()
  for (const [key, value] of pairs) {
    const list = gathered.get(key)
    if (list === undefined) gathered.set(key, [value])
    else list.push(value)
  }
  return gathered
}
