import type { Authentication, DelegationId, Json, Mandate, PrincipalRef, TenantId, Txn } from '../kernel/index.ts'

/** What a record tells of. The position in this list stands in the leaf: only ever append to it. */
export const RECORD_KINDS = ['decision', 'outcome', 'signin', 'token', 'change', 'alert'] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

export type JsonObject = { readonly [key: string]: Json }
export type ResourceRef = { readonly type: string; readonly id: string }

/** A policy that took part in a decision, and the principal of the chain it was decided for. */
export type DecisionReason = { readonly policy: string; readonly principal: string }

/** How it was decided; `observed-deny` where it would have been denied, and nothing was refused. */
export type RecordedVerdict = 'allow' | 'deny' | 'observed-deny'

/** Why a denial was only observed: targets of modes. */
export type ObservedBody = {
  /** the modes by which it went on */
  readonly by: readonly string[]
  /** where the request stood */
  readonly at: readonly string[]
}

/** What a question was decided on beside who asked, what was asked and the facts, so that it can be decided again. */
type DecidedOn = {
  /** version of what is decided on in memory */
  readonly state?: number
  /** values of those arguments that policies can read, by JSON pointer */
  readonly arguments?: JsonObject
  /** attributes and entities that were stated with the question; whether it was about any arguments, or only proposed */
  readonly stated?: JsonObject
  /** what alone stood in the way of an allow */
  readonly withheld?: 'limit' | 'approval'
  /** the approval that an allow rests on */
  readonly approval?: string
  /** why it cannot be decided again */
  readonly unreplayable?: string
}

/** One question of several that a request put at once. */
export type DecidedQuestion = DecidedOn & {
  /** who was asked about, where it is not the chain of the record */
  readonly chain?: readonly PrincipalRef[]
  readonly action: string
  readonly resource: ResourceRef
  readonly decision: RecordedVerdict
  readonly observed?: ObservedBody
  readonly reasons: readonly DecisionReason[]
  readonly errors?: readonly string[]
  /** where it is not that of the record */
  readonly revision?: string
  /** what differs from the context of the question before it, or of the record; what it lacks is null */
  readonly context?: JsonObject
  /** nothing was decided: it could not be asked */
  readonly undecided?: boolean
  readonly argumentsDigest?: string
  readonly resourceState?: JsonObject
}

/** What was asked, on which facts it was decided, and why. One for each request. */
export type DecisionBody = DecidedOn & {
  /** from the subject to the actor */
  readonly chain: readonly PrincipalRef[]
  readonly delegation?: DelegationId
  /** what the subject allowed, and what that was narrowed from */
  readonly mandate?: Mandate
  /** `jti` of the access token, or the id of the gateway key */
  readonly credential: string
  readonly authentication: Authentication
  readonly action: string
  readonly resource: ResourceRef
  /** the facts */
  readonly context: JsonObject
  readonly decision: RecordedVerdict
  readonly observed?: ObservedBody
  readonly reasons: readonly DecisionReason[]
  readonly errors: readonly string[]
  /** of the policies in force */
  readonly revision: string
  readonly argumentsDigest?: string
  readonly origin?: JsonObject
  readonly advice?: Json
  /** on a denial, what the caller was told would help */
  readonly remedy?: string
  /** of the administration: which operation, and on what */
  readonly operation?: string
  readonly target?: JsonObject
  readonly questions?: readonly DecidedQuestion[]
  /** the decision itself was all that was asked for: nothing follows */
  readonly answered?: boolean
  /** version or digest, classification and availability of the resource */
  readonly resourceState?: JsonObject
  /** roles and level of each principal of the chain */
  readonly permissions?: JsonObject
  readonly obligations?: Json
  /** what the agent or its model gave as the reasons, where it did */
  readonly reasoning?: string
}

/** What came of an allowed request. */
export type OutcomeBody = {
  /** index of the decision's record */
  readonly of: number
  readonly status: 'ok' | 'client_error' | 'upstream_error' | 'cancelled' | 'cut' | 'unknown' | (string & {})
  readonly httpStatus?: number
  readonly usage?: JsonObject
  readonly ms: number
  /** what the model gave as its reasons, where no decision on its answer has it */
  readonly reasoning?: string
  readonly questions?: readonly DecidedQuestion[]
  readonly detail?: JsonObject
}

interface RecordFrame {
  readonly tenant: TenantId
  readonly txn: Txn
  /** W3C trace id */
  readonly trace: string
  /** milliseconds since the epoch */
  readonly at: number
  /** People whose erasure makes the body unreadable, besides the users of `body.chain`. */
  readonly persons?: readonly string[]
  /** The class whose retention rule applies; the kind where it is left out. */
  readonly retention?: string
}

export interface DecisionRecord extends RecordFrame {
  readonly kind: 'decision'
  readonly body: DecisionBody
}
export interface OutcomeRecord extends RecordFrame {
  readonly kind: 'outcome'
  readonly body: OutcomeBody
}
export interface OtherRecord extends RecordFrame {
  readonly kind: Exclude<RecordKind, 'decision' | 'outcome'>
  readonly body: object
}
export type NewRecord = DecisionRecord | OutcomeRecord | OtherRecord

/** How the request of a decision ended: `pending` while it runs, `unknown` where a crash came before its outcome. */
export interface OutcomeOfDecision {
  readonly status: string
  /** index of the outcome's record, where there is one */
  readonly index?: number
}

interface StoredFrame {
  readonly index: number
  readonly kind: RecordKind
  readonly tenant: TenantId
  readonly at: number
  /** index of the decision, for an outcome */
  readonly of?: number
  /** for decisions */
  readonly outcome?: OutcomeOfDecision
}

export interface ReadableRecord extends StoredFrame {
  readonly erased: false
  readonly txn: Txn
  readonly trace: string
  /** As it was appended: the body of the record's kind. */
  readonly body: JsonObject
}

/** A record whose body was forgotten: the log still proves that it was there, and when. */
export interface ErasedRecord extends StoredFrame {
  readonly erased: true
}

export type StoredRecord = ReadableRecord | ErasedRecord

/** The body as `JSON.parse` gives it back; typed fields are what was appended. */
export function isKind<Kind extends RecordKind>(
  record: StoredRecord,
  kind: Kind,
): record is ReadableRecord & { readonly kind: Kind } {
  return !record.erased && record.kind === kind
}

/**
 * Whether a decision of this body has an outcome of its own: nothing is done after a denial, and what an answer made
 * necessary (`within`) ends with the request that it belongs to.
 */
export function hasOutcome(body: {
  readonly decision?: unknown
  readonly within?: unknown
  readonly answered?: unknown
}): boolean {
  return body.decision !== 'deny' && body.within === undefined && body.answered !== true
}
