import { z } from 'zod'
import type { PrincipalId, PrincipalRef, Txn } from '../../kernel/index.ts'
import type { KeyRing } from '../../keys/index.ts'
import type { TenantTables } from '../../store/index.ts'
import type { Approval, ApprovalContents, ApprovalRequest } from './approval.ts'

export type ApprovalRow = TenantTables['approvals']

export function rowOf(approval: Approval, sealed: Uint8Array | null): ApprovalRow {
  const { request } = approval
  return {
    id: approval.id,
    digest: approval.digest,
    state: approval.state,
    requester: requesterOf(request),
    request: JSON.stringify(request),
    sealed,
    requested_at: approval.requestedAt,
    expires_at: approval.expiresAt,
    decided_by: approval.decidedBy ?? null,
    decided_at: approval.decidedAt ?? null,
    reason: approval.reason ?? null,
    ended_at: approval.endedAt ?? null,
  }
}

export function approvalOf(row: Omit<ApprovalRow, 'sealed'>): Approval {
  return {
    id: row.id,
    digest: row.digest,
    state: row.state,
    request: requestSchema.parse(JSON.parse(row.request)),
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    decidedBy: (row.decided_by ?? undefined) as PrincipalId | undefined, // written by rowOf from one
    decidedAt: row.decided_at ?? undefined,
    reason: row.reason ?? undefined,
    endedAt: row.ended_at ?? undefined,
  }
}

/** Who would act: the last link of the chain. */
export function requesterOf({ chain }: Pick<ApprovalRequest, 'chain'>): string {
  return chain[chain.length - 1]?.id ?? ''
}

/** Contents are sealed for one approval: bytes of one row do not open in another. */
export function sealContents(id: string, contents: ApprovalContents, keyRing: Pick<KeyRing, 'seal'>): Uint8Array {
  return keyRing.seal(Buffer.from(JSON.stringify(contents)), sealedFor(id))
}

export function openContents(id: string, sealed: Uint8Array, keyRing: Pick<KeyRing, 'open'>): ApprovalContents {
  const text = Buffer.from(keyRing.open(sealed, sealedFor(id))).toString('utf8')
  return contentsSchema.parse(JSON.parse(text))
}

function sealedFor(id: string): string {
  return JSON.stringify(['approvals', id])
}

const reference = z.object({ type: z.string(), id: z.string() })
const requestSchema: z.ZodType<ApprovalRequest> = z.object({
  chain: z.array(z.custom<PrincipalRef>()), // written by rowOf
  txn: z.custom<Txn>(),
  purpose: z.string().exactOptional(),
  action: z.string(),
  resource: reference,
  behind: z.array(z.string()),
  within: z.array(reference),
  elevated: z.boolean(),
  policies: z.array(z.object({ id: z.string(), title: z.string().exactOptional(), why: z.string().exactOptional() })),
  revision: z.string(),
  own: z.boolean(),
  goodFor: z.number(),
})

const pointers = z.array(z.string())
const contentsSchema: z.ZodType<ApprovalContents> = z.object({
  arguments: z.record(z.string(), z.string()),
  origin: z
    .object({ user: pointers, system: pointers, trusted: pointers, untrusted: pointers, model: pointers })
    .optional()
    .transform((origin) => origin),
  described: z.json(),
  attributes: z.record(z.string(), z.json()),
  facts: z.record(z.string(), z.json()),
})
