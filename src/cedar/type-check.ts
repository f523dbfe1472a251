import { EvaluationError } from './evaluation-error.ts'
import { type EntityRef, type Long, type SetValue, typeName, type Value } from './value.ts'

/** These give the value back where it is of the type, and throw an `EvaluationError` where it is not. */
export function asBoolean(value: Value): boolean {
  if (typeof value === 'boolean') return value
  throw mismatch('bool', value)
}

export function asLong(value: Value): Long {
  if (isLong(value)) return value
  throw mismatch('long', value)
}

export function asText(value: Value): string {
  if (typeof value === 'string') return value
  throw mismatch('string', value)
}

export function asEntity(value: Value): EntityRef {
  if (typeof value === 'object' && value.kind === 'entity') return value
  throw mismatch('entity', value)
}

export function asSet(value: Value): SetValue {
  if (typeof value === 'object' && value.kind === 'set') return value
  throw mismatch('set', value)
}

export function isLong(value: Value): value is Long {
  return typeof value === 'number' || typeof value === 'bigint'
}

export function mismatch(expected: string, found: Value): EvaluationError {
  return new EvaluationError(`type error: expected ${expected}, got ${typeName(found)}`)
}
