import type { EntityJson } from '../../cedar/index.ts'
import type { Authentication, Context, Json, TenantId, Txn } from '../../kernel/index.ts'
import type { ApprovalLook } from '../approvals/approval-look.ts'
import { ARGUMENTS } from '../call-facts.ts'
import { decideForChain, type Known } from '../decide-chain.ts'
import { authenticationFact } from '../facts.ts'
import type { PolicySet } from '../policy-set.ts'
import type { Decision, Question } from '../question.ts'
import type { World } from './past-world.ts'
import type { RecordedDecision, Unreplayable } from './recorded-decision.ts'
import { recordedLimits } from './recorded-limits.ts'
import type { ReplayMemo } from './replay-memo.ts'

/** What a recorded decision comes to when it is made again. */
export type Replayed =
  | {
      readonly kind: 'again'
      /** Without advice: what would help is nothing that was decided. */
      readonly decision: Decision
      /** Limits apply of which nobody knows how much was used: it is what everything else says. */
      readonly isUnlimited: boolean
    }
  | { readonly kind: 'cannot'; readonly why: Unreplayable }

/** What a decision is made again under. */
export interface ReplayUnder {
  /** With the roles of then. */
  readonly set: PolicySet
  /** What it was made under, where that is another one; `undefined` where nobody knows that any more. */
  readonly was: PolicySet | undefined
  readonly world: World
  readonly tenant: string
}

/**
 * Decides again what is on record: the layers, roles, mandate, lists, ceilings and limits' statements are asked as they
 * were then, or as a candidate has them, by the code that decides. What is taken as it is on record: facts, an approval
 * that was there, and how much of limits was used. Pure; throws what deciding throws. With a `memo`, the facts in what
 * comes out may be those of another decision to which all that was looked at was the same.
 */
export function replayDecision(recorded: RecordedDecision, under: ReplayUnder, memo?: ReplayMemo): Replayed {
  const why = recorded.unreplayable ?? unknownTo(recorded, under)
  if (why !== undefined) return { kind: 'cannot', why }
  const now = momentOf(recorded)
  if (now === undefined) return { kind: 'cannot', why: 'unreadable' }
  const key = memo?.keyOf(recorded, under, now)
  const known = key === undefined ? undefined : memo?.get(key)
  if (known !== undefined) return known
  const replayed = decidedAgain(recorded, under, now)
  if (key !== undefined) memo?.set(key, replayed)
  return replayed
}

function decidedAgain(recorded: RecordedDecision, under: ReplayUnder, now: number): Replayed {
  const ctx = contextOf(recorded, now, under.tenant)
  const limits = recordedLimits(recorded, under)
  const known: Known = {
    set: under.set,
    entities: under.world.entities,
    lists: under.world.lists,
    timeOf: undefined,
    recorded: (asked) =>
      asked.caller === ctx.caller
        ? recorded.context
        : { ...recorded.context, authentication: authenticationFact(asked.caller.authentication, now) },
    approvals: approvalsOf(recorded, under),
    limits,
  }
  const decision = decideForChain(ctx, questionOf(recorded), known)
  return { kind: 'again', decision, isUnlimited: limits.isUnlimited() }
}

/** INVARIANT: limits were only asked about what was allowed otherwise, by an approval where one was asked for. */
function approvalsOf({ approval, withheld }: RecordedDecision, { set, was }: ReplayUnder): ApprovalLook {
  const id = approval ?? (withheld === 'limit' && was === set ? '' : undefined)
  return { find: () => (id === undefined ? undefined : { state: 'approved', id }) }
}

/** What policies could look at, and nobody knows. */
function unknownTo(recorded: RecordedDecision, { set, was }: ReplayUnder): Unreplayable | undefined {
  if (was === set) return undefined
  if (set.looksAtUsage && was?.looksAtUsage !== true) return 'limits_unrecorded'
  if (recorded.context.arguments === undefined) return undefined
  const unrecorded = unrecordedReads(set, was)
  return unrecorded !== 'none' && hasOneOf(recorded, unrecorded) ? 'arguments_unrecorded' : undefined
}

/** Arguments that these policies read, and of which those of then made no record. */
function unrecordedReads({ reads }: PolicySet, was: PolicySet | undefined): 'none' | 'any' | readonly string[] {
  const kept = was?.reads.arguments
  if (was !== undefined && (kept === undefined || kept === reads.arguments)) return 'none'
  if (reads.arguments === undefined) return 'any'
  const more = [...reads.arguments].filter((pointer) => kept?.has(pointer) !== true)
  return more.length === 0 ? 'none' : more
}

/** Whether the call had such an argument: each is somewhere among the origins. */
function hasOneOf({ context, arguments: values = {} }: RecordedDecision, pointers: 'any' | readonly string[]): boolean {
  const there = new Set(Object.values(objectIn(context.origin)).flatMap((list) => (Array.isArray(list) ? list : [])))
  const unknown = [...there].filter((pointer) => typeof pointer === 'string' && !Object.hasOwn(values, pointer))
  return pointers === 'any' ? unknown.length > 0 : unknown.some((pointer) => pointers.includes(String(pointer)))
}

/** The moment of the decision, which is that of its facts. */
function momentOf({ context }: RecordedDecision): number | undefined {
  const { arg } = objectIn(objectIn(context.now).__extn)
  if (typeof arg !== 'string') return undefined
  // Many in a row were made in one moment.
  if (arg !== lastText) {
    lastText = arg
    lastAt = Date.parse(arg)
  }
  return Number.isNaN(lastAt) ? undefined : lastAt
}

let lastText = ''
let lastAt = Number.NaN

function contextOf({ chain, mandate, context }: RecordedDecision, now: number, tenant: string): Context {
  const address = objectIn(objectIn(objectIn(context.network).address).__extn).arg
  return {
    // Of a decision on record, tenant and transaction have been checked.
    tenant: tenant as TenantId,
    txn: '' as Txn,
    trace: '',
    clock: { now: () => now },
    caller: {
      chain,
      delegation: undefined,
      ...(mandate === undefined ? {} : { mandate }),
      authentication: authenticationIn(context, now),
      scope: undefined,
      credential: '',
      expiresAt: now,
    },
    ...(typeof address === 'string' ? { address } : {}),
  }
}

/** As far as its fact tells. */
function authenticationIn({ authentication }: RecordedDecision['context'], now: number): Authentication {
  const { age } = objectIn(authentication)
  return { method: 'asserted', at: now - (typeof age === 'number' ? age * 1000 : 0) }
}

function questionOf(recorded: RecordedDecision): Question {
  const { action, resource, attributes, entities, isListing, isProposed } = recorded
  const all = recorded.context.arguments === undefined ? entities : [...(entities ?? []), argumentsOf(recorded)]
  return {
    action,
    resource,
    ...(all === undefined ? {} : { entities: all }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(isListing ? { call: 'unknown' as const } : {}),
    ...(isProposed ? { isProposed: true as const } : {}),
  }
}

function argumentsOf({ arguments: values = {} }: RecordedDecision): EntityJson {
  return { uid: ARGUMENTS, attrs: {}, parents: [], tags: values }
}

function objectIn(value: Json | undefined): { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [name: string]: Json })
    : NOTHING
}

const NOTHING: { readonly [name: string]: Json } = Object.freeze({})
