import type { EntityJson } from '../../cedar/index.ts'
import type { Authentication, Json, Mandate, PrincipalRef } from '../../kernel/index.ts'
import type { EntityRef, Observed } from '../question.ts'

/** What a log gives back of one record; `body` is JSON that nobody has looked at yet. */
export interface RecordToRead {
  readonly index: number
  readonly kind: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly erased: boolean
  readonly txn?: string
  readonly body?: unknown
}

/** Why a decision cannot be made again. */
export const UNREPLAYABLE = [
  /** The body of the record was forgotten. */
  'erased',
  /** The body is none that this version reads. */
  'unreadable',
  /** Refused before anything could be decided, or without asking the policies. */
  'not_decided',
  /** What was decided was another question than the one on record. */
  'other_question',
  /** Something besides policies, mandate, lists and limits had the last word. */
  'overruled',
  /** From before records named the state that they were decided in. */
  'state_unrecorded',
  /** The state is not in the journal: a crash came before it was written, or it was folded. */
  'state_unknown',
  /** Somebody whom the decision could look at was forgotten. */
  'state_erased',
  /** What there was then does not fit what the policies speak of. */
  'state_unfit',
  /** The revision is not kept. */
  'revision_unknown',
  /** Policies read arguments whose values are not on record. */
  'arguments_unrecorded',
  /** More was stated with the question than a record takes. */
  'stated_unrecorded',
  /** It depends on how much of limits was used, which nobody knows any more. */
  'limits_unrecorded',
] as const
export type Unreplayable = (typeof UNREPLAYABLE)[number]

/** For people, why a decision cannot be made again. */
export const WHY_UNREPLAYABLE: Readonly<Record<Unreplayable, string>> = {
  erased: 'the record was forgotten',
  unreadable: 'the record cannot be read',
  not_decided: 'refused before policies were asked',
  other_question: 'another question was decided than the one on record',
  overruled: 'something besides the policies had the last word',
  stated_unrecorded: 'more was stated with the question than a record takes',
  state_unrecorded: 'recorded before decisions named the state of the world',
  state_unknown: 'the state of the world is not kept any more',
  state_erased: 'the state of the world names somebody who was forgotten',
  state_unfit: 'the state of the world does not fit these policies',
  revision_unknown: 'the policies of that time are not kept',
  arguments_unrecorded: 'a policy reads arguments that are not on record',
  limits_unrecorded: 'depends on how much of limits was used',
}

/** A record of which nothing can be made. */
export interface Unread {
  readonly index: number
  readonly at: number
  readonly why: 'erased' | 'unreadable'
}

export type RecordedVerdict = 'allow' | 'deny' | 'observed-deny'

/** One question of one record: what was asked, what it was decided on, and what was decided. */
export interface RecordedDecision {
  /** Index of the record, and the place of the question in it. */
  readonly index: number
  readonly place: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly txn: string
  /** From the subject to the actor: whom was decided on. */
  readonly chain: readonly [PrincipalRef, ...PrincipalRef[]]
  readonly action: string
  readonly resource: EntityRef
  /** The whole context: facts, what was stated, origins of arguments. */
  readonly context: { readonly [name: string]: Json }
  readonly decision: RecordedVerdict
  /** Why a denial was only observed. */
  readonly observed: Observed | undefined
  readonly reasons: readonly { readonly policy: string; readonly principal: EntityRef }[]
  /** `policy: message` */
  readonly errors: readonly string[]
  readonly revision: string
  /** Version of the world. */
  readonly state: number | undefined
  readonly mandate: Mandate | undefined
  /** How the caller proved who it is; not known of those who were asked about. */
  readonly authentication: Authentication | undefined
  /** Values of those arguments that the policies of `revision` can read; `undefined` where there were none to record. */
  readonly arguments: { readonly [pointer: string]: string } | undefined
  /** By argument, who brought its value. */
  readonly origin: { readonly [pointer: string]: { readonly source: string; readonly trusted: boolean } } | undefined
  readonly argumentsDigest: string | undefined
  /** What was stated of the resource. */
  readonly attributes: { readonly [name: string]: Json } | undefined
  /** Entities that were there for this question only. */
  readonly entities: readonly EntityJson[] | undefined
  /** What an allow rests on. */
  readonly approval: string | undefined
  /** What alone stood in the way of an allow. */
  readonly withheld: 'limit' | 'approval' | undefined
  /** Asked what could be allowed with any arguments. */
  readonly isListing: boolean
  /** Proposed by a model; the call itself is another decision. */
  readonly isProposed: boolean
  /** Whether a denial was answered as if there were no such resource. */
  readonly isHidden: boolean
  /** The administrative operation, where it was one. */
  readonly operation: string | undefined
  /** By principal (`Agent::scout`): level, `in`, `roles`. */
  readonly permissions: { readonly [principal: string]: Json } | undefined
  readonly resourceState: { readonly [name: string]: Json } | undefined
  /** What the record itself says of why it cannot be decided again. */
  readonly unreplayable: Unreplayable | undefined
}

/**
 * Reads the decisions of one record, in the order of its questions; none for other kinds of records. What a request asked
 * for as a whole is not listed beside its single questions. Never throws.
 */
export function recordedDecisions(record: RecordToRead): readonly RecordedDecision[] | Unread {
  if (record.kind !== 'decision') return NONE
  const { index, at } = record
  if (record.erased) return { index, at, why: 'erased' }
  const body = objectIn(record.body)
  const first = body === undefined ? undefined : readBody(record, body)
  if (body === undefined || first === undefined) return { index, at, why: 'unreadable' }
  const { questions } = body
  if (!Array.isArray(questions) || questions.length === 0) return [first]
  const found: RecordedDecision[] = []
  // Whoever asks about others is decided on too; what the gateway decides for a request as a whole is one of its questions.
  if (body.answered === true) found.push(first)
  let before = first.context
  for (const question of questions) {
    const read = readQuestion(first, objectIn(question) ?? {}, found.length, before)
    if (read === undefined) return { index, at, why: 'unreadable' }
    before = read.context
    found.push(read)
  }
  return found
}

const NONE: readonly never[] = Object.freeze([])
type JsonObject = { readonly [name: string]: Json }

function readBody(record: RecordToRead, body: JsonObject): RecordedDecision | undefined {
  const { context, permissions, revision } = body
  const chain = chainIn(body.chain)
  const facts = objectIn(context)
  const said = readDecided(body)
  if (chain === undefined || facts === undefined || said === undefined || typeof revision !== 'string') return undefined
  const isDecided = body.refusal === undefined && facts.now !== undefined
  return {
    index: record.index,
    place: 0,
    at: record.at,
    txn: record.txn ?? '',
    chain,
    context: facts,
    revision,
    mandate: mandateIn(body.mandate),
    authentication: authenticationIn(body.authentication),
    permissions: objectIn(permissions),
    operation: textIn(body.operation),
    isHidden: body.hidden === true,
    ...said,
    unreplayable: whyNot(isDecided, said.state, said.unreplayable),
  }
}

/** What of its context differs from the question before it stands with a question; what it lacks is `null` there. */
function readQuestion(
  first: RecordedDecision,
  question: JsonObject,
  place: number,
  before: RecordedDecision['context'],
): RecordedDecision | undefined {
  const said = readDecided(question)
  if (said === undefined) return undefined
  const chain = question.chain === undefined ? first.chain : chainIn(question.chain)
  if (chain === undefined) return undefined
  const context = changed(before, objectIn(question.context))
  const isDecided = context.now !== undefined && question.undecided !== true
  const state = said.state ?? first.state
  return {
    index: first.index,
    place,
    at: first.at,
    txn: first.txn,
    chain,
    context,
    revision: textIn(question.revision) ?? first.revision,
    mandate: question.chain === undefined ? first.mandate : undefined,
    authentication: question.chain === undefined ? first.authentication : undefined,
    permissions: question.chain === undefined ? first.permissions : undefined,
    operation: undefined,
    isHidden: first.isHidden,
    ...said,
    state,
    unreplayable: whyNot(isDecided, state, said.unreplayable),
  }
}

function whyNot(
  isDecided: boolean,
  state: number | undefined,
  said: Unreplayable | undefined,
): Unreplayable | undefined {
  if (!isDecided) return 'not_decided'
  return said ?? (state === undefined ? 'state_unrecorded' : undefined)
}

function changed(before: JsonObject, changes: JsonObject | undefined): JsonObject {
  if (changes === undefined) return before
  const context: { [name: string]: Json } = { ...before }
  for (const name in changes) {
    const value = changes[name]
    if (value === null || value === undefined) delete context[name]
    else context[name] = value
  }
  return context
}

type Decided = Pick<
  RecordedDecision,
  | 'action'
  | 'resource'
  | 'decision'
  | 'observed'
  | 'reasons'
  | 'errors'
  | 'state'
  | 'arguments'
  | 'origin'
  | 'argumentsDigest'
  | 'attributes'
  | 'entities'
  | 'approval'
  | 'withheld'
  | 'isListing'
  | 'isProposed'
  | 'resourceState'
  | 'unreplayable'
>

/** What stands with each question, whether it is the only one or one of several. */
function readDecided(said: JsonObject): Decided | undefined {
  const { action, decision, withheld, stated } = said
  const resource = refIn(said.resource)
  const reasons = reasonsIn(said.reasons)
  if (typeof action !== 'string' || resource === undefined || reasons === undefined) return undefined
  if (decision !== 'allow' && decision !== 'deny' && decision !== 'observed-deny') return undefined
  const state = typeof said.state === 'number' ? said.state : undefined
  const more = objectIn(stated)
  return {
    action,
    resource,
    decision,
    observed: observedIn(said.observed),
    reasons,
    errors: Array.isArray(said.errors) ? said.errors.filter((one) => typeof one === 'string') : NONE,
    state,
    arguments: textsIn(said.arguments),
    // The shape is checked where it is written; whoever reads it for people shows it as it is.
    origin: objectIn(said.origin) as RecordedDecision['origin'],
    argumentsDigest: textIn(said.argumentsDigest),
    attributes: objectIn(more?.attributes),
    // Entities are read again by the policy engine, which takes nothing that is none.
    entities: Array.isArray(more?.entities) ? (more.entities as unknown as readonly EntityJson[]) : undefined,
    approval: textIn(said.approval),
    withheld: withheld === 'limit' || withheld === 'approval' ? withheld : undefined,
    isListing: more?.listing === true,
    isProposed: more?.proposed === true,
    resourceState: objectIn(said.resourceState),
    unreplayable: UNREPLAYABLE.find((one) => one === said.unreplayable),
  }
}

function objectIn(value: unknown): JsonObject | undefined {
  // What comes out of `JSON.parse` has JSON in it.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function refIn(value: Json | undefined): EntityRef | undefined {
  const { type, id } = objectIn(value) ?? {}
  return typeof type === 'string' && typeof id === 'string' ? { type, id } : undefined
}

function observedIn(value: Json | undefined): Observed | undefined {
  const { by, at } = objectIn(value) ?? {}
  const isTexts = (list: unknown): list is readonly string[] =>
    Array.isArray(list) && list.every((one) => typeof one === 'string')
  return isTexts(by) && isTexts(at) ? { by, at } : undefined
}

function chainIn(value: Json | undefined): RecordedDecision['chain'] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const isChain = value.every((one) => {
    const link = objectIn(one)
    return typeof link?.kind === 'string' && typeof link.id === 'string'
  })
  // Checked link by link. A chain that nobody knows is recorded as it was given, and nothing was decided about it.
  return isChain ? (value as unknown as RecordedDecision['chain']) : undefined
}

function reasonsIn(value: Json | undefined): RecordedDecision['reasons'] | undefined {
  if (!Array.isArray(value)) return undefined
  if (value.length === 0) return NONE
  const reasons: { policy: string; principal: EntityRef }[] = []
  for (const one of value) {
    const { policy, principal } = objectIn(one) ?? {}
    if (typeof policy !== 'string' || typeof principal !== 'string') return undefined
    const at = principal.indexOf('::')
    reasons.push({
      policy,
      principal: { type: principal.slice(0, Math.max(at, 0)), id: principal.slice(at < 0 ? 0 : at + 2) },
    })
  }
  return reasons
}

function textsIn(value: Json | undefined): { readonly [pointer: string]: string } | undefined {
  const object = objectIn(value)
  if (object === undefined) return undefined
  for (const pointer in object) if (typeof object[pointer] !== 'string') return undefined
  return object as { readonly [pointer: string]: string } // checked one by one
}

function mandateIn(value: Json | undefined): Mandate | undefined {
  const mandate = objectIn(value)
  if (mandate === undefined) return undefined
  const { actions, resources, expiresAt } = mandate
  if (!Array.isArray(actions) || !Array.isArray(resources) || typeof expiresAt !== 'number') return undefined
  // Written from a `Mandate`; what it lacks covers less.
  return mandate as unknown as Mandate
}

function authenticationIn(value: Json | undefined): Authentication | undefined {
  const authentication = objectIn(value)
  const isOne = typeof authentication?.method === 'string' && typeof authentication.at === 'number'
  return isOne ? (authentication as unknown as Authentication) : undefined // written from an `Authentication`
}
