import type { Txn } from '../kernel/index.ts'
import { AuditError } from './errors.ts'
import type { JsonObject, NewRecord } from './record.ts'

/** What the commitment of a leaf covers: txn, trace and body, a line each. */
export function encodeBodyText(record: NewRecord): string {
  let json: string
  try {
    json = JSON.stringify(record.body)
  } catch (error) {
    throw new AuditError('record_invalid', 'the body of a record must be JSON', { cause: error })
  }
  if (json === undefined || record.txn.includes('\n') || record.trace.includes('\n')) {
    throw new AuditError('record_invalid', 'a record needs a body, and a txn and a trace of one line')
  }
  return `${record.txn}\n${record.trace}\n${json}`
}

export interface BodyText {
  readonly txn: Txn
  readonly trace: string
  readonly body: JsonObject
}

/** `undefined` where the text does not have the form that `encodeBodyText` gives it. */
export function parseBodyText(text: string): BodyText | undefined {
  const first = text.indexOf('\n')
  const second = text.indexOf('\n', first + 1)
  if (first < 0 || second < 0) return undefined
  try {
    const body: unknown = JSON.parse(text.slice(second + 1))
    if (typeof body !== 'object' || body === null) return undefined
    // Written by encodeBodyText from a checked Txn and an object, and covered by the commitment.
    return { txn: text.slice(0, first) as Txn, trace: text.slice(first + 1, second), body: body as JsonObject }
  } catch {
    return undefined
  }
}

/** The txn alone, without taking the body apart. */
export function txnOfBodyText(text: string): string {
  return text.slice(0, text.indexOf('\n'))
}
