import { type Clock, newId, type PrincipalId, type PrincipalKind } from '../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../store/index.ts'
import { applyManifests, type Changes } from './apply-manifest.ts'
import { type DirectoryEntity, entitiesOf, entityOf } from './entities.ts'
import { IdentityError } from './errors.ts'
import type { Manifest } from './manifest.ts'
import type { GatewayKey, Group, Principal, PrincipalStatus, RiskScore, Role } from './principal.ts'
import type { PublicJwk } from './public-jwk.ts'
import type { HeldRole, ResourceRef, RoleAssignment } from './role-assignment.ts'
import { hashSecret, matchesSecret, newSecret } from './secrets.ts'
import { type Rows, readAll, readRows, type Snapshot, SnapshotState, type Touched } from './snapshot.ts'

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
  /** Compares in constant time. */
  checkClientSecret(id: string, secret: string): boolean
  /** The gateway key of this secret, if it is neither revoked nor expired. */
  gatewayKey(secret: string): GatewayKey | undefined
  /** Whom the gateway key with this id stands for, unless it is revoked. */
  holderOf(keyId: string): PrincipalId | undefined
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
  /** Sets what is given; `null` takes it away. Throws `principal_unknown`, `fact_invalid`. */
  setStanding(principal: string, standing: Standing): Promise<void>
  /** Brings the directory to what the manifests declare together; applying them again changes nothing. */
  apply(...manifests: readonly Manifest[]): Promise<Changes>

  /** Every role that somebody has; those that are limited, and those that are not. */
  roleAssignments(): readonly RoleAssignment[]
  /** The roles that one of them has. */
  rolesOf(assignee: ResourceRef): readonly RoleAssignment[]
  /** The directory as policies see it. */
  entities(): DirectoryEntity[]
  /** One of them; undefined for what is not there. */
  entity(uid: ResourceRef): DirectoryEntity | undefined
  /**
   * Calls `listener` after each committed change with the principals whose rights may be other than before (the
   * agents of a suspended sponsor are among them), and with every principal, group, role and agent type that changed.
   * Returns how to stop it.
   */
  onChange(listener: ChangeListener): () => void
}

export type ChangeListener = (ids: readonly PrincipalId[], changed: readonly ResourceRef[]) => void

/** What others say of a principal, beside what it is. */
export interface Standing {
  /** Of an agent: a whole number from 0. */
  readonly level?: number | null
  readonly risk?: RiskScore | null
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
  const snapshot = new SnapshotState()
  snapshot.put(await store.read(readAll))
  const listeners = new Set<ChangeListener>()

  // One change after the other, so that the snapshots follow each other in the order of the commits.
  let last: Promise<unknown> = Promise.resolve()
  const change = <T>(
    touchedBy: (result: T) => Touched,
    work: (q: Queries<TenantTables>, before: Snapshot) => Promise<T>,
    options: { readonly isQuiet?: boolean } = {},
  ): Promise<T> => {
    const mine = last.then(async () => {
      const { result, rows } = await store.write(async (q) => {
        const done = await work(q, snapshot)
        return { result: done, rows: await readRows(q, touchedBy(done), snapshot) }
      })
      const before = kindsOf(rows, snapshot)
      snapshot.put(rows)
      if (options.isQuiet !== true) tell(listeners, concerned(rows, snapshot), changedThings(rows, before, snapshot))
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
    principals: () => sorted(snapshot.principals.values()),
    groups: () => sorted(snapshot.groups.values()),
    roles: () => sorted(snapshot.roles.values()),
    inGoodStanding: (id) => isInGoodStanding(id, snapshot),
    registeredKeys: (id) => [...(snapshot.keys.get(id)?.values() ?? [])],
    hasClientSecret: (id) => snapshot.clientSecrets.has(id),
    checkClientSecret(id, secret) {
      const kept = snapshot.clientSecrets.get(id)
      return kept !== undefined && matchesSecret(secret, kept)
    },
    gatewayKey: (secret) => alive(snapshot.gatewayKeys.get(hashSecret(secret))),
    holderOf: (keyId) => keyWith(keyId, snapshot)?.principal,
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
        secret_hash: hashSecret(secret),
        scope: scope === undefined ? null : JSON.stringify(scope),
        created_at: now,
        expires_at: now + ttl * 1000,
        revoked_at: null,
      }
      await change(
        () => ({ principals: [principal] }),
        (q) => q.insertInto('credentials').values(row).execute(),
        { isQuiet: true },
      )
      return { id: row.id, secret, expiresAt: row.expires_at }
    },

    async revokeGatewayKey(id) {
      await change(
        (principal: string) => ({ principals: [principal] }),
        async (q, before) => {
          const key = keyWith(id, before)
          if (key === undefined) throw new IdentityError('key_unknown', `no gateway key \`${id}\``)
          await q.updateTable('credentials').set({ revoked_at: clock.now() }).where('id', '=', id).execute()
          return key.principal
        },
      )
    },

    async issueClientSecret(principal) {
      checkPrincipal(principal)
      const secret = newSecret('sps')
      const hash = hashSecret(secret)
      await change(
        () => ({ principals: [principal] }),
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
        () => ({ principals: [principal] }),
        (q) =>
          q.updateTable('principals').set({ status, updated_at: clock.now() }).where('id', '=', principal).execute(),
      )
    },

    async setStanding(principal, { level, risk }) {
      checkPrincipal(principal)
      if (level !== undefined && level !== null) {
        checkFact(Number.isInteger(level) && level >= 0, 'a level is a whole number from 0')
        checkFact(snapshot.principals.get(principal)?.kind === 'Agent', 'only an agent has a level')
      }
      if (risk !== undefined && risk !== null) {
        checkFact(Number.isInteger(risk.score) && risk.score >= 0 && risk.score <= 100, 'a risk score is from 0 to 100')
        checkFact(risk.until > risk.at, 'a risk score that is stale when it is given says nothing')
      }
      const values = {
        ...(level === undefined ? {} : { level }),
        ...(risk === undefined
          ? {}
          : {
              risk: risk?.score ?? null,
              risk_source: risk?.source ?? null,
              risk_at: risk?.at ?? null,
              risk_ends: risk?.until ?? null,
            }),
      }
      await change(
        () => ({ principals: [principal] }),
        (q) =>
          q
            .updateTable('principals')
            .set({ ...values, updated_at: clock.now() })
            .where('id', '=', principal)
            .execute(),
      )
    },

    apply: (...manifests) =>
      change(
        (changes: Changes) => touchedBy(changes),
        (q, before) => applyManifests(q, manifests, before, clock.now(), builtInRoles),
      ),

    roleAssignments: () => assignmentsOf(snapshot),
    rolesOf: (assignee) => rolesOf(assignee, snapshot),
    entities: () => entitiesOf(snapshot),
    entity: (uid) => entityOf(uid, snapshot),
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

function keyWith(id: string, { gatewayKeys }: Snapshot): GatewayKey | undefined {
  for (const key of gatewayKeys.values()) if (key.id === id) return key
  return undefined
}

function sorted<T extends { readonly id: string }>(things: Iterable<T>): readonly T[] {
  return [...things].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function checkFact(holds: boolean, message: string): void {
  if (!holds) throw new IdentityError('fact_invalid', message)
}

function touchedBy(changes: Changes): Touched {
  const of = (...kinds: readonly Changes[number]['kind'][]): readonly string[] =>
    changes.filter(({ kind, effect }) => effect !== 'unchanged' && kinds.includes(kind)).map(({ id }) => id)
  return {
    principals: of('User', 'Service', 'Agent'),
    groups: of('Group'),
    roles: of('Role'),
    agentTypes: of('AgentType'),
  }
}

function assignmentsOf(snapshot: Snapshot): readonly RoleAssignment[] {
  const { heldRoles, principals } = snapshot
  const listed = (held: ReadonlyMap<string, readonly HeldRole[]>, typeOf: (id: string) => Type): RoleAssignment[] =>
    [...held.keys()].flatMap((id) => rolesOf({ type: typeOf(id), id }, snapshot))
  return [
    ...listed(heldRoles.principal, (id) => principals.get(id)?.kind ?? 'User'),
    ...listed(heldRoles.group, () => 'Group'),
    ...listed(heldRoles.agent_type, () => 'AgentType'),
  ]
}

function rolesOf({ type, id }: ResourceRef, { heldRoles, principals }: Snapshot): readonly RoleAssignment[] {
  if (type === 'Group') return heldBy(heldRoles.group, { type, id })
  if (type === 'AgentType') return heldBy(heldRoles.agent_type, { type, id })
  const kind = principals.get(id)?.kind
  return kind === undefined || kind !== type ? [] : heldBy(heldRoles.principal, { type: kind, id })
}

function heldBy(
  held: ReadonlyMap<string, readonly HeldRole[]>,
  assignee: RoleAssignment['assignee'],
): readonly RoleAssignment[] {
  return (held.get(assignee.id) ?? []).map((one) => ({ ...one, assignee }))
}

type Type = RoleAssignment['assignee']['type']

/** Of what kind the principals were that a change may have removed. */
function kindsOf({ touched }: Rows, { principals }: Snapshot): ReadonlyMap<string, PrincipalKind> {
  return new Map(touched.principals.flatMap((id) => [[id, principals.get(id)?.kind] as const]).filter(hasKind))
}

function hasKind(entry: readonly [string, PrincipalKind | undefined]): entry is [string, PrincipalKind] {
  return entry[1] !== undefined
}

function changedThings(
  { touched }: Rows,
  before: ReadonlyMap<string, PrincipalKind>,
  { principals }: Snapshot,
): readonly ResourceRef[] {
  const named = (type: string) => (id: string) => ({ type, id })
  return [
    ...touched.roles.map(named('Role')),
    ...touched.groups.map(named('Group')),
    ...touched.agentTypes.map(named('AgentType')),
    ...touched.principals.flatMap((id) => {
      const type = principals.get(id)?.kind ?? before.get(id)
      return type === undefined ? [] : [{ type, id }]
    }),
  ]
}

/** Whose rights may be other than before: a role may stand behind anybody's. */
function concerned({ touched }: Rows, { principals, agentsOf }: Snapshot): readonly PrincipalId[] {
  const ids = new Set<PrincipalId>()
  for (const { id, agentType } of touched.roles.length + touched.agentTypes.length > 0 ? principals.values() : []) {
    if (touched.roles.length > 0 || touched.agentTypes.includes(agentType ?? '')) ids.add(id)
  }
  for (const touchedId of touched.principals) {
    const id = principals.get(touchedId)?.id
    if (id !== undefined) ids.add(id)
    for (const agent of agentsOf.get(touchedId) ?? []) ids.add(agent)
  }
  return [...ids]
}

/** INVARIANT: everybody hears of a change, even when somebody before them fails. */
function tell(listeners: Iterable<ChangeListener>, ids: readonly PrincipalId[], changed: readonly ResourceRef[]): void {
  const failures: unknown[] = []
  for (const listener of ids.length + changed.length > 0 ? listeners : []) {
    try {
      listener(ids, changed)
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
