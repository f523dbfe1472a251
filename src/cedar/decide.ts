import { bagOf } from './bag.ts'
import type { Entities } from './entities.ts'
import { readContext } from './entity-json.ts'
import { CedarError } from './errors.ts'
import { EvaluationError } from './evaluation-error.ts'
import { visitCandidates } from './find-candidates.ts'
import { type Frame, type Names, partyIn, type Test } from './frame.ts'
import type { Candidate, IndexNode } from './policy-index.ts'
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
  const verdict = new Verdict(frame, onError === 'deny')
  visitCandidates(index, frame, verdict)
  return verdict.decision()
}

/** What has been found for one request so far. */
class Verdict {
  readonly #frame: Frame
  readonly #failingForbidsApply: boolean
  #permits: Candidate[] | undefined
  #forbids: Candidate[] | undefined
  #failures: Failure[] | undefined

  constructor(frame: Frame, failingForbidsApply: boolean) {
    this.#frame = frame
    this.#failingForbidsApply = failingForbidsApply
  }

  visit(candidate: Candidate, test: Test): void {
    try {
      if (!test(this.#frame)) return
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      this.#noteFailure(candidate, error.message)
      if (candidate.isPermit || !this.#failingForbidsApply) return
    }
    if (candidate.isPermit) this.#permits = noted(candidate, this.#permits)
    else this.#forbids = noted(candidate, this.#forbids)
  }

  #noteFailure(candidate: Candidate, message: string): void {
    this.#failures ??= []
    this.#failures.push({ candidate, message })
  }

  decision(): PolicyDecision {
    const isAllowed = this.#forbids === undefined && this.#permits !== undefined
    return {
      decision: isAllowed ? 'allow' : 'deny',
      reasons: idsOf(isAllowed ? this.#permits : this.#forbids),
      errors: errorsOf(this.#failures),
    }
  }
}

interface Failure {
  readonly candidate: Candidate
  readonly message: string
}

function noted(candidate: Candidate, list: Candidate[] | undefined): Candidate[] {
  if (list === undefined) return [candidate]
  list.push(candidate)
  return list
}

const NONE: readonly never[] = Object.freeze([])

function idsOf(candidates: readonly Candidate[] | undefined): readonly string[] {
  if (candidates === undefined) return NONE
  return inOrder(candidates, (candidate) => candidate).map(({ id }) => id)
}

function errorsOf(failures: readonly Failure[] | undefined): readonly PolicyError[] {
  if (failures === undefined) return NONE
  return inOrder(failures, ({ candidate }) => candidate).map(({ candidate, message }) => ({
    policy: candidate.id,
    message,
  }))
}

/** In the order of the policies, each once: one with several keys may have been visited more than once. */
function inOrder<T>(found: readonly T[], candidateOf: (item: T) => Candidate): readonly T[] {
  if (found.length === 1) return found
  const orderOf = (item: T): number => candidateOf(item).policy.order
  const sorted = found.toSorted((a, b) => orderOf(a) - orderOf(b))
  return sorted.filter((item, index) => {
    const before = sorted[index - 1]
    return before === undefined || orderOf(before) !== orderOf(item)
  })
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
