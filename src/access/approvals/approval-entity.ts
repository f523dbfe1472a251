import type { EntityJson } from '../../cedar/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import type { EntityRef, Question } from '../question.ts'
import type { Approval } from './approval.ts'

/**
 * Whether something may be done with an approval. The entity exists for this question only. `sponsorOf` is asked now, so
 * that somebody who has become the sponsor of an agent in the meantime stands behind its request too.
 */
export function approvalQuestion(
  action: 'approval:read' | 'approval:give' | 'approval:revoke',
  approval: Pick<Approval, 'id' | 'request'>,
  tenant: TenantId,
  sponsorOf: (id: string) => string | undefined,
): Question {
  const resource: EntityRef = { type: 'Approval', id: approval.id }
  return { action, resource, entities: [entityOf(approval, tenant, sponsorOf)] }
}

function entityOf(
  { id, request }: Pick<Approval, 'id' | 'request'>,
  tenant: TenantId,
  sponsorOf: (id: string) => string | undefined,
): EntityJson {
  const { chain } = request
  const first = chain[0]
  const last = chain[chain.length - 1]
  const people = chain.filter(({ kind }) => kind === 'User').map((link) => link.id)
  const sponsors = chain.filter(({ kind }) => kind === 'Agent').flatMap((link) => sponsorOf(link.id) ?? [])
  const users = (ids: readonly string[]) => [...new Set(ids)].map((user) => ({ __entity: { type: 'User', id: user } }))
  return {
    uid: { type: 'Approval', id },
    parents: [...request.within, { type: 'Tenant', id: tenant }],
    attrs: {
      requester: last?.id ?? '',
      subject: first?.id ?? '',
      makers: users(last?.kind === 'User' ? [last.id] : []),
      behind: users([...people, ...sponsors, ...request.behind]),
      own: request.own,
      action: request.action,
      elevated: request.elevated,
      resourceType: request.resource.type,
      resourceId: request.resource.id,
      policies: request.policies.map((policy) => policy.id),
    },
  }
}
