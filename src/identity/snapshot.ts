import type { PrincipalId } from '../kernel/index.ts'
import type { Queries, TenantTables } from '../store/index.ts'
import type { GatewayKey, Group, Principal, RiskScore, Role } from './principal.ts'
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
  /** The same, by principal. */
  readonly gatewayKeysOf: ReadonlyMap<string, readonly GatewayKey[]>
  /** Agents by the user who answers for them. */
  readonly agentsOf: ReadonlyMap<string, ReadonlySet<PrincipalId>>
}

export type AssigneeKind = TenantTables['role_assignments']['assignee_kind']

/** What a change has changed, by id. */
export interface Touched {
  readonly principals?: readonly string[]
  readonly groups?: readonly string[]
  readonly roles?: readonly string[]
  readonly agentTypes?: readonly string[]
}

/** The directory in memory. It is changed only by what `readRows` has read, in one go, after the commit. */
export class SnapshotState implements Snapshot {
  readonly principals = new Map<string, Principal>()
  readonly groups = new Map<string, Group>()
  readonly roles = new Map<string, Role>()
  readonly heldRoles: Record<AssigneeKind, Map<string, readonly HeldRole[]>> = {
    principal: new Map(),
    group: new Map(),
    agent_type: new Map(),
  }
  readonly keys = new Map<string, ReadonlyMap<string, PublicJwk>>()
  readonly clientSecrets = new Map<string, string>()
  readonly gatewayKeys = new Map<string, GatewayKey>()
  readonly gatewayKeysOf = new Map<string, readonly GatewayKey[]>()
  readonly agentsOf = new Map<string, Set<PrincipalId>>()
  readonly #hashes = new Map<string, readonly string[]>()

  /** Puts what was read in the place of what was known of the same things. */
  put(rows: Rows): void {
    const { touched } = rows
    const held = (kind: AssigneeKind): Map<string, HeldRole[]> =>
      gather(
        rows.assignments.filter((row) => row.assignee_kind === kind).map((row) => [row.assignee_id, heldRoleOf(row)]),
      )
    replace(
      this.roles,
      touched.roles,
      byId(rows.roles, ({ id, title }): Role => ({ id, title })),
    )
    replace(this.heldRoles.agent_type, touched.agentTypes, held('agent_type'))
    replace(this.heldRoles.group, touched.groups, held('group'))
    const membersOf = gather(rows.members.map((row) => [row.group_id, row.principal_id]))
    const groupOf = ({ id, name }: { id: string; name: string }): Group => {
      const roles = everywhere(this.heldRoles.group.get(id))
      return { id, name, members: membersOf.get(id) ?? [], roles }
    }
    replace(this.groups, touched.groups, byId(rows.groups, groupOf))
    replace(this.heldRoles.principal, touched.principals, held('principal'))
    this.#putPrincipals(rows)
    this.#putCredentials(rows)
  }

  #putPrincipals({ touched, principals, memberships }: Rows): void {
    for (const id of touched.principals) {
      const sponsor = this.principals.get(id)?.sponsor
      if (sponsor !== undefined) this.agentsOf.get(sponsor)?.delete(principalId(id))
    }
    const groupsOf = gather(memberships.map((row) => [row.principal_id, row.group_id]))
    const principalOf = (row: TenantTables['principals']): Principal => {
      const groups = groupsOf.get(row.id) ?? []
      const inherited = groups.flatMap((group) => everywhere(this.heldRoles.group.get(group)))
      return {
        kind: row.kind,
        id: principalId(row.id),
        name: row.name,
        status: row.status,
        sponsor: row.sponsor === null ? undefined : principalId(row.sponsor),
        agentType: row.agent_type ?? undefined,
        project: row.project ?? undefined,
        level: row.level ?? undefined,
        risk: riskOf(row),
        groups,
        roles: [...new Set([...everywhere(this.heldRoles.principal.get(row.id)), ...inherited])].sort(),
      }
    }
    replace(this.principals, touched.principals, byId(principals, principalOf))
    for (const { id, sponsor } of principals) {
      if (sponsor === null) continue
      const agents = this.agentsOf.get(sponsor) ?? new Set()
      this.agentsOf.set(sponsor, agents.add(principalId(id)))
    }
  }

  #putCredentials({ touched, credentials }: Rows): void {
    for (const id of touched.principals) for (const hash of this.#hashes.get(id) ?? []) this.gatewayKeys.delete(hash)
    const { keys, clientSecrets, gatewayKeys } = credentialMaps(credentials)
    replace(this.keys, touched.principals, keys)
    replace(this.clientSecrets, touched.principals, clientSecrets)
    const hashes = gather([...gatewayKeys].map(([hash, { principal }]) => [principal, hash] as const))
    replace(this.#hashes, touched.principals, hashes)
    replace(
      this.gatewayKeysOf,
      touched.principals,
      gather([...gatewayKeys.values()].map((key) => [key.principal, key])),
    )
    for (const [hash, key] of gatewayKeys) this.gatewayKeys.set(hash, key)
  }
}

/** What the store has of some things. */
export interface Rows {
  readonly touched: Required<Touched>
  readonly principals: readonly TenantTables['principals'][]
  readonly groups: readonly TenantTables['groups'][]
  /** Of the groups. */
  readonly members: readonly TenantTables['group_members'][]
  /** Of the principals. */
  readonly memberships: readonly TenantTables['group_members'][]
  readonly roles: readonly TenantTables['roles'][]
  readonly assignments: readonly TenantTables['role_assignments'][]
  /** Those that are not revoked. */
  readonly credentials: readonly TenantTables['credentials'][]
}

/** Reads everything. */
export async function readAll(q: Queries<TenantTables>): Promise<Rows> {
  const principals = await q.selectFrom('principals').selectAll().orderBy('id').execute()
  const groups = await q.selectFrom('groups').selectAll().orderBy('id').execute()
  const members = await q.selectFrom('group_members').selectAll().orderBy('principal_id').orderBy('group_id').execute()
  const roles = await q.selectFrom('roles').selectAll().orderBy('id').execute()
  const assignments = await q.selectFrom('role_assignments').selectAll().orderBy('role_id').execute()
  const credentials = await q.selectFrom('credentials').selectAll().where('revoked_at', 'is', null).execute()
  const touched = {
    principals: principals.map(({ id }) => id),
    groups: groups.map(({ id }) => id),
    roles: roles.map(({ id }) => id),
    agentTypes: distinct(assignments.filter((row) => row.assignee_kind === 'agent_type').map((row) => row.assignee_id)),
  }
  return { touched, principals, groups, members, memberships: members, roles, assignments, credentials }
}

/** Reads what a change has touched, and whoever is in a group that it has touched, or was (`before`). */
export async function readRows(q: Queries<TenantTables>, change: Touched, before: Snapshot): Promise<Rows> {
  const groupIds = distinct(change.groups ?? [])
  const groups = await inPieces(groupIds, (ids) => q.selectFrom('groups').selectAll().where('id', 'in', ids).execute())
  const members = await inPieces(groupIds, (ids) =>
    q.selectFrom('group_members').selectAll().where('group_id', 'in', ids).orderBy('principal_id').execute(),
  )
  const touched = {
    groups: groupIds,
    roles: distinct(change.roles ?? []),
    agentTypes: distinct(change.agentTypes ?? []),
    principals: distinct([
      ...(change.principals ?? []),
      ...members.map((row) => row.principal_id),
      ...groupIds.flatMap((id) => before.groups.get(id)?.members ?? []),
    ]),
  }
  const assignmentsOf = (kind: AssigneeKind, ids: readonly string[]) =>
    inPieces(ids, (some) =>
      q
        .selectFrom('role_assignments')
        .selectAll()
        .where('assignee_kind', '=', kind)
        .where('assignee_id', 'in', some)
        .orderBy('role_id')
        .execute(),
    )
  return {
    touched,
    groups,
    members,
    principals: await inPieces(touched.principals, (ids) =>
      q.selectFrom('principals').selectAll().where('id', 'in', ids).execute(),
    ),
    memberships: await inPieces(touched.principals, (ids) =>
      q.selectFrom('group_members').selectAll().where('principal_id', 'in', ids).orderBy('group_id').execute(),
    ),
    roles: await inPieces(touched.roles, (ids) => q.selectFrom('roles').selectAll().where('id', 'in', ids).execute()),
    assignments: [
      ...(await assignmentsOf('principal', touched.principals)),
      ...(await assignmentsOf('group', touched.groups)),
      ...(await assignmentsOf('agent_type', touched.agentTypes)),
    ],
    credentials: await inPieces(touched.principals, (ids) =>
      q
        .selectFrom('credentials')
        .selectAll()
        .where('principal_id', 'in', ids)
        .where('revoked_at', 'is', null)
        .execute(),
    ),
  }
}

/** A statement takes so many parameters at most. */
const PIECE = 500

async function inPieces<T>(
  ids: readonly string[],
  read: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = []
  for (let at = 0; at < ids.length; at += PIECE) found.push(...(await read(ids.slice(at, at + PIECE))))
  return found
}

function distinct(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)]
}

/** What is not there any more is removed. */
function replace<V>(map: Map<string, V>, touched: readonly string[], next: ReadonlyMap<string, V>): void {
  for (const id of touched) {
    const value = next.get(id)
    if (value === undefined) map.delete(id)
    else map.set(id, value)
  }
}

function byId<Row extends { readonly id: string }, V>(rows: readonly Row[], read: (row: Row) => V): Map<string, V> {
  return new Map(rows.map((row) => [row.id, read(row)]))
}

function credentialMaps(rows: readonly TenantTables['credentials'][]): {
  readonly keys: Map<string, Map<string, PublicJwk>>
  readonly clientSecrets: Map<string, string>
  readonly gatewayKeys: Map<string, GatewayKey>
} {
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

function riskOf({ risk, risk_source, risk_at, risk_ends }: TenantTables['principals']): RiskScore | undefined {
  if (risk === null || risk_source === null || risk_at === null || risk_ends === null) return undefined
  return { score: risk, source: risk_source, at: risk_at, until: risk_ends }
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
