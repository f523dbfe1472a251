import { z } from 'zod'
import { AccessError, type AccessRequest, REQUEST_STATES, type RequestAction } from '../../access/index.ts'
import type { Context, Json } from '../../kernel/index.ts'
import { type Call, type Decided, type Deciding, type Route, route } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'

const name = z.string().min(1).max(1024)
const text = z.string().max(1000)
const reference = z.object({ type: z.string(), id: z.string() })
const party = z.object({ kind: z.string(), id: z.string() })

const requestAnswer = z.object({
  id: z.string(),
  state: z.enum(REQUEST_STATES),
  subject: party.meta({ description: 'who would be given it' }),
  chain: z.array(party).meta({ description: 'who asks, from the subject to the actor' }),
  action: z.string().optional(),
  resource: reference,
  role: z.string(),
  grants: z.array(z.string()).meta({ description: 'every action that the role grants there' }),
  elevated: z.boolean(),
  justification: z.string(),
  seconds: z.number().meta({ description: 'for how long it is asked for' }),
  requestedAt: z.string(),
  expiresAt: z.string().meta({ description: 'until when it waits' }),
  evaluation: z.string().optional().meta({ description: 'the denied evaluation that it follows' }),
  endsAt: z.string().optional().meta({ description: 'when what was given ends' }),
  note: z.string().optional(),
  decidedBy: z.string().optional(),
  decidedAt: z.string().optional(),
  closedBy: z.string().optional(),
  closedAt: z.string().optional(),
  mayDecide: z.boolean(),
})

const wantedShape = {
  subject: name.optional().meta({ description: 'somebody of the caller’s own chain; the caller itself by default' }),
  action: name.optional(),
  resource: z.strictObject({ type: name, id: name }),
  role: name.optional().meta({ description: 'needed where no role grants just the action' }),
  justification: text.min(1),
  seconds: z.int().min(1).meta({ description: 'for how long' }),
}
const decisionShape = { note: text.default('') }

/** Asking for access, and deciding on it. */
export const accessRequestRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests',
    summary: 'Ask to be allowed something for a time',
    action: 'access-request:ask',
    body: z.strictObject(wantedShape),
    answer: requestAnswer,
    handle: async (call) => {
      const { tenant, ctx, body, headers, note } = call
      const key = headers['idempotency-key']
      const request = await tenant.requests.ask(ctx, body, {
        ...(typeof key === 'string'
          ? { idempotency: { key: key.slice(0, 256), body: JSON.parse(JSON.stringify(body)) } }
          : {}),
      })
      note(noteOf(request))
      return answerOf(tenant, ctx, request)
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests/offers',
    summary: 'See which roles would help, the least first, without asking for anything',
    action: 'access-request:ask',
    body: z.strictObject({
      ...wantedShape,
      justification: text.default('offers'),
      seconds: z.int().min(1).default(3600),
    }),
    answer: z.object({
      offers: z.array(
        z.object({
          role: z.string(),
          grants: z.array(z.string()),
          isElevated: z.boolean(),
          when: z.enum(['now', 'after', 'perhaps']),
        }),
      ),
    }),
    handle: async ({ tenant, ctx, body }) => ({ offers: tenant.requests.offers(ctx, body) }),
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/access-requests',
    summary: 'List access requests: one’s own, and those that one may read or decide on',
    action: 'access-request:read',
    query: z.strictObject({
      state: z.enum(REQUEST_STATES).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    answer: z.object({ requests: z.array(requestAnswer) }),
    decide: decideOnListing,
    handle: async ({ tenant, ctx, query, note }) => {
      const found = await tenant.requests.list(query)
      const shown = found.filter((request) => maySee(tenant, ctx, request))
      note({ count: shown.length })
      return { requests: shown.map((request) => answerOf(tenant, ctx, request)) }
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/access-requests/:request',
    summary: 'Read one access request',
    action: 'access-request:read',
    answer: requestAnswer,
    decide: decideOnOne('access-request:read', { isForParties: true }),
    handle: async ({ tenant, ctx, params }) => answerOf(tenant, ctx, await known(tenant, params)),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests/:request/approve',
    summary: 'Give what was asked for, for no longer than it was asked for',
    action: 'access-request:decide',
    body: z.strictObject({ ...decisionShape, seconds: z.int().min(1).optional() }),
    answer: requestAnswer,
    decide: decideOnOne('access-request:decide'),
    handle: async (call) => changed(call, await call.tenant.requests.approve(call.ctx, idIn(call), call.body)),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests/:request/deny',
    summary: 'Refuse what was asked for',
    action: 'access-request:decide',
    body: z.strictObject(decisionShape),
    answer: requestAnswer,
    decide: decideOnOne('access-request:decide'),
    handle: async (call) => changed(call, await call.tenant.requests.deny(call.ctx, idIn(call), call.body.note)),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests/:request/revoke',
    summary: 'Take back at once what was given',
    action: 'access-request:revoke',
    body: z.strictObject(decisionShape),
    answer: requestAnswer,
    decide: decideOnOne('access-request:revoke', { isForParties: true }),
    handle: async (call) => changed(call, await call.tenant.requests.revoke(call.ctx, idIn(call), call.body.note)),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/access-requests/:request/cancel',
    summary: 'Withdraw a request that one has made oneself',
    action: 'access-request:ask',
    body: z.strictObject(decisionShape),
    answer: requestAnswer,
    decide: decideOnOwn,
    handle: async (call) => changed(call, await call.tenant.requests.cancel(call.ctx, idIn(call), call.body.note)),
  }),
]

/**
 * Each request of a listing is decided on by itself, and what may not be seen is left out; but whoever may do nothing at
 * all (a suspended principal, a credential without the scope) is told so.
 */
async function decideOnListing({ tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>): Promise<Decided> {
  return unlessKeptOut(tenant, ctx, 'access-request:read', 'listing')
}

/** A decision in which only a refusal counts, not that nothing grants it. */
function unlessKeptOut(tenant: TenantFace, ctx: Context, action: string, id: string): Decided {
  const question = tenant.requests.bareQuestion(action, id)
  const decision = tenant.access.decide(ctx, question)
  const isKeptOut = decision.decision === 'deny' && decision.reasons.length > 0
  return { question, decision: isKeptOut ? decision : { ...decision, decision: 'allow', overruled: true } }
}

/**
 * INVARIANT: a request that the caller may not see is answered exactly like one that does not exist. Who has a part in a
 * request may see it, and give back what it was given.
 */
export function decideOnOne(action: RequestAction, { isForParties = false } = {}) {
  return async ({ tenant, ctx, params, body, described }: Deciding): Promise<Decided> => {
    const { request: id = '' } = params
    const request = await find(tenant, id)
    if (request === undefined) return hidden(tenant, ctx, action, id)
    if (isForParties && tenant.requests.isParty(ctx, request)) return unlessKeptOut(tenant, ctx, action, id)
    const question = { ...tenant.requests.question(request, action, secondsIn(body)), described }
    const decision = tenant.access.decide(ctx, question)
    return maySee(tenant, ctx, request) ? { question, decision } : { question, decision, hide: unknown(id) }
  }
}

export async function decideOnOwn({ tenant, ctx, params }: Deciding): Promise<Decided> {
  const { request: id = '' } = params
  const request = await find(tenant, id)
  const isOwn = request !== undefined && tenant.requests.isParty(ctx, request)
  return isOwn ? unlessKeptOut(tenant, ctx, 'access-request:read', id) : hidden(tenant, ctx, 'access-request:read', id)
}

function hidden(tenant: TenantFace, ctx: Context, action: RequestAction, id: string): Decided {
  const { question, decision } = unlessKeptOut(tenant, ctx, action, id)
  return { question, decision: { ...decision, decision: 'deny', overruled: true }, hide: unknown(id) }
}

/** What the body of an approval says of the time, which policies may look at. */
function secondsIn(body: unknown): number | undefined {
  return z.object({ seconds: z.number() }).safeParse(body).data?.seconds
}

async function find(tenant: TenantFace, id: string): Promise<AccessRequest | undefined> {
  try {
    return await tenant.requests.get(id)
  } catch (error) {
    if (error instanceof AccessError && error.code === 'request_unknown') return undefined
    throw error
  }
}

function known(tenant: TenantFace, { request = '' }: Call['params']): Promise<AccessRequest> {
  return tenant.requests.get(request)
}

function idIn({ params }: Pick<Call, 'params'>): string {
  return params.request ?? ''
}

function unknown(id: string): AccessError {
  return new AccessError('request_unknown', `no access request \`${id}\``)
}

function may(tenant: TenantFace, ctx: Context, request: AccessRequest, action: RequestAction): boolean {
  return tenant.access.decide(ctx, tenant.requests.question(request, action)).decision === 'allow'
}

function mayKnow(tenant: TenantFace, ctx: Context, request: AccessRequest): boolean {
  return may(tenant, ctx, request, 'access-request:read') || may(tenant, ctx, request, 'access-request:decide')
}

function maySee(tenant: TenantFace, ctx: Context, request: AccessRequest): boolean {
  return tenant.requests.isParty(ctx, request) || mayKnow(tenant, ctx, request)
}

function changed({ tenant, ctx, note }: Pick<Call, 'tenant' | 'ctx' | 'note'>, request: AccessRequest) {
  note(noteOf(request))
  return answerOf(tenant, ctx, request)
}

/** What the record of an outcome says of a request. */
export function noteOf(request: AccessRequest): { readonly [name: string]: Json } {
  const { id, state, subject, action, resource, role, grants, seconds, endsAt, approval, evaluation } = request
  return {
    request: id,
    state,
    subject: { ...subject },
    action: action ?? null,
    resource: { ...resource },
    role,
    grants: [...grants],
    seconds,
    justification: request.justification,
    ...(request.note === undefined ? {} : { note: request.note }),
    ...(evaluation === undefined ? {} : { evaluation: evaluation.id }),
    ...(approval === undefined ? {} : { approval }),
    ...(endsAt === undefined ? {} : { endsAt }),
  }
}

function answerOf(tenant: TenantFace, ctx: Context, request: AccessRequest): z.output<typeof requestAnswer> {
  const { id, subject, chain, action, resource, role, grants, isElevated, justification, seconds, evaluation } = request
  const { decidedBy, decidedAt, closedBy, closedAt, note, endsAt } = request
  const state = tenant.requests.state(request)
  // Who decided is for those who may know; who asked is told how.
  const isForAll = mayKnow(tenant, ctx, request)
  return {
    id,
    state,
    subject,
    chain: [...chain],
    ...(action === undefined ? {} : { action }),
    resource,
    role,
    grants: [...grants],
    elevated: isElevated,
    justification,
    seconds,
    requestedAt: momentOf(request.requestedAt),
    expiresAt: momentOf(request.expiresAt),
    ...(evaluation === undefined ? {} : { evaluation: evaluation.id }),
    ...(endsAt === undefined ? {} : { endsAt: momentOf(endsAt) }),
    ...(note === undefined || note === '' ? {} : { note }),
    ...(decidedBy === undefined || !isForAll ? {} : { decidedBy }),
    ...(decidedAt === undefined ? {} : { decidedAt: momentOf(decidedAt) }),
    ...(closedBy === undefined || !isForAll ? {} : { closedBy }),
    ...(closedAt === undefined ? {} : { closedAt: momentOf(closedAt) }),
    mayDecide: state === 'pending' && may(tenant, ctx, request, 'access-request:decide'),
  }
}

function momentOf(ms: number): string {
  return new Date(ms).toISOString()
}
