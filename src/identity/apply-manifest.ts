import type { Queries, TenantTables } from '../store/index.ts'
import { type Declaration, declarationsOf, type PrincipalDeclaration } from './declarations.ts'
import type { Manifest } from './manifest.ts'
import { manifestError } from './manifest-sections.ts'
import type { PublicJwk } from './public-jwk.ts'
import { heldRole, heldRoleKey, type RoleEntry } from './role-assignment.ts'
import type { AssigneeKind, Snapshot } from './snapshot.ts'

/** What applying a manifest did to one thing. `fields` names what is new or other than before. */
export interface Change {
  readonly kind: Declaration['kind']
  readonly id: string
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}

/** One entry for each thing that the manifests declare, in their order. */
export type Changes = readonly Change[]

type Q = Queries<TenantTables>

/**
 * Brings the directory to what `manifests` declare together. Nothing is removed that they do not mention.
 * Throws `manifest_invalid` before the first write, with every reference that leads nowhere.
 */
export async function applyManifests(
  q: Q,
  manifests: readonly Manifest[],
  before: Snapshot,
  now: number,
  builtInRoles: ReadonlySet<string>,
): Promise<Changes> {
  const { declarations, problems } = declarationsOf(manifests, before, builtInRoles)
  if (problems.length > 0) throw manifestError(problems)
  const changes = new Map<Declaration, Change>()
  // Roles first, groups last, and users before the agents that they answer for: each refers only to what is there.
  for (const kind of ['Role', 'User', 'Service', 'Agent', 'Group', 'AgentType'] as const) {
    for (const declared of declarations.filter((entry) => entry.kind === kind)) {
      changes.set(declared, await applyOne(q, declared, before, now))
    }
  }
  return declarations.map((declared) => changes.get(declared)).filter((change) => change !== undefined)
}

async function applyOne(q: Q, declared: Declaration, before: Snapshot, now: number): Promise<Change> {
  if (declared.kind === 'Role') return applyRole(q, declared, before)
  if (declared.kind === 'Group') return applyGroup(q, declared, before)
  if (declared.kind === 'AgentType') return applyAgentType(q, declared, before)
  return applyPrincipal(q, declared, before, now)
}

async function applyRole(q: Q, declared: Declaration & { kind: 'Role' }, before: Snapshot): Promise<Change> {
  const { id, entry } = declared
  const known = before.roles.get(id)
  const title = entry.title ?? known?.title ?? id
  const fields = known?.title === title ? [] : ['title']
  if (fields.length > 0) {
    await q
      .insertInto('roles')
      .values({ id, title })
      .onConflict((c) => c.column('id').doUpdateSet({ title }))
      .execute()
  }
  return change(declared, known, fields)
}

async function applyGroup(q: Q, declared: Declaration & { kind: 'Group' }, before: Snapshot): Promise<Change> {
  const { id, entry } = declared
  const known = before.groups.get(id)
  const name = entry.name ?? known?.name ?? id
  const fields: string[] = []
  if (known?.name !== name) {
    fields.push('name')
    await q
      .insertInto('groups')
      .values({ id, name })
      .onConflict((c) => c.column('id').doUpdateSet({ name }))
      .execute()
  }
  if (entry.members !== undefined && !sameSet(entry.members, known?.members ?? [])) {
    fields.push('members')
    await q.deleteFrom('group_members').where('group_id', '=', id).execute()
    for (const member of entry.members) {
      await q.insertInto('group_members').values({ group_id: id, principal_id: member }).execute()
    }
  }
  if (await assignRoles(q, 'group', id, entry.roles, before)) fields.push('roles')
  return change(declared, known, fields)
}

async function applyAgentType(q: Q, declared: Declaration & { kind: 'AgentType' }, before: Snapshot): Promise<Change> {
  const { id, entry } = declared
  const fields = (await assignRoles(q, 'agent_type', id, entry.roles, before)) ? ['roles'] : []
  return change(declared, {}, fields)
}

async function applyPrincipal(q: Q, declared: PrincipalDeclaration, before: Snapshot, now: number): Promise<Change> {
  const { kind, id, entry } = declared
  const known = before.principals.get(id)
  const next = {
    name: entry.name ?? known?.name ?? id,
    sponsor: entry.sponsor ?? known?.sponsor ?? null,
    agent_type: entry.type ?? known?.agentType ?? null,
    project: entry.project ?? known?.project ?? null,
    level: entry.level ?? known?.level ?? null,
  }
  const fields: string[] = []
  if (known?.name !== next.name) fields.push('name')
  if ((known?.sponsor ?? null) !== next.sponsor) fields.push('sponsor')
  if ((known?.agentType ?? null) !== next.agent_type) fields.push('type')
  if ((known?.project ?? null) !== next.project) fields.push('project')
  if ((known?.level ?? null) !== next.level) fields.push('level')
  if (fields.length > 0) {
    await q
      .insertInto('principals')
      .values({ id, kind, ...next, status: 'active', created_at: now, updated_at: now })
      .onConflict((c) => c.column('id').doUpdateSet({ ...next, updated_at: now }))
      .execute()
  }
  if (await assignRoles(q, 'principal', id, entry.roles, before)) fields.push('roles')
  const keys = new Map(entry.keys?.map(({ thumbprint, jwk }) => [thumbprint, jwk]))
  if (entry.keys !== undefined && !sameKeys(keys, before.keys.get(id) ?? new Map())) {
    fields.push('keys')
    await registerKeys(q, id, keys, now)
  }
  return change(declared, known, fields)
}

/** Makes `roles` what somebody has; says whether that is other than before. */
async function assignRoles(
  q: Q,
  kind: AssigneeKind,
  id: string,
  roles: readonly RoleEntry[] | undefined,
  before: Snapshot,
): Promise<boolean> {
  if (roles === undefined) return false
  const held = roles.map(heldRole)
  if (sameSet(held.map(heldRoleKey), (before.heldRoles[kind].get(id) ?? []).map(heldRoleKey))) return false
  await q.deleteFrom('role_assignments').where('assignee_kind', '=', kind).where('assignee_id', '=', id).execute()
  for (const { role, on, until } of held) {
    await q
      .insertInto('role_assignments')
      .values({
        role_id: role,
        assignee_kind: kind,
        assignee_id: id,
        resource_type: on?.type ?? '',
        resource_id: on?.id ?? '',
        ends_at: until ?? null,
      })
      .execute()
  }
  return true
}

/** Makes `keys` the registered keys of a principal. Whoever has keys has no client secret: it would be the weaker way in. */
async function registerKeys(q: Q, principal: string, keys: ReadonlyMap<string, PublicJwk>, now: number): Promise<void> {
  await q
    .updateTable('credentials')
    .set({ revoked_at: now })
    .where('principal_id', '=', principal)
    .where('kind', 'in', keys.size > 0 ? ['jwk', 'client_secret'] : ['jwk'])
    .where('revoked_at', 'is', null)
    .execute()
  for (const [thumbprint, jwk] of keys) {
    const row = { principal_id: principal, public_jwk: JSON.stringify(jwk), revoked_at: null }
    await q
      .insertInto('credentials')
      .values({
        ...row,
        id: thumbprint,
        kind: 'jwk',
        secret_hash: null,
        scope: null,
        created_at: now,
        expires_at: null,
      })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}

function sameKeys(a: ReadonlyMap<string, PublicJwk>, b: ReadonlyMap<string, PublicJwk>): boolean {
  return a.size === b.size && [...a].every(([id, jwk]) => JSON.stringify(b.get(id)) === JSON.stringify(jwk))
}

function change(declared: Declaration, known: object | undefined, fields: readonly string[]): Change {
  const effect = known === undefined ? 'created' : fields.length > 0 ? 'updated' : 'unchanged'
  return { kind: declared.kind, id: declared.id, effect, fields }
}
