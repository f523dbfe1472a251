import type { Json } from '../../kernel/index.ts'
import type { Decision, Question } from '../question.ts'
import type { PolicyReads } from './policy-reads.ts'
import type { Unreplayable } from './recorded-decision.ts'

type JsonObject = { readonly [name: string]: Json }

/**
 * What a record says of one question so that it can be decided again, beside who asked, what was asked and the facts; the
 * fields of `RecordedDecision` that have these names.
 */
export type RecordedInputs = {
  readonly state?: number
  readonly withheld?: 'limit' | 'approval'
  readonly arguments?: { readonly [pointer: string]: string }
  readonly stated?: {
    readonly attributes?: JsonObject
    readonly entities?: Json
    readonly listing?: true
    readonly proposed?: true
  }
  readonly unreplayable?: Unreplayable
}

/** What does not fit is left out, and the record says that the decision cannot be made again. */
export function recordedInputs(question: Question, decision: Decision, reads: PolicyReads): RecordedInputs {
  const { state, withheld } = decision
  const inputs: { -readonly [K in keyof RecordedInputs]: RecordedInputs[K] } = {}
  if (state !== undefined) inputs.state = state
  if (withheld !== undefined) inputs.withheld = withheld
  if (decision.overruled === true) inputs.unreplayable = 'overruled'
  const { call } = question
  if (call !== undefined && call !== 'unknown') {
    const values = valuesOf(call.arguments, reads.arguments)
    if (values === undefined) inputs.unreplayable = 'arguments_unrecorded'
    else inputs.arguments = values
  }
  const stated = statedIn(question)
  if (stated === undefined) return inputs
  if (JSON.stringify(stated).length <= MOST_STATED) inputs.stated = stated
  else inputs.unreplayable = 'stated_unrecorded'
  return inputs
}

/** Characters of JSON. Policies speak of addresses, amounts and names: what is longer is text that none compares. */
const MOST_ARGUMENTS = 4096
const MOST_STATED = 16_384

/** INVARIANT: of the arguments, nothing is on record but the values that policies can read. */
function valuesOf(
  given: Readonly<Record<string, string>>,
  readable: ReadonlySet<string> | undefined,
): Readonly<Record<string, string>> | undefined {
  const values: Record<string, string> = {}
  let size = 0
  for (const pointer of readable ?? Object.keys(given)) {
    const value = Object.hasOwn(given, pointer) ? given[pointer] : undefined
    if (value === undefined) continue
    size += pointer.length + value.length
    if (size > MOST_ARGUMENTS) return undefined
    values[pointer] = value
  }
  return values
}

function statedIn({ attributes, entities, call, isProposed }: Question): RecordedInputs['stated'] {
  const stated = {
    ...(attributes === undefined || Object.keys(attributes).length === 0 ? {} : { attributes }),
    // Entities are JSON that the policy engine has read.
    ...(entities === undefined || entities.length === 0 ? {} : { entities: entities as unknown as Json }),
    ...(call === 'unknown' ? { listing: true as const } : {}),
    ...(isProposed === true ? { proposed: true as const } : {}),
  }
  return Object.keys(stated).length === 0 ? undefined : stated
}

/** People whom the entities of a question name: who is forgotten takes the record along. */
export function personsStated({ entities }: Question): readonly string[] {
  return entities === undefined ? NOBODY : [...new Set(entities.flatMap((entity) => usersIn(entity)))]
}

const NOBODY: readonly string[] = Object.freeze([])

function usersIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(usersIn)
  if (typeof value !== 'object' || value === null) return NOBODY
  const { type, id } = value as { readonly type?: unknown; readonly id?: unknown }
  if (type === 'User' && typeof id === 'string') return [id]
  return Object.values(value).flatMap(usersIn)
}

/** What of a context differs from the one before it; what it lacks is `null`. `undefined` where they are the same. */
export function contextChanges(before: JsonObject, after: JsonObject): JsonObject | undefined {
  let changes: { [name: string]: Json } | undefined
  for (const name in after) {
    const [was, is] = [before[name], after[name]]
    if (is === undefined || isSame(was, is)) continue
    changes ??= {}
    changes[name] = is
  }
  for (const name in before) {
    if (after[name] !== undefined) continue
    changes ??= {}
    changes[name] = null
  }
  return changes
}

function isSame(a: Json | undefined, b: Json): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((one: Json, at) => isSame(one, b[at]))
  }
  const [x, y] = [a as JsonObject, b as JsonObject]
  const names = Object.keys(y)
  return names.length === Object.keys(x).length && names.every((name) => isSame(x[name], y[name] ?? null))
}
