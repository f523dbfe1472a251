import { bagOf } from './bag.ts'
import type { CompiledPolicy } from './compile-policy.ts'
import type { Entities } from './entities.ts'
import { readContext } from './entity-json.ts'
import { CedarError } from './errors.ts'
import { EvaluationError } from './evaluation-error.ts'
import { type Frame, type Names, partyIn } from './frame.ts'
import { type IndexNode, visitCandidates } from './policy-index.ts'
import type { AccessRequest, PolicyDecision, PolicyError } from './request.ts'
import type { Schema } from './schema.ts'
import type { Uid } from './uid.ts'
import { EntityRef, RecordValue } from './value.ts'

/** What decisions are made by. */
export interface Ruling {
  readonly index: IndexNode
  readonly actions: Entities
  readonly schema: Schema | undefined
  readonly onError: 'skip' | 'deny'
  readonly names: Names
}

export function decide(request: AccessRequest, entities: Entities, ruling: Ruling): PolicyDecision {
  return decideFrame(frameOf(request, entities, ruling), ruling)
}

export function decideFrame(frame: Frame, { index, onError }: Ruling): PolicyDecision {
  const found: Found = { permits: [], forbids: [], failures: [] }
  visitCandidates(index, frame, (policy, test) => {
    try {
      if (test(frame)) note(policy, policy.isPermit ? found.permits : found.forbids)
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      if (!policy.mayRepeat || !found.failures.some((failure) => failure.policy === policy)) {
        found.failures.push({ policy, message: error.message })
      }
      if (!policy.isPermit && onError === 'deny') note(policy, found.forbids)
    }
  })
  const isAllowed = found.forbids.length === 0 && found.permits.length > 0
  return {
    decision: isAllowed ? 'allow' : 'deny',
    reasons: namesOf(isAllowed ? found.permits : found.forbids),
    errors: errorsOf(found.failures),
  }
}

interface Found {
  readonly permits: CompiledPolicy[]
  readonly forbids: CompiledPolicy[]
  readonly failures: Failure[]
}

interface Failure {
  readonly policy: CompiledPolicy
  readonly message: string
}

function note(policy: CompiledPolicy, list: CompiledPolicy[]): void {
  if (!policy.mayRepeat || !list.includes(policy)) list.push(policy)
}

const NONE: readonly never[] = Object.freeze([])

function namesOf(policies: CompiledPolicy[]): readonly string[] {
  if (policies.length === 0) return NONE
  if (policies.length > 1) policies.sort((a, b) => a.order - b.order)
  return policies.map(({ policy }) => policy.id)
}

function errorsOf(failures: Failure[]): readonly PolicyError[] {
  if (failures.length === 0) return NONE
  failures.sort((a, b) => a.policy.order - b.policy.order)
  return failures.map(({ policy, message }) => ({ policy: policy.policy.id, message }))
}

export function frameOf(request: AccessRequest, entities: Entities, { actions, schema, names }: Ruling): Frame {
  checkUid(request.principal)
  checkUid(request.action)
  checkUid(request.resource)
  const action = partyIn(entities, actions, request.action, names)
  return {
    principal: partyIn(entities, actions, request.principal),
    action,
    resource: partyIn(entities, actions, request.resource),
    context: contextOf(request, action.ref, schema ?? entities.schema),
    entities,
    actions,
  }
}

/** A context that is read once, for several requests with the same action. Throws as `readContext`. */
export function contextFor(action: Uid, context: object | string, schema: Schema | undefined): object {
  checkUid(action)
  return contextOf({ context }, new EntityRef(action.type, action.id), schema)
}

function contextOf(
  { context }: Pick<AccessRequest, 'context'>,
  action: EntityRef,
  schema: Schema | undefined,
): RecordValue {
  if (context === undefined) return EMPTY
  if (context instanceof RecordValue) return context
  return readContext(context, schema?.actions.get(action.key)?.context)
}

const EMPTY = new RecordValue(bagOf([]), 0)

function checkUid(uid: Uid): void {
  if (typeof uid?.type !== 'string' || typeof uid.id !== 'string') {
    throw new CedarError('request_invalid', 'principal, action and resource need a `type` and an `id`')
  }
}
