import { z } from 'zod'
import { AccessError, type AccessRequest, type Decision, mayGoOn, type Question } from '../../access/index.ts'
import { actorOf, type Context, type Json, type SallyportError } from '../../kernel/index.ts'
import { Bytes, type Call, type Problem, type Route, route } from '../route.ts'
import { statusOf } from '../status.ts'
import type { TenantFace } from '../tenant-face.ts'
import { decideOnOne, decideOnOwn, noteOf } from './access-requests.ts'
import type { Evaluation } from './authzen-request.ts'

// AuthZEN Access Request and Approval Profile, draft 1. docs/reference/access-requests.md says which parts.

const name = z.string().min(1).max(1024)
const properties = z.record(z.string(), z.json()).optional()
const entity = z.strictObject({ type: name, id: name, properties })
const actionOf = z.strictObject({ name, properties })
const moment = z.iso.datetime({ offset: true })

const submission = z.object({
  subject: entity,
  action: actionOf,
  resource: entity,
  context: z
    .looseObject({ business_justification: z.string().max(1000).default('') })
    .default({ business_justification: '' }),
  requested_access: z.looseObject({ requested_until: moment.optional(), requested_role: name.optional() }).default({}),
  client: z.looseObject({}).optional(),
  // Nobody is called back; what is asked for by a whole list is asked for one by one.
  callback: z.undefined({ error: 'callbacks are not supported; ask for the status' }).optional(),
  items: z.undefined({ error: 'bulk requests are not supported' }).optional(),
  denial: z.looseObject({
    binding_token: z.string().max(16_384),
    expires_at: moment,
    evaluation_id: z.string().max(256).optional(),
  }),
})

const answer = z.object({
  task: z.looseObject({ id: z.string(), status: z.string() }),
  result: z.looseObject({}).optional(),
})

/** What is given where an enforcement point says nothing of the time. Seconds. */
const USUAL = 3600

export function accessRequestEndpoint(issuer: string): string {
  return `${issuer}/access/v1/requests`
}

/**
 * What a denied evaluation says beside its decision where only a grant is missing and one could be given ("Requestable
 * Denial Context"); undefined where there is nothing to ask for.
 */
async function requestableDenial(
  { tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>,
  { subject, action, resource }: Evaluation,
  denied: { readonly ctx: Context; readonly question: Question; readonly decision: Decision },
): Promise<{ readonly [name: string]: Json } | undefined> {
  const { decision, question } = denied
  const [principal, ...more] = denied.ctx.caller.chain
  // Of a chain, nobody says who of it should have the grant.
  if (mayGoOn(decision) || more.length > 0) return undefined
  if (decision.advice?.some(({ kind }) => kind === 'request_access') !== true) return undefined
  if (!tenant.access.grantable.isRequestable(question.action, question.resource.type, principal.kind)) return undefined
  return tenant.binding.bind({
    asked: { subject: jsonOf(subject), action: jsonOf(action), resource: jsonOf(resource) },
    subject: { kind: principal.kind, id: principal.id },
    action: question.action,
    resource: question.resource,
    revision: decision.revision,
    client: actorOf(ctx.caller).id,
    txn: ctx.txn,
  })
}

/**
 * What a single evaluation says beside its decision: the way to ask for access; and to an enforcement point that comes
 * with an approval, whether it still counts ("Completion Semantics"). An approval is no input of the decision: what was
 * approved is a grant, which is there or not.
 */
export async function wayToAccess(
  call: Pick<Call, 'tenant' | 'ctx'>,
  evaluation: Evaluation,
  decided: { readonly ctx: Context; readonly question: Question; readonly decision: Decision },
): Promise<{ readonly [name: string]: Json } | undefined> {
  const way = await requestableDenial(call, evaluation, decided)
  const presented = z.object({ id: name }).safeParse(evaluation.context?.approval)
  if (!presented.success) return way
  const { requests } = call.tenant
  const request = await requests.byApproval(presented.data.id)
  const isOfSubject = request !== undefined && decided.ctx.caller.chain[0].id === request.subject.id
  const isInScope = isOfSubject && isCovered(decided.question, request)
  const isInForce = isOfSubject && requests.state(request) === 'approved'
  if (decided.decision.decision === 'allow') {
    if (!isInScope || !isInForce || request.endsAt === undefined) return undefined
    return { approval: { id: presented.data.id, approved_until: new Date(request.endsAt).toISOString() } }
  }
  const ask = way === undefined ? 'none' : 'request'
  if (!isOfSubject) return { ...way, next_action: 'none', reason: 'approval_unverifiable' }
  if (!isInForce) return { ...way, next_action: ask, reason: 'approval_expired' }
  if (!isInScope) return { ...way, next_action: ask, reason: 'out_of_scope' }
  return { ...way, next_action: 'none', reason: 'policy_denied' }
}

/** The scope of an approval is exactly what was asked for. */
function isCovered({ action, resource }: Question, request: AccessRequest): boolean {
  const isSame = resource.type === request.resource.type && resource.id === request.resource.id
  return isSame && (request.action ?? action) === action
}

/** The access request endpoint, the task status endpoint and cancellation. */
export const authzenAccessRequestRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/access/v1/requests',
    summary: 'Ask for the access that an evaluation denied (AuthZEN access request profile)',
    action: 'access-request:ask',
    body: submission,
    answer,
    problem: problemOf,
    handle: async ({ tenant, ctx, body, headers, note }) => {
      const { subject, action, resource, denial, requested_access: requested } = body
      const asked = { subject: jsonOf(subject), action: jsonOf(action), resource: jsonOf(resource) }
      const bound = await tenant.binding.verify(asked, {
        bindingToken: denial.binding_token,
        expiresAt: denial.expires_at,
        evaluationId: denial.evaluation_id,
      })
      const principal = tenant.directory.principal(bound.subject.id)
      const isParty = [bound.client, bound.subject.id].includes(actorOf(ctx.caller).id)
      // A token is for who was given it, and for who it is about.
      if (!isParty || principal === undefined || principal.kind !== bound.subject.kind) {
        throw new AccessError('denial_unbound', 'this does not follow a denied evaluation of exactly this')
      }
      const key = headers['idempotency-key']
      const now = ctx.clock.now()
      const until = requested.requested_until
      const request = await tenant.requests.ask(
        ctx,
        {
          action: bound.action,
          resource: bound.resource,
          role: requested.requested_role,
          justification: body.context.business_justification,
          seconds: until === undefined ? USUAL : Math.max(0, Math.floor((Date.parse(until) - now) / 1000)),
        },
        {
          denied: {
            subject: { kind: principal.kind, id: principal.id },
            evaluation: { id: bound.evaluationId, revision: bound.revision, client: bound.client, txn: bound.txn },
          },
          ...(typeof key === 'string' ? { idempotency: { key: key.slice(0, 256), body: jsonOf(body) } } : {}),
        },
      )
      note(noteOf(request))
      const told = taskOf(tenant, request)
      return new Bytes(
        JSON.stringify(told),
        { 'content-type': 'application/json; charset=utf-8', location: told.task.status_endpoint },
        202,
      )
    },
  }),
  route({
    method: 'GET',
    path: '/t/:tenant/access/v1/requests/:request',
    summary: 'Ask what became of an access request (AuthZEN access request profile)',
    action: 'access-request:read',
    answer,
    problem: problemOf,
    decide: decideOnOne('access-request:read', { isForParties: true }),
    handle: async ({ tenant, params }) => taskOf(tenant, await tenant.requests.get(params.request ?? '')),
  }),
  route({
    method: 'POST',
    path: '/t/:tenant/access/v1/requests/:request/cancel',
    summary: 'Withdraw an access request (AuthZEN access request profile)',
    action: 'access-request:ask',
    body: z.object({ reason: z.string().max(200).optional(), comment: z.string().max(1000).optional() }),
    answer,
    problem: problemOf,
    decide: decideOnOwn,
    handle: async ({ tenant, ctx, params, body, note }) => {
      const said = [body.reason, body.comment]
        .filter((text) => text !== undefined)
        .join(': ')
        .slice(0, 1000)
      const request = await tenant.requests.cancel(ctx, params.request ?? '', said)
      note(noteOf(request))
      return taskOf(tenant, request)
    },
  }),
]

/** "Task Status Values": what was given and has ended is no longer approved. */
const STATUS = {
  pending: 'pending',
  approved: 'approved',
  denied: 'denied',
  expired: 'expired',
  cancelled: 'cancelled',
  revoked: 'cancelled',
  ended: 'expired',
} as const

function taskOf(tenant: TenantFace, request: AccessRequest) {
  const { id, approval, decidedAt, endsAt, expiresAt } = request
  const status = STATUS[tenant.requests.state(request)]
  const endpoint = `${accessRequestEndpoint(tenant.issuer)}/${id}`
  return {
    task: {
      id,
      status,
      status_endpoint: endpoint,
      ...(status === 'pending'
        ? { expires_at: new Date(expiresAt).toISOString(), links: { cancel: `${endpoint}/cancel` } }
        : {}),
    },
    ...(status !== 'approved' || approval === undefined || endsAt === undefined
      ? {}
      : {
          result: {
            mode: 'reevaluate',
            approval: {
              id: approval,
              ...(decidedAt === undefined ? {} : { approved_at: new Date(decidedAt).toISOString() }),
              approved_until: new Date(endsAt).toISOString(),
            },
          },
        }),
  }
}

const PROBLEMS: Readonly<Record<string, readonly [type: string, status: number, title: string]>> = {
  denial_unbound: ['invalid_denial_binding', 400, 'The request is not bound to a denied evaluation'],
  denial_expired: ['expired_denial', 410, 'The denial has expired'],
  access_request_invalid: ['not_requestable', 400, 'Access is not requestable like this'],
  request_pointless: ['not_requestable', 400, 'Access is not requestable'],
  request_needless: ['not_requestable', 400, 'Access is not requestable'],
  request_wider: ['not_requestable', 400, 'A role has to be named'],
  request_repeated: ['duplicate_request', 409, 'This has been asked for'],
  request_unknown: ['unknown_task', 404, 'There is no such task'],
  request_closed: ['invalid_task_state', 409, 'The task is closed'],
}

/** "Error Responses". */
function problemOf(error: SallyportError): Problem {
  const known = Object.hasOwn(PROBLEMS, error.code) ? PROBLEMS[error.code] : undefined
  const [type, status, title] = known ?? [undefined, statusOf(error), error.code]
  return {
    type: type === undefined ? 'about:blank' : `urn:openid:authzen:access-request:error:${type}`,
    title,
    status,
    detail: status === 500 ? 'internal error' : error.publicMessage,
  }
}

/** What was parsed from JSON, without what is undefined. */
function jsonOf(value: object): Json {
  return JSON.parse(JSON.stringify(value))
}
