import { actorOf, type Context, digestJson, newId, type PrincipalRef } from '../../kernel/index.ts'
import type { TenantStore } from '../../store/index.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef, Question } from '../question.ts'
import type { RoleGrant } from '../roles.ts'
import { type AccessRequest, type DeniedEvaluation, type RequestState, stateAt } from './access-request.ts'
import { AskBounds } from './ask-bounds.ts'
import type { Grantable, Offer, Wished } from './grantable.ts'
import { bareEntity, type DecidedRequest, hasPart, requestEntity, type Surroundings } from './request-entity.ts'
import { requestOf, requestsIn, rowOf } from './request-rows.ts'
import {
  type Asking,
  checkSeconds,
  checkText,
  checkWanted,
  chooseOffer,
  LONGEST_GRANT,
  needless,
  noHelp,
  type Wanted,
} from './wanted-access.ts'

/** Access requests of one tenant, and the grants that came of them. Everybody that is asked about here is of the tenant. */
export interface AccessRequests {
  /** What could be given, the least first; nothing is asked for. Throws as `ask` for what cannot be asked at all. */
  offers(ctx: Context, wanted: Wanted, asking?: Asking): readonly Offer[]
  /**
   * Asks. Throws `access_request_invalid`, `request_needless` (it is allowed already), `request_pointless` (a grant would not
   * help, or nobody could give it), `request_wider` (what helps grants more, and was not asked for by name),
   * `request_repeated`, `requests_full`.
   */
  ask(ctx: Context, wanted: Wanted, asking?: Asking): Promise<AccessRequest>
  /** The question whether the caller may do this to a request; `seconds` where less is given than was asked for. */
  question(request: AccessRequest, action: RequestAction, seconds?: number): Question
  /** The same where no request is known: of one that is in the tenant, and nothing more. */
  bareQuestion(action: string, id: string): Question
  /**
   * Gives what was asked for, for no longer than that, or refuses it. Whether the caller may was decided before. Throws
   * `request_own`, `request_closed`, `request_pointless` where it would not help any more, `access_request_invalid`.
   */
  approve(
    ctx: Context,
    id: string,
    given: { readonly seconds?: number | undefined; readonly note: string },
  ): Promise<AccessRequest>
  deny(ctx: Context, id: string, note: string): Promise<AccessRequest>
  /** Takes the grant back at once. Throws `request_closed`. */
  revoke(ctx: Context, id: string, note: string): Promise<AccessRequest>
  /** Withdraws a request that waits. Throws `request_closed`. */
  cancel(ctx: Context, id: string, note: string): Promise<AccessRequest>
  /** Throws `request_unknown`. */
  get(id: string): Promise<AccessRequest>
  /** The request that was given this grant. */
  byApproval(id: string): Promise<AccessRequest | undefined>
  /** The latest first. */
  list(filter: { readonly state?: RequestState | undefined; readonly limit: number }): Promise<readonly AccessRequest[]>
  /** Whether somebody is a party to a request: asks, or would get it. */
  isParty(ctx: Context, request: AccessRequest): boolean
  state(request: AccessRequest): RequestState
  /** The grants that are in force, or were until now. */
  grants(): readonly RoleGrant[]
  close(): Promise<void>
}

export type RequestAction = 'access-request:read' | 'access-request:decide' | 'access-request:revoke'

export interface RequestDeps {
  readonly tenant: string
  readonly store: TenantStore
  readonly clock: { now(): number }
  readonly grantable: Grantable
  readonly directory: {
    principal(id: string): (PrincipalRef & { readonly sponsor: string | undefined }) | undefined
    inGoodStanding(id: string): boolean
  }
  /** Puts in force what this principal has now. */
  readonly grantsChanged: (assignee: EntityRef) => Promise<void>
  /** Records that a grant has ended, or that a request was never decided. */
  readonly recordEnd: (request: AccessRequest, state: RequestState) => Promise<void>
  readonly report: (what: string) => (error: unknown) => void
  /** Milliseconds between looks for what has ended. */
  readonly every?: number
}

const DAY = 86_400
/** A request that nobody decides. */
const WAITS = 7 * DAY
const MOST_PENDING = 5_000
const MOST_PENDING_OF_ONE = 20
const MOST_GRANTS = 20_000
/** Days for which closed requests can be listed; the log keeps what it keeps. */
const KEPT = 90 * DAY

/** Opens the access requests of a tenant: those that wait and the grants that last are in memory. */
export async function openAccessRequests(deps: RequestDeps): Promise<AccessRequests> {
  const { store, clock, grantable, directory } = deps
  const live = new Map<string, AccessRequest>()
  const rows = await store.read((q) =>
    q
      .selectFrom('access_requests')
      .selectAll()
      .where('state', 'in', ['pending', 'approved'])
      .where('closed_at', 'is', null)
      .orderBy('id')
      .execute(),
  )
  // What has ended while nobody looked is among them, until its end is recorded.
  for (const request of rows.map(requestOf)) live.set(request.id, request)
  const around: Surroundings = {
    tenant: deps.tenant,
    sponsorOf: (id) => directory.principal(id)?.sponsor,
    ancestorsOf: grantable.ancestorsOf,
  }
  const checks = { grantable, inGoodStanding: directory.inGoodStanding }
  const bounds = new AskBounds()

  // One change after the other: of two who decide, the second finds the decision of the first.
  let last: Promise<unknown> = Promise.resolve()
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
  const keep = async (request: AccessRequest, idempotency?: string): Promise<void> => {
    const { id: _, ...row } = rowOf(request)
    await store.write((q) =>
      q
        .insertInto('access_requests')
        .values({ ...rowOf(request), idempotency: idempotency ?? null })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute(),
    )
    if (isLive(request, clock.now())) live.set(request.id, request)
    else live.delete(request.id)
  }
  const find = async (id: string): Promise<AccessRequest> => {
    const known = live.get(id)
    if (known !== undefined) return known
    const row = await store.read((q) =>
      q.selectFrom('access_requests').selectAll().where('id', '=', id).executeTakeFirst(),
    )
    if (row === undefined) throw new AccessError('request_unknown', `no access request \`${id}\``)
    return requestOf(row)
  }
  const state = (request: AccessRequest): RequestState => stateAt(request, clock.now())
  const inState = async (id: string, wanted: RequestState): Promise<AccessRequest> => {
    const request = await find(id)
    const now = state(request)
    if (now !== wanted) throw new AccessError('request_closed', `the access request \`${id}\` is ${now}`)
    return request
  }

  const checkRoom = (requester: string, wished: Wished, role: string): void => {
    let pending = 0
    let own = 0
    for (const request of live.values()) {
      if (state(request) !== 'pending') continue
      pending++
      if (actorIn(request)?.id === requester || request.subject.id === wished.subject.id) own++
      const { resource } = request
      const isSame = request.subject.id === wished.subject.id && request.role === role
      if (isSame && resource.type === wished.resource.type && resource.id === wished.resource.id) {
        throw new AccessError('request_repeated', `this has been asked for: \`${request.id}\``)
      }
    }
    if (own >= MOST_PENDING_OF_ONE) {
      throw new AccessError('requests_full', `at most ${MOST_PENDING_OF_ONE} requests of one principal wait`)
    }
    if (pending >= MOST_PENDING || live.size - pending >= MOST_GRANTS) {
      throw new AccessError('requests_full', 'too many requests of this tenant wait')
    }
  }
  const question = (request: DecidedRequest, action: RequestAction, seconds?: number): Question => {
    const entity = requestEntity(seconds === undefined ? request : { ...request, seconds }, around)
    return { action, resource: { type: 'AccessRequest', id: request.id }, entities: [entity] }
  }
  /** INVARIANT: a denial is followed by one request, however often its token is sent. */
  const checkFirst = async (evaluation: DeniedEvaluation | undefined): Promise<void> => {
    if (evaluation === undefined) return
    const row = await store.read((q) =>
      q.selectFrom('access_requests').select('id').where('evaluation', '=', evaluation.id).executeTakeFirst(),
    )
    if (row !== undefined) throw new AccessError('request_repeated', 'this denial has been followed by a request')
  }
  const repeatedOf = async (ctx: Context, given: Asking['idempotency']): Promise<Repeated | undefined> => {
    if (given === undefined) return undefined
    const own = `${digestJson([actorOf(ctx.caller).id, given.key])}.`
    const idempotency = `${own}${digestJson(given.body)}`
    const row = await store.read((q) =>
      q.selectFrom('access_requests').selectAll().where('idempotency', 'like', `${own}%`).executeTakeFirst(),
    )
    if (row !== undefined && row.idempotency !== idempotency) {
      throw new AccessError('request_repeated', 'the idempotency key was used for another request')
    }
    return { idempotency, request: row === undefined ? undefined : requestOf(row) }
  }

  const approveNow = async (
    ctx: Context,
    request: AccessRequest,
    seconds: number,
    note: string,
  ): Promise<AccessRequest> => {
    const { subject, chain, role } = request
    const isStale = [subject, ...chain].some(({ id }) => !directory.inGoodStanding(id))
    const { action } = request
    if (action !== undefined && grantable.isAllowed(ctx, { ...request, action })) throw needless(action)
    const [offer] = isStale ? [] : grantable.offers(ctx, request, role)
    if (offer === undefined) throw noHelp()
    if (offer.grants.join() !== request.grants.join()) {
      throw new AccessError(
        'request_pointless',
        `the role \`${role}\` grants something else than when it was asked for`,
      )
    }
    const now = clock.now()
    const approved: AccessRequest = {
      ...request,
      state: 'approved',
      decidedBy: actorOf(ctx.caller).id,
      decidedAt: now,
      note,
      approval: newId('apr', now),
      endsAt: now + seconds * 1000,
    }
    await keep(approved)
    try {
      await deps.grantsChanged({ type: subject.kind, id: subject.id })
    } catch (error) {
      // What could not be put in force was not given.
      await keep({ ...request, state: 'pending' })
      throw error
    }
    return approved
  }

  const sweep = async (): Promise<void> => {
    const now = clock.now()
    for (const request of [...live.values()]) {
      if (isLive(request, now)) continue
      await deps.recordEnd(request, stateAt(request, now))
      await keep({ ...request, closedAt: now })
      if (request.state === 'approved') await deps.grantsChanged({ type: request.subject.kind, id: request.subject.id })
    }
    await store.write((q) =>
      q
        .deleteFrom('access_requests')
        .where('expires_at', '<', now - (KEPT + LONGEST_GRANT) * 1000)
        .execute(),
    )
  }
  let sweeping: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    sweeping = sweeping.then(() => change(sweep)).catch(deps.report('ended grants were not looked after'))
  }, deps.every ?? 10_000).unref()

  return {
    offers(ctx, wanted, asking = {}) {
      bounds.count(actorOf(ctx.caller).id, clock.now())
      return grantable.offers(ctx, checkWanted(ctx, wanted, asking, checks), wanted.role)
    },
    async ask(ctx, wanted, asking = {}) {
      const requester = actorOf(ctx.caller).id
      bounds.count(requester, clock.now())
      const before = await repeatedOf(ctx, asking.idempotency)
      if (before?.request !== undefined) return before.request
      const wished = checkWanted(ctx, wanted, asking, checks)
      const offer = chooseOffer(grantable.offers(ctx, wished, wanted.role), wished, wanted.role)
      const now = clock.now()
      const request: AccessRequest = {
        id: newId('arq', now),
        state: 'pending',
        ...wished,
        chain: ctx.caller.chain,
        role: offer.role,
        grants: offer.grants,
        isElevated: offer.isElevated,
        justification: wanted.justification,
        seconds: wanted.seconds,
        requestedAt: now,
        expiresAt: now + WAITS * 1000,
        revision: grantable.revision(),
        evaluation: asking.denied?.evaluation,
        ...UNDECIDED,
      }
      const asked = question(request, 'access-request:decide')
      const isBarred = (one: PrincipalRef): boolean =>
        hasPart([one], request, around) || !directory.inGoodStanding(one.id)
      if (!(await grantable.isAnybodyAllowed(ctx, asked, isBarred))) {
        throw new AccessError('request_pointless', 'nobody may give this, or not for so long')
      }
      return change(async () => {
        checkRoom(requester, wished, offer.role)
        await checkFirst(request.evaluation)
        await keep(request, before?.idempotency)
        return request
      })
    },
    question,
    bareQuestion: (action, id) => ({
      action,
      resource: { type: 'AccessRequest', id },
      entities: [bareEntity(id, around)],
    }),
    approve: (ctx, id, { seconds, note }) =>
      change(async () => {
        const request = await inState(id, 'pending')
        if (hasPart(ctx.caller.chain, request, around)) throw ownRequest()
        checkText(note)
        const given = seconds ?? request.seconds
        checkSeconds(given)
        if (given > request.seconds) throw new AccessError('access_request_invalid', 'longer than it was asked for')
        return approveNow(ctx, request, given, note)
      }),
    deny: (ctx, id, note) =>
      change(async () => {
        const request = await inState(id, 'pending')
        if (hasPart(ctx.caller.chain, request, around)) throw ownRequest()
        checkText(note)
        const denied: AccessRequest = {
          ...request,
          state: 'denied',
          decidedBy: actorOf(ctx.caller).id,
          decidedAt: clock.now(),
          note,
        }
        await keep(denied)
        return denied
      }),
    revoke: (ctx, id, note) =>
      change(async () => {
        const request = await inState(id, 'approved')
        checkText(note)
        const revoked: AccessRequest = {
          ...request,
          state: 'revoked',
          closedBy: actorOf(ctx.caller).id,
          closedAt: clock.now(),
          note: note === '' ? request.note : note,
        }
        await keep(revoked)
        await deps.grantsChanged({ type: request.subject.kind, id: request.subject.id })
        return revoked
      }),
    cancel: (ctx, id, note) =>
      change(async () => {
        const request = await inState(id, 'pending')
        checkText(note)
        const cancelled: AccessRequest = {
          ...request,
          state: 'cancelled',
          closedBy: actorOf(ctx.caller).id,
          closedAt: clock.now(),
          note,
        }
        await keep(cancelled)
        return cancelled
      }),
    get: find,
    async byApproval(id) {
      const row = await store.read((q) =>
        q.selectFrom('access_requests').selectAll().where('approval', '=', id).executeTakeFirst(),
      )
      return row === undefined ? undefined : requestOf(row)
    },
    list: (filter) => store.read((q) => requestsIn(q, filter, clock.now())),
    isParty: (ctx, { subject, chain }) =>
      ctx.caller.chain.some(({ id }) => id === subject.id || chain.some((link) => link.id === id)),
    state,
    grants: () =>
      [...live.values()]
        .filter((request) => request.state === 'approved')
        .map(({ role, subject, resource, endsAt }) => ({
          role,
          assignee: { type: subject.kind, id: subject.id },
          on: resource,
          until: endsAt,
        })),
    async close() {
      clearInterval(timer)
      await sweeping
      await last
    },
  }
}

interface Repeated {
  readonly idempotency: string
  readonly request: AccessRequest | undefined
}

const UNDECIDED = {
  decidedBy: undefined,
  decidedAt: undefined,
  note: undefined,
  approval: undefined,
  endsAt: undefined,
  closedBy: undefined,
  closedAt: undefined,
} as const

function isLive(request: AccessRequest, now: number): boolean {
  const state = stateAt(request, now)
  return state === 'pending' || state === 'approved'
}

function actorIn({ chain }: AccessRequest): PrincipalRef | undefined {
  return chain[chain.length - 1]
}

function ownRequest(): AccessError {
  return new AccessError('request_own', 'nobody decides on a request that they have a part in')
}
