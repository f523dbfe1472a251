import { z } from 'zod'
import { AccessError, APPROVAL_STATES, type Approval, type Question } from '../../access/index.ts'
import { argumentTexts } from '../../gateway/index.ts'
import { actorOf, type Context, digestJson, type Json, type PrincipalId } from '../../kernel/index.ts'
import { type Call, type Decided, type Deciding, type Route, route, streamed } from '../route.ts'
import type { TenantFace } from '../tenant-face.ts'
import { statedIn } from './authzen-question.ts'
import { originShape } from './call-facts.ts'

const name = z.string().min(1).max(1024)
const reason = z.string().trim().min(1).max(1000)
const reference = z.object({ type: z.string(), id: z.string() })
const principal = z.object({ kind: z.enum(['User', 'Service', 'Agent', 'Device']), id: z.string() })

const approvalAnswer = z.object({
  id: z.string(),
  state: z.enum(APPROVAL_STATES),
  chain: z.array(principal).meta({ description: 'from the subject to the actor that would act' }),
  txn: z.string().meta({ description: 'the request that was denied for want of it' }),
  purpose: z.string().optional(),
  action: z.string(),
  resource: reference,
  policies: z.array(z.object({ id: z.string(), title: z.string().optional(), why: z.string().optional() })),
  revision: z.string(),
  goodFor: z.number().meta({ description: 'seconds for which it stays good once it is given' }),
  requestedAt: z.string(),
  expiresAt: z.string(),
  decidedBy: z.string().optional(),
  decidedAt: z.string().optional(),
  reason: z.string().optional(),
  mayGive: z.boolean().meta({ description: 'whether the caller may give it, as things are now' }),
})
const shownAnswer = approvalAnswer.extend({
  contents: z
    .object({
      arguments: z.record(z.string(), z.string()).meta({ description: 'text by JSON pointer' }),
      origin: z.object(originShape).optional(),
      described: z.json(),
      attributes: z.record(z.string(), z.json()).meta({ description: 'what is stated of the resource' }),
      facts: z.record(z.string(), z.json()),
    })
    .optional()
    .meta({ description: 'what would be done in full; only for those who may give it' }),
})

const LONGEST_ID = 64
/** Approvals that are looked through for one page. */
const MOST_LOOKED_AT = 2000

/** Asking for approvals, and deciding on them. */
export const approvalRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/t/:tenant/api/approvals',
    summary: 'List the approvals that the caller may see, newest first',
    action: 'approval:read',
    query: z.strictObject({
      state: z.enum(APPROVAL_STATES).optional(),
      which: z.enum(['all', 'own', 'to-give']).default('all').meta({
        description: '`own`: asked for by the caller or in its name; `to-give`: wait, and the caller may decide',
      }),
      before: z.string().max(LONGEST_ID).optional().meta({ description: 'the id of the last one of the page before' }),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: z.object({ approvals: z.array(approvalAnswer), before: z.string().optional() }),
    decide: decideOnListing,
    handle: async ({ tenant, ctx, query, note }) => {
      const { state, which, limit } = query
      const found: Approval[] = []
      let { before } = query
      let isMore = true
      for (let looked = 0; isMore && found.length < limit && looked < MOST_LOOKED_AT; ) {
        const page = await tenant.approvals.list({
          ...(which === 'to-give' ? { state: 'pending' } : state === undefined ? {} : { state }),
          ...(before === undefined ? {} : { before }),
          limit: limit - found.length,
        })
        found.push(...page.filter((approval) => isShown(tenant, ctx, approval, which)))
        before = page.at(-1)?.id
        looked += page.length
        isMore = page.length > 0
      }
      note({ approvals: digestJson(found.map(({ id }) => id)), count: found.length })
      return {
        approvals: found.map((approval) => answerOf(tenant, ctx, approval)),
        ...(isMore && before !== undefined ? { before } : {}),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/approvals',
    summary: 'Ask for an approval before it is needed',
    action: 'approval:ask',
    body: z.strictObject({
      action: name,
      resource: z.strictObject({ type: name, id: name }),
      arguments: z.record(z.string(), z.json()).optional().meta({ description: 'as they will be sent' }),
      origin: z.strictObject(originShape).optional().meta({ description: 'JSON pointers by where values come from' }),
      attributes: z.record(z.string(), z.json()).optional().meta({
        description: 'of the resource, where it is of a type of your own: as an enforcement point will state them',
      }),
      facts: z.record(z.string(), z.json()).optional(),
    }),
    answer: approvalAnswer,
    handle: async ({ tenant, ctx, body, note }) => {
      // What this credential is narrowed to has nothing to do with the one that will act.
      const asking = { ...ctx, caller: { ...ctx.caller, scope: undefined } }
      const question = questionOf(tenant, body)
      if (tenant.access.approvalWanted(asking, question) === undefined) {
        throw new AccessError('approval_useless', 'an approval is not what this lacks, or not all that it lacks')
      }
      const approval = await tenant.approvals.ask(asking, question)
      if (approval === undefined) {
        throw new AccessError('approval_useless', 'it was refused, waits among too many, or is too long to be read')
      }
      note({ approval: approval.id, digest: approval.digest })
      return answerOf(tenant, ctx, approval)
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/approvals/events',
    summary: 'Follow approvals: server-sent events, one each time that one is asked for or changes',
    action: 'approval:read',
    produces: 'text/event-stream',
    decide: decideOnListing,
    handle: async ({ tenant, ctx, raw, signal }) => {
      follow(tenant, ctx, raw, signal)
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'sallyport-txn': ctx.txn })
      raw.write(': approvals from here on\n\n')
      return streamed
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/api/approvals/:approval',
    summary: 'Read one approval; what would be done in full, for those who may give it',
    action: 'approval:read',
    answer: shownAnswer,
    decide: decideOnOne('approval:read'),
    handle: async ({ tenant, ctx, params, note }) => {
      const approval = await known(tenant, params)
      const answer = answerOf(tenant, ctx, approval)
      const contents = answer.mayGive ? await tenant.approvals.contents(approval.id) : undefined
      note({ contents: contents !== undefined })
      return contents === undefined ? answer : { ...answer, contents }
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/approvals/:approval/approve',
    summary: 'Agree to exactly this, once',
    action: 'approval:give',
    answer: approvalAnswer,
    decide: decideOnOne('approval:give'),
    handle: async (call) =>
      changed(call, await call.tenant.approvals.give((await known(call.tenant, call.params)).id, personOf(call.ctx))),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/approvals/:approval/deny',
    summary:
      'Refuse exactly this, with the reason; asking again is in vain for as long as the request would have waited',
    action: 'approval:give',
    body: z.strictObject({ reason }),
    answer: approvalAnswer,
    decide: decideOnOne('approval:give'),
    handle: async (call) => {
      const { id } = await known(call.tenant, call.params)
      return changed(call, await call.tenant.approvals.refuse(id, personOf(call.ctx), call.body.reason))
    },
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/api/approvals/:approval/revoke',
    summary: 'Take an approval back before it is used, or a request before it is decided',
    action: 'approval:revoke',
    body: z.strictObject({ reason }),
    answer: approvalAnswer,
    decide: decideOnOne('approval:revoke'),
    handle: async (call) => {
      const { id } = await known(call.tenant, call.params)
      return changed(call, await call.tenant.approvals.revoke(id, actorOf(call.ctx.caller).id, call.body.reason))
    },
  }),
]

/**
 * Each approval of a listing is decided on by itself, and what may not be seen is left out; but whoever may do nothing at
 * all (a suspended principal, a credential without the scope) is told so.
 */
async function decideOnListing({ tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>): Promise<Decided> {
  const nobody = {
    chain: [],
    txn: ctx.txn,
    behind: [],
    action: '',
    resource: { type: '', id: '' },
    within: [],
    elevated: false,
    policies: [],
    revision: '',
    own: false,
    goodFor: 0,
  }
  const question = tenant.approvals.question('approval:read', { id: 'listing', request: nobody })
  const decision = tenant.access.decide(ctx, question)
  const isKeptOut = decision.decision === 'deny' && decision.reasons.length > 0
  return { question, decision: isKeptOut ? decision : { ...decision, decision: 'allow', overruled: true } }
}

/** INVARIANT: an approval that the caller may not see is answered exactly like one that does not exist. */
function decideOnOne(action: 'approval:read' | 'approval:give' | 'approval:revoke') {
  return async ({ tenant, ctx, params, described }: Deciding): Promise<Decided> => {
    const id = (params.approval ?? '').slice(0, LONGEST_ID)
    const approval = await tenant.approvals.get(id)
    if (approval === undefined) {
      const question = { action, resource: { type: 'Approval', id } }
      const decision = tenant.access.decide(ctx, question)
      return { question, decision: { ...decision, decision: 'deny', overruled: true }, hide: unknown(id) }
    }
    const question = { ...tenant.approvals.question(action, approval), described }
    const decision = tenant.access.decide(ctx, question)
    return maySee(tenant, ctx, approval) ? { question, decision } : { question, decision, hide: unknown(id) }
  }
}

function unknown(id: string): AccessError {
  return new AccessError('approval_unknown', `no approval \`${id}\``)
}

async function known(tenant: TenantFace, params: Call['params']): Promise<Approval> {
  const { approval: id = '' } = params
  const approval = await tenant.approvals.get(id)
  if (approval === undefined) throw unknown(id)
  return approval
}

/** Who decides on approvals: the guardrails have let nobody through but a person acting alone. */
function personOf({ caller }: Context): PrincipalId {
  const [person, ...more] = caller.chain
  if (person.kind !== 'User' || more.length > 0) throw new TypeError('approvals are decided on by people')
  return person.id
}

function changed({ tenant, ctx, note }: Pick<Call, 'tenant' | 'ctx' | 'note'>, approval: Approval) {
  const { id, state, digest, request } = approval
  note({ approval: id, state, digest, action: request.action, resource: { ...request.resource } })
  return answerOf(tenant, ctx, approval)
}

function may(tenant: TenantFace, ctx: Context, approval: Approval, action: 'approval:read' | 'approval:give'): boolean {
  return tenant.access.decide(ctx, tenant.approvals.question(action, approval)).decision === 'allow'
}

function maySee(tenant: TenantFace, ctx: Context, approval: Approval): boolean {
  return may(tenant, ctx, approval, 'approval:read') || may(tenant, ctx, approval, 'approval:give')
}

function isShown(tenant: TenantFace, ctx: Context, approval: Approval, which: 'all' | 'own' | 'to-give'): boolean {
  if (!maySee(tenant, ctx, approval)) return false
  if (which === 'to-give') return may(tenant, ctx, approval, 'approval:give')
  const { chain, behind } = approval.request
  const callers = ctx.caller.chain.map(({ id }) => id)
  return which === 'all' || callers.some((id) => behind.includes(id) || chain.some((link) => link.id === id))
}

function answerOf(tenant: TenantFace, ctx: Context, approval: Approval) {
  const { id, state, request, requestedAt, expiresAt, decidedBy, decidedAt } = approval
  const { chain, txn, purpose, action, resource, policies, revision, goodFor } = request
  return {
    id,
    state,
    chain,
    txn,
    ...(purpose === undefined ? {} : { purpose }),
    action,
    resource,
    policies,
    revision,
    goodFor: goodFor / 1000,
    requestedAt: new Date(requestedAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(decidedAt === undefined ? {} : { decidedAt: new Date(decidedAt).toISOString() }),
    ...(approval.reason === undefined ? {} : { reason: approval.reason }),
    mayGive: may(tenant, ctx, approval, 'approval:give'),
  }
}

function questionOf(
  tenant: TenantFace,
  body: {
    readonly action: string
    readonly resource: Question['resource']
    readonly arguments?: { readonly [name: string]: Json } | undefined
    readonly origin?: { readonly [K in keyof typeof originShape]: readonly string[] } | undefined
    readonly attributes?: { readonly [name: string]: Json } | undefined
    readonly facts?: { readonly [name: string]: Json } | undefined
  },
): Question {
  const { action, resource, facts } = body
  const attributes = statedIn(tenant.access.vocabulary(), resource.type, body.attributes)
  const question = {
    action,
    resource,
    ...(attributes === undefined ? {} : { attributes }),
    ...(facts === undefined ? {} : { facts }),
  }
  if (body.arguments === undefined) return question
  const texts = argumentTexts(body.arguments)
  // Where nobody says where a value comes from, nobody is known to have named it.
  const origin = body.origin ?? { user: [], system: [], trusted: [], untrusted: [], model: Object.keys(texts) }
  return { ...question, call: { arguments: texts, origin }, argumentsDigest: digestJson(body.arguments) }
}

// A reader that does not read must not make the server remember everything for it.
const MAX_BEHIND = 1024 * 1024

/** Hands on changes that the caller may see when they happen, for as long as its credential is good. */
function follow(tenant: TenantFace, ctx: Context, raw: Call['raw'], signal: AbortSignal): void {
  const closed = tenant.onCut(ctx, () => raw.end())
  const stop = tenant.approvals.onChange((approval) => {
    if (!maySee(tenant, ctx, approval)) return
    raw.write(`event: approval\ndata: ${JSON.stringify(answerOf(tenant, ctx, approval))}\n\n`)
    if (raw.writableLength > MAX_BEHIND) raw.destroy()
  })
  const alive = setInterval(() => raw.write(': alive\n\n'), 15_000)
  signal.addEventListener('abort', () => {
    stop()
    closed()
    clearInterval(alive)
  })
}
