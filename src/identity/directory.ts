import { type Clock, newId, type PrincipalId } from '../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../store/index.ts'
import { applyManifests, type Changes } from './apply-manifest.ts'
import { type DirectoryEntity, entitiesOf } from './entities.ts'
import { IdentityError } from './errors.ts'
import type { Manifest } from './manifest.ts'
import type { GatewayKey, Group, Principal, PrincipalStatus, Role } from './principal.ts'
import type { PublicJwk } from './public-jwk.ts'
import type { HeldRole, RoleAssignment } from './role-assignment.ts'
import { hashClientSecret, hashGatewayKey, matchesClientSecret, newSecret } from './secrets.ts'
import { loadSnapshot, type Snapshot } from './snapshot.ts'

/**
 * Who there is in a tenant. What is read comes from memory and is the last committed state; what is written is in the
 * store before the call resolves, and seen by the next read.
 */
export interface Directory {
  principal(id: string): Principal | undefined
  principals(): Iterable<Principal>
  groups(): Iterable<Group>
  roles(): Iterable<Role>
  /** Whether a principal may act at all: it is active, and so is the sponsor of an agent. Unknown ids may not. */
  inGoodStanding(id: string): boolean
  /** Public keys with which the principal may prove who it is. */
  registeredKeys(id: string): readonly PublicJwk[]
  hasClientSecret(id: string): boolean
  /** Compares in constant time; slow on purpose (scrypt). */
  checkClientSecret(id: string, secret: string): Promise<boolean>
  /** The gateway key of this secret, if it is neither revoked nor expired. */
  gatewayKey(secret: string): GatewayKey | undefined
  /** Gateway keys that are not revoked, by id. */
  gatewayKeys(principal?: string): readonly GatewayKey[]

  /** Makes a gateway key; the secret is shown here and never again. `ttl` in seconds, 90 days unless it is given. */
  issueGatewayKey(
    principal: string,
    options?: { readonly scope?: readonly string[]; readonly ttl?: number },
  ): Promise<{ readonly id: string; readonly secret: string; readonly expiresAt: number }>
  /** Throws `gateway_key_unknown`. */
  revokeGatewayKey(id: string): Promise<void>
  /** Gives the principal a new client secret in place of the last one; it is shown here and never again. */
  issueClientSecret(principal: string): Promise<string>
  /** Throws `principal_unknown`. */
  setStatus(principal: string, status: PrincipalStatus): Promise<void>
  /** Brings the directory to what the manifests declare together; applying them again changes nothing. */
  apply(...manifests: readonly Manifest[]): Promise<Changes>

  /** Every role that somebody has; those that are limited, and those that are not. */
  roleAssignments(): readonly RoleAssignment[]
  /** The directory as policies see it. */
  entities(): DirectoryEntity[]
  /**
   * Calls `listener` after each committed change with the principals whose rights may be other than before; the
   * agents of a suspended sponsor are among them. Returns how to stop it.
   */
  onChange(listener: (ids: readonly PrincipalId[]) => void): () => void
}

const DAY = 24 * 60 * 60
const LONGEST_TTL = 365 * DAY

/** Opens the directory of the tenant whose store this is. */
export async function openDirectory(
  store: TenantStore,
  clock: Clock,
  options: { readonly builtInRoles?: ReadonlySet<string> } = {},
): Promise<Directory> {
  const { builtInRoles = new Set<string>() } = options
  let snapshot: Snapshot = await store.read(loadSnapshot)
  const listeners = new Set<(ids: readonly PrincipalId[]) => void>()

  // One change after the other, so that the snapshots follow each other in the order of the commits.
  let last: Promise<unknown> = Promise.resolve()
  const change = <T>(
    touched: (result: T) => readonly string[],
    work: (q: Queries<TenantTables>, before: Snapshot) => Promise<T>,
  ): Promise<T> => {
    const mine = last.then(async () => {
      const { result, after } = await store.write(async (q) => {
        const done = await work(q, snapshot)
        return { result: done, after: await loadSnapshot(q) }
      })
      snapshot = after
      tell(listeners, withAgentsOf(touched(result), after))
      return result
    })
    last = mine.catch(() => undefined)
    return mine
  }

  const checkPrincipal = (id: string): void => {
    if (!snapshot.principals.has(id)) throw new IdentityError('principal_unknown', `no principal \`${id}\``)
  }
  const alive = (key: GatewayKey | undefined): GatewayKey | undefined =>
    key !== undefined && key.expiresAt > clock.now() ? key : undefined

  return {
    principal: (id) => snapshot.principals.get(id),
    principals: () => snapshot.principals.values(),
    groups: () => snapshot.groups.values(),
    roles: () => snapshot.roles.values(),
    inGoodStanding: (id) => isInGoodStanding(id, snapshot),
    registeredKeys: (id) => [...(snapshot.keys.get(id)?.values() ?? [])],
    hasClientSecret: (id) => snapshot.clientSecrets.has(id),
    async checkClientSecret(id, secret) {
      const kept = snapshot.clientSecrets.get(id)
      return kept !== undefined && (await matchesClientSecret(secret, kept))
    },
    gatewayKey: (secret) => alive(snapshot.gatewayKeys.get(hashGatewayKey(secret))),
    gatewayKeys: (principal) =>
      [...snapshot.gatewayKeys.values()]
        .filter((key) => principal === undefined || key.principal === principal)
        .sort((a, b) => (a.id < b.id ? -1 : 1)),

    async issueGatewayKey(principal, { scope, ttl = 90 * DAY } = {}) {
      if (!Number.isInteger(ttl) || ttl <= 0 || ttl > LONGEST_TTL) {
        throw new IdentityError('key_invalid', 'a gateway key lives between one second and 365 days')
      }
      checkPrincipal(principal)
      const now = clock.now()
      const secret = newSecret('spk')
      const row = {
        id: newId('gk', now),
        principal_id: principal,
        kind: 'gateway_key' as const,
        public_jwk: null,
        secret_hash: hashGatewayKey(secret),
        scope: scope === undefined ? null : JSON.stringify(scope),
        created_at: now,
        expires_at: now + ttl * 1000,
        revoked_at: null,
      }
      await change(
        () => [],
        (q) => q.insertInto('credentials').values(row).execute(),
      )
      return { id: row.id, secret, expiresAt: row.expires_at }
    },

    async revokeGatewayKey(id) {
      await change(
        (principal: string) => [principal],
        async (q, before) => {
          const key = [...before.gatewayKeys.values()].find((candidate) => candidate.id === id)
          if (key === undefined) throw new IdentityError('key_unknown', `no gateway key \`${id}\``)
          await q.updateTable('credentials').set({ revoked_at: clock.now() }).where('id', '=', id).execute()
          return key.principal
        },
      )
    },

    async issueClientSecret(principal) {
      checkPrincipal(principal)
      const secret = newSecret('sps')
      const hash = await hashClientSecret(secret)
      await change(
        () => [principal],
        async (q, before) => {
          if ((before.keys.get(principal)?.size ?? 0) > 0) {
            throw new IdentityError('secret_not_needed', `\`${principal}\` has registered keys and needs no secret`)
          }
          const now = clock.now()
          await q
            .updateTable('credentials')
            .set({ revoked_at: now })
            .where('principal_id', '=', principal)
            .where('kind', '=', 'client_secret')
            .where('revoked_at', 'is', null)
            .execute()
          await q
            .insertInto('credentials')
            .values({
              id: newId('cs', now),
              principal_id: principal,
              kind: 'client_secret',
              public_jwk: null,
              secret_hash: hash,
              scope: null,
              created_at: now,
              expires_at: null,
              revoked_at: null,
            })
            .execute()
        },
      )
      return secret
    },

    async setStatus(principal, status) {
      checkPrincipal(principal)
      await change(
        () => [principal],
        (q) =>
          q.updateTable('principals').set({ status, updated_at: clock.now() }).where('id', '=', principal).execute(),
      )
    },

    apply: (...manifests) =>
      change(
        // A role or group may stand behind anybody's rights.
        (changes: Changes) =>
          changes.some(({ kind, effect }) => effect !== 'unchanged' && CONCERNS_MANY.has(kind))
            ? [...snapshot.principals.keys()]
            : changes.filter(({ effect }) => effect !== 'unchanged').map(({ id }) => id),
        (q, before) => applyManifests(q, manifests, before, clock.now(), builtInRoles),
      ),

    roleAssignments: () => assignmentsOf(snapshot),
    entities: () => entitiesOf(snapshot),
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

const CONCERNS_MANY: ReadonlySet<string> = new Set(['Group', 'Role', 'AgentType'])

function assignmentsOf({ heldRoles, principals }: Snapshot): readonly RoleAssignment[] {
  const listed = (held: ReadonlyMap<string, readonly HeldRole[]>, typeOf: (id: string) => Type): RoleAssignment[] =>
    [...held].flatMap(([id, list]) => list.map((one) => ({ ...one, assignee: { type: typeOf(id), id } })))
  return [
    ...listed(heldRoles.principal, (id) => principals.get(id)?.kind ?? 'User'),
    ...listed(heldRoles.group, () => 'Group'),
    ...listed(heldRoles.agent_type, () => 'AgentType'),
  ]
}

type Type = RoleAssignment['assignee']['type']

/** INVARIANT: everybody hears of a change, even when somebody before them fails. */
function tell(listeners: Iterable<(ids: readonly PrincipalId[]) => void>, ids: readonly PrincipalId[]): void {
  const failures: unknown[] = []
  for (const listener of ids.length > 0 ? listeners : []) {
    try {
      listener(ids)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'a listener of the directory failed')
}

function isInGoodStanding(id: string, { principals }: Snapshot): boolean {
  const principal = principals.get(id)
  if (principal?.status !== 'active') return false
  if (principal.kind !== 'Agent') return true
  return principal.sponsor !== undefined && principals.get(principal.sponsor)?.status === 'active'
}

function withAgentsOf(ids: readonly string[], { principals }: Snapshot): PrincipalId[] {
  const wanted = new Set(ids)
  return [...principals.values()]
    .filter(({ id, sponsor }) => wanted.has(id) || (sponsor !== undefined && wanted.has(sponsor)))
    .map(({ id }) => id)
}
