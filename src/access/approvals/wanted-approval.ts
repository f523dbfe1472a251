import type { Entities } from '../../cedar/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { PolicySet } from '../policy-set.ts'
import type { EntityRef, Question } from '../question.ts'
import type { ApprovalContents, ApprovalRequest } from './approval.ts'

/** What a person would have to agree to, where a request lacks nothing but that. */
export interface WantedApproval {
  readonly digest: string
  readonly request: Omit<ApprovalRequest, 'behind'>
  readonly contents: ApprovalContents
}

/** Puts down what is asked, as it stands now: this is what the approver reads and what is kept. */
export function wantedApproval(
  ctx: Context,
  question: Question,
  asked: { readonly digest: string; readonly policies: readonly string[]; readonly revision: string },
  { set, entities }: { readonly set: PolicySet; readonly entities: Entities },
): WantedApproval {
  const { caller, txn } = ctx
  const rules = asked.policies.flatMap((id) => set.asking.get(id) ?? [])
  const purpose = caller.mandate?.purpose
  const { call } = question
  const isCall = call !== undefined && call !== 'unknown'
  return {
    digest: asked.digest,
    request: {
      chain: caller.chain,
      txn,
      ...(purpose === undefined ? {} : { purpose }),
      action: question.action,
      resource: { type: question.resource.type, id: question.resource.id },
      within: placesOf(question.resource, entities),
      elevated: placesOf({ type: 'Action', id: question.action }, entities, ['Action']).some(
        ({ id }) => id === 'elevated',
      ),
      policies: asked.policies.map((id) => {
        const { title, why } = set.engine.policy(id)?.annotations ?? {}
        return { id, ...(title === undefined ? {} : { title }), ...(why === undefined ? {} : { why }) }
      }),
      revision: asked.revision,
      // Where several policies ask, the narrowest word counts.
      own: rules.length > 0 && rules.every(({ own }) => own),
      goodFor: Math.min(...rules.map(({ goodFor }) => goodFor)),
    },
    contents: {
      arguments: isCall ? call.arguments : {},
      origin: isCall ? originOf(call.origin) : undefined,
      described: question.described ?? null,
      attributes: question.attributes ?? {},
      facts: question.facts ?? {},
    },
  }
}

function originOf({ user, system, trusted, untrusted, model }: NonNullable<ApprovalContents['origin']>) {
  return { user, system, trusted, untrusted, model }
}

const PLACES = ['Project', 'Environment']

function placesOf(uid: EntityRef, entities: Entities, types: readonly string[] = PLACES): readonly EntityRef[] {
  const own = types.includes(uid.type) && uid.type !== 'Action' ? [{ type: uid.type, id: uid.id }] : []
  const node = entities.find(uid)
  if (node === undefined) return own
  const above = entities.lineage(node).refs.filter(({ type }) => types.includes(type))
  return [...own, ...above.map(({ type, id }) => ({ type, id }))]
}
