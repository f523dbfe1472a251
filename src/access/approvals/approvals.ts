import type { Directory } from '../../identity/index.ts'
import {
  actorOf,
  type Clock,
  type Context,
  newId,
  type PrincipalId,
  type PrincipalRef,
  type TenantId,
} from '../../kernel/index.ts'
import type { KeyRing } from '../../keys/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import { AccessError } from '../errors.ts'
import type { Decision, Question } from '../question.ts'
import type { Taken, Taker } from '../reserve.ts'
import type { Approval, ApprovalContents, ApprovalState } from './approval.ts'
import { approvalQuestion } from './approval-entity.ts'
import type { ApprovalLook } from './approval-look.ts'
import { approvalOf, openContents, requesterOf, rowOf, sealContents } from './approval-rows.ts'
import type { WantedApproval } from './wanted-approval.ts'

/**
 * The approvals of one tenant. What is written is in the store before a call resolves, and decided on from then on;
 * decisions themselves see memory only.
 */
export interface Approvals extends ApprovalLook, Taker {
  /**
   * Asks somebody for the approval that a denied request lacks, once for the same request. `undefined` where it lacks
   * something else, where it cannot be shown to a person, and where too many wait already.
   */
  ask(ctx: Context, question: Question): Promise<Approval | undefined>
  get(id: string): Promise<Approval | undefined>
  /** What would be done, as long as somebody may still decide on it. */
  contents(id: string): Promise<ApprovalContents | undefined>
  /** The newest first. `before` is the id of the last one seen. */
  list(page: {
    readonly state?: ApprovalState
    readonly before?: string
    readonly limit: number
  }): Promise<readonly Approval[]>
  /**
   * Whether something may be done with an approval is asked of the decision point with this question. Whoever calls
   * `give`, `refuse` or `revoke` has been allowed to.
   */
  question(
    action: 'approval:read' | 'approval:give' | 'approval:revoke',
    approval: Pick<Approval, 'id' | 'request'>,
  ): Question
  /** Throws `approval_over` where it no longer waits, or was asked for under other policies. */
  give(id: string, by: PrincipalId): Promise<Approval>
  /** Throws `approval_over`. */
  refuse(id: string, by: PrincipalId, reason: string): Promise<Approval>
  /** Takes an approval back, or a request that waits for one. Throws `approval_over`. */
  revoke(id: string, by: PrincipalId, reason: string): Promise<Approval>
  /** Calls `listener` after each change. Returns how to stop it. */
  onChange(listener: (approval: Approval) => void): () => void
  close(): void
}

export interface ApprovalDeps {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>
  readonly clock: Clock
  readonly directory: Pick<Directory, 'principal' | 'inGoodStanding'>
  /** The decision point that these approvals are for. */
  readonly access: {
    decide(ctx: Context, question: Question): Decision
    approvalWanted(ctx: Context, question: Question): WantedApproval | undefined
    /** Of the policies in force. */
    revision(): string
  }
  readonly report: (error: unknown) => void
}

/** Milliseconds for which a request waits for somebody. */
const WAITS = 24 * 3_600_000
/** Requests that wait: of one chain, so that nobody whom an agent serves takes the others' place; of one actor; of a tenant. */
const MOST_OF_CHAIN = 20
const MOST_OF_ACTOR = 200
const MOST = 1000
/** Bytes of arguments that a person is shown. */
const MOST_SHOWN = 256 * 1024
/** Milliseconds after which what has ended is forgotten. */
const KEPT = 30 * 24 * 3_600_000

/** Opens the approvals of a tenant. */
export async function openApprovals(deps: ApprovalDeps): Promise<Approvals> {
  const { tenant, store, keyRing, clock, directory, access } = deps
  /** Whatever a decision can depend on: what waits, what was given, and what was refused for now. */
  const byDigest = new Map<string, Approval>()
  const listeners = new Set<(approval: Approval) => void>()
  const asking = new Map<string, Promise<Approval | undefined>>()
  /** On their way into the store; they count like those that wait. */
  const creating = new Set<Approval>()
  /** Used up by an action that has not begun; with those that must not come back if it never does. */
  const inFlight = new Map<string, { isBarred: boolean }>()

  const alive = await store.write(async (q) => {
    await sweep(q, clock.now())
    // An action that had taken an approval may have been under way when the process ended: it stays used.
    return q
      .selectFrom('approvals')
      .selectAll()
      .where('state', 'in', ['pending', 'approved', 'denied'])
      .where('expires_at', '>', clock.now())
      .orderBy('requested_at')
      .execute()
  })
  for (const row of alive) byDigest.set(row.digest, approvalOf(row))

  const tell = (approval: Approval): Approval => {
    for (const listener of listeners) {
      // Whoever only wants to know must not keep anybody from deciding or acting.
      try {
        listener(approval)
      } catch (error) {
        deps.report(error)
      }
    }
    return approval
  }
  const forget = (approval: Approval): void => {
    if (byDigest.get(approval.digest)?.id === approval.id) byDigest.delete(approval.digest)
  }
  const holds = (approval: Approval, now: number): boolean =>
    approval.state === 'approved' &&
    now < approval.expiresAt &&
    // Whoever gave it and has fallen since has not given it.
    approval.decidedBy !== undefined &&
    directory.inGoodStanding(approval.decidedBy)
  const find: ApprovalLook['find'] = (digest, now) => {
    const approval = byDigest.get(digest)
    if (approval === undefined || now >= approval.expiresAt) return undefined
    const { id, state } = approval
    if (state === 'approved') return holds(approval, now) ? { id, state } : undefined
    return state === 'pending' || state === 'denied' ? { id, state } : undefined
  }

  const read = async (id: string): Promise<Approval | undefined> => {
    const row = await store.read((q) => q.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst())
    return row === undefined ? undefined : lapsed(approvalOf(row), clock.now())
  }

  /** Changes a row that is still in one of these states; `undefined` where it is not. */
  const move = async (
    id: string,
    from: readonly ApprovalState[],
    change: Partial<Omit<ReturnType<typeof rowOf>, 'id'>>,
  ): Promise<Approval | undefined> => {
    const now = clock.now()
    const row = await store.write(async (q) => {
      const { numUpdatedRows } = await q
        .updateTable('approvals')
        .set(change)
        .where('id', '=', id)
        .where('state', 'in', from)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) return undefined
      return q.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
    })
    return row === undefined ? undefined : approvalOf(row)
  }

  const decideOn = async (
    id: string,
    from: readonly ApprovalState[],
    change: Parameters<typeof move>[2],
  ): Promise<Approval> => {
    const moved = await move(id, from, change)
    if (moved === undefined) throw over(await read(id), id)
    // A refused one stays for as long as it would have waited: asking again must not wear people down.
    if (moved.state === 'approved' || moved.state === 'denied') byDigest.set(moved.digest, moved)
    else forget(moved)
    return tell(moved)
  }

  const create = async (ctx: Context, wanted: WantedApproval): Promise<Approval | undefined> => {
    const now = clock.now()
    const requester = actorOf(ctx.caller).id
    const waiting = [...byDigest.values(), ...creating].filter(
      ({ state, expiresAt }) => state === 'pending' && now < expiresAt,
    )
    const ofActor = waiting.filter(({ request }) => requesterOf(request) === requester)
    const ofChain = ofActor.filter(({ request }) => isSameChain(request.chain, ctx.caller.chain))
    if (waiting.length >= MOST || ofActor.length >= MOST_OF_ACTOR || ofChain.length >= MOST_OF_CHAIN) return undefined
    if (!canBeShown(wanted.contents)) return undefined
    const sponsors = wanted.request.chain.flatMap(({ id }) => directory.principal(id)?.sponsor ?? [])
    const approval: Approval = {
      id: newId('apr', now),
      digest: wanted.digest,
      state: 'pending',
      request: { ...wanted.request, behind: [...new Set(sponsors)] },
      requestedAt: now,
      expiresAt: now + WAITS,
      decidedBy: undefined,
      decidedAt: undefined,
      reason: undefined,
      endedAt: undefined,
    }
    const sealed = sealContents(approval.id, wanted.contents, keyRing)
    const before = byDigest.get(wanted.digest)
    creating.add(approval)
    try {
      await store.write(async (q) => {
        await sweep(q, now)
        // An approval that nobody in good standing stands behind any more makes room for a new request.
        const reason = 'whoever gave it is no longer in good standing'
        await q
          .updateTable('approvals')
          .set({ state: 'revoked', reason, sealed: null, ended_at: now })
          .where('digest', '=', wanted.digest)
          .where('state', 'in', ['pending', 'approved'])
          .execute()
        await q.insertInto('approvals').values(rowOf(approval, sealed)).execute()
      })
    } finally {
      creating.delete(approval)
    }
    if (before !== undefined) forget(before)
    byDigest.set(approval.digest, approval)
    return tell(approval)
  }

  const use = async (ctx: Context, question: Question, decision: Decision, id: string): Promise<Taken | Decision> => {
    const now = clock.now()
    // Between the decision and now, arguments cannot have changed, but policies and people can.
    const wanted = access.approvalWanted(ctx, question)
    const approval = wanted === undefined ? undefined : byDigest.get(wanted.digest)
    if (approval === undefined || approval.id !== id || !holds(approval, now)) return again(ctx, question, decision)
    // INVARIANT: out of memory before anything waits, and used up in the store before the action begins.
    forget(approval)
    const used = await move(id, ['approved'], { state: 'used', ended_at: now })
    if (used === undefined) return again(ctx, question, decision)
    const flight = { isBarred: false }
    inFlight.set(id, flight)
    tell(used)
    return {
      settle() {
        inFlight.delete(id)
        store
          .write((q) => q.updateTable('approvals').set({ sealed: null }).where('id', '=', id).execute())
          .catch(deps.report)
      },
      release() {
        inFlight.delete(id)
        if (!flight.isBarred) putBack(id).catch(deps.report)
      },
    }
  }

  /** The action never began, so that it was not used. */
  const putBack = async (id: string): Promise<void> => {
    const back = await move(id, ['used'], { state: 'approved', ended_at: null })
    if (back === undefined) return
    byDigest.set(back.digest, back)
    tell(back)
  }

  /** Decides again what could not be had after all. */
  const again = (ctx: Context, question: Question, before: Decision): Decision | Taken => {
    const decision = access.decide(ctx, question)
    // Where nothing is refused it goes on without the approval.
    if (decision.observed !== undefined) return { became: decision, settle: () => undefined, release: () => undefined }
    if (decision.decision === 'deny') return decision
    const { approval: _, ...rest } = before
    return {
      ...rest,
      decision: 'deny',
      overruled: true,
      reasons: [],
      remedy: 'what was approved has changed meanwhile; ask again',
    }
  }

  const timer = setInterval(() => {
    const now = clock.now()
    for (const approval of byDigest.values()) if (now >= approval.expiresAt) forget(approval)
    store.write((q) => sweep(q, now)).catch(deps.report)
  }, 600_000)
  timer.unref()

  return {
    find,
    take(ctx, question, decision) {
      if (decision.approval === undefined || question.isProposed === true) return undefined
      return use(ctx, question, decision, decision.approval)
    },
    async ask(ctx, question) {
      const wanted = access.approvalWanted(ctx, question)
      if (wanted === undefined) return undefined
      const known = find(wanted.digest, clock.now())
      if (known !== undefined) return known.state === 'pending' ? byDigest.get(wanted.digest) : undefined
      const begun = asking.get(wanted.digest)
      if (begun !== undefined) return begun
      const creating = create(ctx, wanted).finally(() => asking.delete(wanted.digest))
      asking.set(wanted.digest, creating)
      return creating
    },
    get: read,
    async contents(id) {
      const row = await store.read((q) =>
        q.selectFrom('approvals').select('sealed').where('id', '=', id).executeTakeFirst(),
      )
      return row === undefined || row.sealed === null ? undefined : openContents(id, row.sealed, keyRing)
    },
    async list({ state, before, limit }) {
      const now = clock.now()
      const rows = await store.read((q) => {
        let query = q.selectFrom('approvals').selectAll().orderBy('id', 'desc').limit(limit)
        if (before !== undefined) query = query.where('id', '<', before)
        if (state !== undefined) query = query.where('state', '=', state)
        return query.execute()
      })
      return rows.map((row) => lapsed(approvalOf(row), now)).filter((one) => state === undefined || one.state === state)
    },
    question: (action, approval) =>
      approvalQuestion(action, approval, tenant, (agent) => directory.principal(agent)?.sponsor),
    async give(id, by) {
      const approval = await read(id)
      if (approval?.state !== 'pending') throw over(approval, id)
      const now = clock.now()
      if (approval.request.revision !== access.revision()) {
        const reason = 'the policies have changed since it was asked for'
        await decideOn(id, ['pending'], { state: 'revoked', reason, sealed: null, ended_at: now })
        throw new AccessError('approval_over', `the approval \`${id}\` is void: ${reason}`)
      }
      const until = now + approval.request.goodFor
      return decideOn(id, ['pending'], { state: 'approved', decided_by: by, decided_at: now, expires_at: until })
    },
    refuse(id, by, reason) {
      const now = clock.now()
      const change = { state: 'denied', decided_by: by, decided_at: now, reason, sealed: null, ended_at: now } as const
      return decideOn(id, ['pending'], change)
    },
    async revoke(id, by, reason) {
      const flight = inFlight.get(id)
      if (flight !== undefined) flight.isBarred = true
      const now = clock.now()
      const change = { state: 'revoked', decided_by: by, decided_at: now, reason, sealed: null, ended_at: now } as const
      return decideOn(id, ['pending', 'approved'], change)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => clearInterval(timer),
  }
}

function canBeShown(contents: ApprovalContents): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(contents)) <= MOST_SHOWN
  } catch (error) {
    // nested too deeply to be written
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Ends what has lapsed, destroying its arguments, and drops what ended long ago. */
async function sweep(q: Queries<TenantTables>, now: number): Promise<void> {
  await q
    .updateTable('approvals')
    .set((row) => ({ state: 'expired', sealed: null, ended_at: row.ref('expires_at') }))
    .where('state', 'in', ['pending', 'approved'])
    .where('expires_at', '<=', now)
    .execute()
  await q
    .deleteFrom('approvals')
    .where('ended_at', '<', now - KEPT)
    .execute()
}

/** As it is at this moment; the store learns of it later. */
function lapsed(approval: Approval, now: number): Approval {
  const isAlive = approval.state === 'pending' || approval.state === 'approved'
  return isAlive && now >= approval.expiresAt
    ? { ...approval, state: 'expired', endedAt: approval.expiresAt }
    : approval
}

/** The same for one that never was, as far as that is the caller's to know. */
function over(approval: Approval | undefined, id: string): AccessError {
  if (approval === undefined) return new AccessError('approval_unknown', `no approval \`${id}\``)
  const states = { pending: 'still waits', approved: 'has been given', denied: 'has been refused' } as const
  const ended = { used: 'has been used', revoked: 'has been taken back', expired: 'has lapsed' } as const
  return new AccessError('approval_over', `the approval \`${id}\` ${{ ...states, ...ended }[approval.state]}`)
}

function isSameChain(a: readonly PrincipalRef[], b: readonly PrincipalRef[]): boolean {
  return a.length === b.length && a.every(({ id }, at) => id === b[at]?.id)
}
