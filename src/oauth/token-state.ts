import type { Clock, DelegationId, Mandate, PrincipalRef, Txn } from '../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../store/index.ts'

/** What must be remembered of tokens, also over a restart. Everything is kept only for as long as it can matter. */
export interface TokenState {
  /** True for the first use of an assertion, false for every other. `expiresAt` in milliseconds since the epoch. */
  useAssertion(issuer: string, jti: string, expiresAt: number): Promise<boolean>
  saveDelegation(delegation: Delegation): Promise<void>
  delegation(id: DelegationId): Promise<Delegation | undefined>
  /** Revokes a token, and the delegation it was issued under; whatever was derived from it falls with it. */
  revoke(jti: string, delegation: DelegationId | undefined, expiresAt: number): Promise<void>
  revokeDelegation(id: DelegationId): Promise<void>
  /** Whether a token or delegation of this id was revoked. From memory. */
  isRevoked(id: string): boolean
  /** Tells of every token and delegation that is revoked, once that is durable. Returns how to stop listening. */
  onRevoked(listener: () => void): () => void
}

/** The record of a delegation chain: what is decided on and what is revoked. */
export interface Delegation {
  readonly id: DelegationId
  readonly txn: Txn
  readonly parent: DelegationId | undefined
  /** From the subject to the actor. */
  readonly chain: readonly [PrincipalRef, ...PrincipalRef[]]
  readonly scope: readonly string[]
  readonly audience: string
  /** What the subject has narrowed it to. */
  readonly mandate: Mandate | undefined
  /** Ids of the tokens and delegations that it was derived from: revoking one of them revokes it. */
  readonly lineage: readonly string[]
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly expiresAt: number
}

const SWEEP_EVERY = 60_000

export async function openTokenState(store: TenantStore, clock: Clock): Promise<TokenState> {
  const revoked = await loadRevoked(store, clock.now())
  const listeners = new Set<() => void>()
  let swept = clock.now()

  /** Removes, now and then and in the same transaction as a write, what can no longer matter. */
  const sweep = async (q: Queries<TenantTables>): Promise<void> => {
    const now = clock.now()
    if (now - swept < SWEEP_EVERY) return
    swept = now
    await q.deleteFrom('used_assertions').where('expires_at', '<', now).execute()
    await q.deleteFrom('revoked_tokens').where('expires_at', '<', now).execute()
    await q.deleteFrom('delegations').where('expires_at', '<', now).execute()
    for (const [id, expiresAt] of revoked) if (expiresAt < now) revoked.delete(id)
  }
  const markRevoked = async (q: Queries<TenantTables>, id: DelegationId): Promise<number> => {
    const row = await q
      .updateTable('delegations')
      .set({ revoked_at: clock.now() })
      .where('id', '=', id)
      .returning('expires_at')
      .executeTakeFirst()
    return row?.expires_at ?? 0
  }

  return {
    isRevoked: (id) => revoked.has(id),
    onRevoked(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },

    async useAssertion(issuer, jti, expiresAt) {
      // INVARIANT: one statement decides, so that of many concurrent uses the store lets exactly one through.
      const result = await store.write(async (q) => {
        await sweep(q)
        return q
          .insertInto('used_assertions')
          .values({ issuer, jti, expires_at: expiresAt })
          .onConflict((c) => c.doNothing())
          .executeTakeFirst()
      })
      return result.numInsertedOrUpdatedRows === 1n
    },

    async saveDelegation(delegation) {
      await store.write(async (q) => {
        await sweep(q)
        await q
          .insertInto('delegations')
          .values({
            id: delegation.id,
            txn: delegation.txn,
            parent: delegation.parent ?? null,
            chain: JSON.stringify(delegation.chain),
            scope: JSON.stringify(delegation.scope),
            audience: delegation.audience,
            mandate: delegation.mandate === undefined ? null : JSON.stringify(delegation.mandate),
            lineage: JSON.stringify(delegation.lineage),
            created_at: delegation.createdAt,
            expires_at: delegation.expiresAt,
            revoked_at: null,
          })
          .execute()
      })
    },

    async delegation(id) {
      const row = await store.read((q) =>
        q.selectFrom('delegations').selectAll().where('id', '=', id).executeTakeFirst(),
      )
      return row === undefined ? undefined : delegationOf(row)
    },

    async revoke(jti, delegation, expiresAt) {
      await store.write(async (q) => {
        await sweep(q)
        await q
          .insertInto('revoked_tokens')
          .values({ jti, expires_at: expiresAt })
          .onConflict((c) => c.doNothing())
          .execute()
        if (delegation !== undefined) await markRevoked(q, delegation)
      })
      revoked.set(jti, expiresAt)
      if (delegation !== undefined) revoked.set(delegation, expiresAt)
      for (const listener of listeners) listener()
    },

    async revokeDelegation(id) {
      const expiresAt = await store.write((q) => markRevoked(q, id))
      if (expiresAt > 0) revoked.set(id, expiresAt)
      for (const listener of listeners) listener()
    },
  }
}

async function loadRevoked(store: TenantStore, now: number): Promise<Map<string, number>> {
  return store.read(async (q) => {
    const tokens = await q
      .selectFrom('revoked_tokens')
      .select(['jti as id', 'expires_at'])
      .where('expires_at', '>=', now)
      .execute()
    const delegations = await q
      .selectFrom('delegations')
      .select(['id', 'expires_at'])
      .where('revoked_at', 'is not', null)
      .where('expires_at', '>=', now)
      .execute()
    return new Map([...tokens, ...delegations].map((row) => [row.id, row.expires_at]))
  })
}

function delegationOf(row: TenantTables['delegations']): Delegation {
  // Rows of this table are written by saveDelegation alone.
  return {
    id: row.id as DelegationId,
    txn: row.txn as Txn,
    parent: (row.parent ?? undefined) as DelegationId | undefined,
    chain: JSON.parse(row.chain),
    scope: JSON.parse(row.scope),
    audience: row.audience,
    mandate: row.mandate === null ? undefined : JSON.parse(row.mandate),
    lineage: JSON.parse(row.lineage),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
