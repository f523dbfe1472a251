import type { Txn } from '../kernel/index.ts'
import { AuditError } from './errors.ts'
import type { LogFile } from './log-file.ts'
import type { LogReader } from './log-reader.ts'
import { parseOffsets } from './offset-lists.ts'
import { RECORD_KINDS, type RecordedVerdict, type RecordKind, type StoredRecord } from './record.ts'
import { eachTerm, type TermField, termText } from './search-terms.ts'
import { SEGMENT_SIZE } from './segment.ts'
import { holdsText, parseTextQuery } from './words.ts'

/** What to look for; everything given must hold. Times in milliseconds since the epoch, `to` exclusive. */
export interface RecordFilter {
  readonly kind?: RecordKind
  /** Anybody in the chain. */
  readonly principal?: string
  /** On whose behalf: the first of the chain. */
  readonly subject?: string
  readonly action?: string
  /** `Type::id` */
  readonly resource?: string
  readonly decision?: RecordedVerdict
  readonly policy?: string
  readonly txn?: Txn
  readonly from?: number
  readonly to?: number
  /** Words that stand in the values of the body, and phrases between quotation marks; upper and lower case alike. */
  readonly text?: string
}

export interface SearchPage {
  /** Newest first. */
  readonly records: readonly StoredRecord[]
  /** Give it to the next call to go on; missing where there is nothing older. Stays valid while the log grows. */
  readonly cursor?: string
}

/**
 * Records that match, the newest first. Looks at a bounded number of records in one call, so a page may be short, or
 * even empty, and still have a cursor. Throws `search_invalid`.
 */
export function searchRecords(
  file: LogFile,
  reader: LogReader,
  filter: RecordFilter,
  page: { readonly limit: number; readonly cursor?: string },
): SearchPage {
  if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > 1000) {
    throw new AuditError('search_invalid', '`limit` must be between 1 and 1000')
  }
  if (filter.kind !== undefined && !RECORD_KINDS.includes(filter.kind)) {
    throw new AuditError('search_invalid', `no records of kind \`${filter.kind}\``)
  }
  const below = page.cursor === undefined ? file.size : parseCursor(page.cursor)
  const records: StoredRecord[] = []
  let looked = 0
  for (const { index, isRecord } of stepsOf(file, reader, filter, Math.min(below, file.size))) {
    const record = isRecord ? reader.read(index) : undefined
    if (record !== undefined && matches(record, filter)) records.push(record)
    looked++
    if (records.length >= page.limit || looked >= MAX_LOOKED_AT) {
      return index > 0 ? { records, cursor: String(index) } : { records }
    }
  }
  return { records }
}

/** Whether a record is one that the filter asks for; an erased record matches only by kind and time. */
export function matches(record: StoredRecord, filter: RecordFilter): boolean {
  if (filter.kind !== undefined && record.kind !== filter.kind) return false
  if (filter.from !== undefined && record.at < filter.from) return false
  if (filter.to !== undefined && record.at >= filter.to) return false
  const wanted = termsOf(filter)
  if (record.erased) {
    const { txn, subject, decision, text } = filter
    return wanted.length === 0 && [txn, subject, decision, text].every((value) => value === undefined)
  }
  if (filter.txn !== undefined && record.txn !== filter.txn) return false
  if (filter.subject !== undefined && subjectOf(record.body) !== filter.subject) return false
  if (filter.decision !== undefined && !decisionsOf(record.body).includes(filter.decision)) return false
  if (filter.text !== undefined && !holdsText(record.body, parseTextQuery(filter.text))) return false
  if (wanted.length === 0) return true
  const has = new Set<string>()
  eachTerm(record.body, (term) => has.add(term))
  return wanted.every((term) => has.has(term))
}

const MAX_LOOKED_AT = 2000

function parseCursor(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new AuditError('search_invalid', 'the cursor is not one that a search gave out')
  return Number(cursor)
}

/** Where a search has come to: a record to look at, or a segment that holds none. */
interface Step {
  readonly index: number
  readonly isRecord: boolean
}

// Indices below `below`, falling, that may match: a superset of those that do.
function* stepsOf(file: LogFile, reader: LogReader, filter: RecordFilter, below: number): Iterable<Step> {
  if (filter.txn !== undefined) {
    const indices = reader.byTxn(filter.txn).map((record) => record.index)
    for (const index of indices.filter((one) => one < below).reverse()) yield { index, isRecord: true }
    return
  }
  const terms = termsOf(filter)
  if (filter.subject !== undefined) terms.push(termText('principal', filter.subject))
  const numbers = terms.map((term) => file.terms.of(term))
  const words = filter.text === undefined ? [] : parseTextQuery(filter.text).words
  const growing = Math.floor(file.size / SEGMENT_SIZE)
  if (numbers.length === 0 && words.length === 0) {
    for (const index of everyIndex(file, filter, growing, below)) yield { index, isRecord: true }
    return
  }
  const inMemory = [
    ...numbers.map((number) => file.growingSegment.offsets(number)),
    ...words.map((word) => file.growingSegment.words.offsets(word)),
  ]
  yield* falling(intersect(inMemory), growing, below)
  const one = file.db.prepare('SELECT offsets FROM postings WHERE term = ? AND segment = ?')
  for (const [segment, offsets] of segmentsOf(file, filter, numbers[0], below)) {
    let left = offsets
    for (const number of numbers.slice(1)) {
      if (left?.length === 0) break
      left = intersect([left ?? [], parseOffsets(one.get(number, segment)?.offsets)])
    }
    for (const word of words) {
      if (left?.length === 0) break
      const found = file.words.offsets(segment, word)
      left = left === undefined ? found : intersect([left, found])
    }
    yield* falling(left ?? [], segment, below)
    yield { index: segment * SEGMENT_SIZE, isRecord: false }
  }
}

/** Full segments that may hold something, falling; with the offsets of `driver`, where there is one. */
function* segmentsOf(
  file: LogFile,
  filter: RecordFilter,
  driver: number | undefined,
  below: number,
): Iterable<readonly [segment: number, offsets: readonly number[] | undefined]> {
  const last = Math.floor(below / SEGMENT_SIZE)
  if (driver === undefined) {
    for (const segment of segmentsBetween(file, filter, last)) yield [segment, undefined]
    return
  }
  const rows = file.db.prepare(
    'SELECT segment, offsets FROM postings WHERE term = ? AND segment <= ? ORDER BY segment DESC',
  )
  for (const row of rows.iterate(driver, last)) yield [Number(row.segment), parseOffsets(row.offsets)]
}

function* segmentsBetween(file: LogFile, { from, to }: RecordFilter, last: number): Iterable<number> {
  const rows = file.db
    .prepare('SELECT segment FROM segments WHERE segment <= ? AND last_at >= ? AND first_at < ? ORDER BY segment DESC')
    .iterate(last, from ?? 0, to ?? Number.MAX_SAFE_INTEGER)
  for (const row of rows) yield Number(row.segment)
}

function* everyIndex(file: LogFile, filter: RecordFilter, growing: number, below: number): Iterable<number> {
  for (let index = below - 1; index >= growing * SEGMENT_SIZE; index--) yield index
  for (const segment of segmentsBetween(file, filter, Math.floor(below / SEGMENT_SIZE))) {
    const first = segment * SEGMENT_SIZE
    for (let index = Math.min(first + SEGMENT_SIZE, below) - 1; index >= first; index--) yield index
  }
}

function* falling(offsets: readonly number[], segment: number, below: number): Iterable<Step> {
  for (let i = offsets.length - 1; i >= 0; i--) {
    const index = segment * SEGMENT_SIZE + (offsets[i] ?? 0)
    if (index < below) yield { index, isRecord: true }
  }
}

function intersect(lists: ReadonlyArray<readonly number[]>): readonly number[] {
  const [first = [], ...rest] = lists
  const sets = rest.map((list) => new Set(list))
  return first.filter((offset) => sets.every((set) => set.has(offset)))
}

function termsOf(filter: RecordFilter): string[] {
  const fields: readonly TermField[] = ['principal', 'action', 'resource', 'policy']
  const terms: string[] = []
  for (const field of fields) {
    const value = filter[field as 'principal']
    if (value !== undefined) terms.push(termText(field, value))
  }
  const { decision } = filter
  if (decision !== undefined && decision !== 'allow') terms.push(termText('decision', decision))
  return terms
}

function subjectOf(body: object): unknown {
  const { chain } = body as { chain?: unknown }
  const first: unknown = Array.isArray(chain) ? chain[0] : undefined
  return typeof first === 'object' && first !== null && 'id' in first ? first.id : undefined
}

function decisionsOf(body: object): readonly unknown[] {
  const { decision, questions } = body as { decision?: unknown; questions?: unknown }
  return [decision, ...(Array.isArray(questions) ? questions.map((question) => question?.decision) : [])]
}
