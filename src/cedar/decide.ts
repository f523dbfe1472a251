import type { CompiledPolicy } from './compile-policy.ts'
import type { Entities } from './entities.ts'
import { readContext } from './entity-json.ts'
import { CedarError } from './errors.ts'
import { EvaluationError } from './evaluation-error.ts'
import type { Frame } from './frame.ts'
import type { PersistentMap } from './persistent-map.ts'
import type { AccessRequest, PolicyDecision, PolicyError } from './request.ts'
import type { Schema } from './schema.ts'
import type { Uid } from './uid.ts'
import { EntityRef, uidText } from './value.ts'

interface Deciding {
  readonly policies: PersistentMap<CompiledPolicy>
  readonly actions: Entities
  readonly schema: Schema | undefined
  readonly onError: 'skip' | 'deny'
}

export function decide(request: AccessRequest, entities: Entities, deciding: Deciding): PolicyDecision {
  const frame = frameOf(request, entities, deciding)
  const permits: CompiledPolicy[] = []
  const forbids: CompiledPolicy[] = []
  const errors: (PolicyError & { order: number })[] = []
  for (const [, policy] of deciding.policies) {
    try {
      if (policy.isSatisfied(frame)) (policy.isPermit ? permits : forbids).push(policy)
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      errors.push({ policy: policy.policy.id, message: error.message, order: policy.order })
      if (!policy.isPermit && deciding.onError === 'deny') forbids.push(policy)
    }
  }
  const allowed = forbids.length === 0 && permits.length > 0
  return {
    decision: allowed ? 'allow' : 'deny',
    reasons: (allowed ? permits : forbids).map(({ policy }) => policy.id),
    errors: errors.map(({ policy, message }) => ({ policy, message })),
  }
}

function frameOf(request: AccessRequest, entities: Entities, { actions, schema }: Deciding): Frame {
  const action = refOf(request.action)
  return {
    principal: refOf(request.principal),
    action,
    resource: refOf(request.resource),
    context: readContext(request.context ?? {}, (schema ?? entities.schema)?.actions.get(uidText(action))?.context),
    entities,
    actions,
  }
}

function refOf(uid: Uid): EntityRef {
  if (typeof uid?.type !== 'string' || typeof uid.id !== 'string') {
    throw new CedarError('request_invalid', 'principal, action and resource need a `type` and an `id`')
  }
  return new EntityRef(uid.type, uid.id)
}
