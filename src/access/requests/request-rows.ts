import { z } from 'zod'
import { type PrincipalId, type PrincipalRef, parsePrincipalId } from '../../kernel/index.ts'
import type { Queries, TenantTables } from '../../store/index.ts'
import type { AccessRequest, RequestState } from './access-request.ts'

type Row = TenantTables['access_requests']

const id = z.string().transform((text, ctx): PrincipalId => {
  const parsed = parsePrincipalId(text)
  if (parsed !== undefined) return parsed
  ctx.addIssue('no id of a principal')
  return z.NEVER
})
const link = z.object({ kind: z.enum(['User', 'Service', 'Agent', 'Device']), id })

/** What no query looks for. */
const details = z.object({
  subject: link,
  chain: z.array(link),
  action: z.string().optional(),
  grants: z.array(z.string()),
  isElevated: z.boolean(),
  justification: z.string(),
  seconds: z.number(),
  revision: z.string(),
  evaluation: z.object({ id: z.string(), revision: z.string(), client: z.string(), txn: z.string() }).optional(),
})

export function rowOf(request: AccessRequest): Omit<Row, 'idempotency'> {
  const { subject, chain, action, grants, isElevated, justification, seconds, revision, evaluation } = request
  const kept: z.input<typeof details> = {
    subject,
    chain: [...chain],
    grants: [...grants],
    isElevated,
    justification,
    seconds,
    revision,
    ...(action === undefined ? {} : { action }),
    ...(evaluation === undefined ? {} : { evaluation }),
  }
  return {
    id: request.id,
    state: request.state,
    subject: subject.id,
    requester: actorIn(chain)?.id ?? subject.id,
    role: request.role,
    resource_type: request.resource.type,
    resource_id: request.resource.id,
    request: JSON.stringify(kept),
    requested_at: request.requestedAt,
    expires_at: request.expiresAt,
    decided_by: request.decidedBy ?? null,
    decided_at: request.decidedAt ?? null,
    note: request.note ?? null,
    approval: request.approval ?? null,
    ends_at: request.endsAt ?? null,
    closed_by: request.closedBy ?? null,
    closed_at: request.closedAt ?? null,
    evaluation: evaluation?.id ?? null,
  }
}

export function requestOf(row: Row): AccessRequest {
  const { action, evaluation, ...rest } = details.parse(JSON.parse(row.request))
  return {
    ...rest,
    id: row.id,
    state: row.state,
    action,
    evaluation,
    role: row.role,
    resource: { type: row.resource_type, id: row.resource_id },
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    decidedBy: row.decided_by ?? undefined,
    decidedAt: row.decided_at ?? undefined,
    note: row.note ?? undefined,
    approval: row.approval ?? undefined,
    endsAt: row.ends_at ?? undefined,
    closedBy: row.closed_by ?? undefined,
    closedAt: row.closed_at ?? undefined,
  }
}

/** The latest first. */
export async function requestsIn(
  q: Queries<TenantTables>,
  { state, limit }: { readonly state?: RequestState | undefined; readonly limit: number },
  now: number,
): Promise<readonly AccessRequest[]> {
  let found = q.selectFrom('access_requests').selectAll().orderBy('id', 'desc').limit(limit)
  if (state !== undefined) found = found.where('state', '=', STORED[state])
  if (state === 'pending') found = found.where('expires_at', '>', now)
  if (state === 'expired') found = found.where('expires_at', '<=', now)
  if (state === 'approved') found = found.where('ends_at', '>', now)
  if (state === 'ended') found = found.where('ends_at', '<=', now)
  return (await found.execute()).map(requestOf)
}

const STORED = {
  pending: 'pending',
  expired: 'pending',
  approved: 'approved',
  ended: 'approved',
  denied: 'denied',
  cancelled: 'cancelled',
  revoked: 'revoked',
} as const

function actorIn(chain: readonly PrincipalRef[]): PrincipalRef | undefined {
  return chain[chain.length - 1]
}
