import type { Json } from '../../kernel/index.ts'
import type { JsonObject, StoredRecord } from '../record.ts'
import type { ExportFilter } from './export-target.ts'

/** Whether a record goes to a target with this filter. Of an erased record only the kind is known. */
export function isWanted(record: StoredRecord, filter: ExportFilter): boolean {
  const { kinds, decision, actions, principals } = filter
  if (kinds !== undefined && !kinds.includes(record.kind)) return false
  if (decision === undefined && actions === undefined && principals === undefined) return true
  if (record.erased) return false
  const questions = [record.body, ...objectsOf(record.body.questions)]
  if (decision !== undefined && !questions.some((one) => one.decision === decision)) return false
  if (actions !== undefined && !questions.some((one) => isOneOf(one.action, actions))) return false
  return principals === undefined || namesOf(record.body).some((name) => isOneOf(name, principals))
}

function namesOf(body: JsonObject): readonly (Json | undefined)[] {
  return [body.principal, body.client, ...objectsOf(body.chain).map(({ id }) => id)]
}

function isOneOf(value: Json | undefined, list: readonly string[]): boolean {
  return typeof value === 'string' && list.includes(value)
}

/** The objects of a list that stands in a body; nothing where it is something else. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
