import type { KeyObject } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { openBody } from './body-cipher.ts'
import { BodyKeys } from './body-keys.ts'
import { parseBodyText, txnOfBodyText } from './body-text.ts'
import { parseLeaf } from './leaf.ts'
import { encodeOffsets, parseOffsets } from './offset-lists.ts'
import { GrowingSegment } from './postings.ts'
import { type Problem, Problems } from './problems.ts'
import { TermNumbers } from './search-terms.ts'
import { SEGMENT_SIZE } from './segment.ts'
import { txnNumber } from './txn-number.ts'
import { BUCKETS, encodeBucket, parseBucket, WordHashes } from './word-index.ts'

/** What a pass over some segments has come to. */
export interface PassReport {
  readonly problems: readonly Problem[]
  readonly readable: number
  readonly erased: number
  /** Entries of the search index that the records account for: rows of `postings`, and of `words`. */
  readonly postings: number
  readonly words: number
}

/** Checks bodies against leaves, and columns and search index against bodies, segment by segment. */
export class ContentsPass {
  #readable = 0
  #erased = 0
  #postings = 0
  #words = 0
  readonly #problems = new Problems()
  readonly #keys: BodyKeys
  readonly #growing: GrowingSegment
  readonly #records
  readonly #rows
  readonly #buckets
  readonly #times

  constructor(db: DatabaseSync, sealing: KeyObject) {
    this.#keys = new BodyKeys(db, sealing)
    const termKey = this.#keys.termKey({ create: false }) ?? new Uint8Array(32)
    this.#growing = new GrowingSegment(new TermNumbers(termKey), new WordHashes(termKey))
    this.#records = db.prepare('SELECT idx, leaf, txn, seal, body FROM records WHERE idx BETWEEN ? AND ?')
    this.#rows = db.prepare('SELECT offsets FROM postings WHERE term = ? AND segment = ?')
    this.#buckets = db.prepare('SELECT id, entries FROM words WHERE id BETWEEN ? AND ?')
    this.#times = db.prepare('SELECT first_at, last_at FROM segments WHERE segment = ?')
  }

  /** Checks the records of a segment that are below `end`. */
  segment(segment: number, end: number): void {
    this.#growing.clear()
    const first = segment * SEGMENT_SIZE
    const unreadable = new Set<number>()
    for (const row of this.#records.iterate(first, Math.min(first + SEGMENT_SIZE, end) - 1)) {
      const index = Number(row.idx)
      const leaf = row.leaf instanceof Uint8Array ? parseLeaf(row.leaf) : undefined
      const text = leaf && this.#body(row, index, leaf.commitment)
      if (text === undefined) unreadable.add(index % SEGMENT_SIZE)
      const body = text === undefined ? undefined : this.#parse(text, index)
      if (leaf !== undefined) this.#growing.add(index, leaf.at, Number(row.seal), body)
      if (text !== undefined && txnNumber(txnOfBodyText(text)) !== row.txn) {
        this.#problems.add({ part: 'record', index, message: `the txn beside record ${index} is not the one in it` })
      }
    }
    if (end >= first + SEGMENT_SIZE) this.#compare(segment, unreadable)
  }

  report(): PassReport {
    return {
      problems: this.#problems.list(),
      readable: this.#readable,
      erased: this.#erased,
      postings: this.#postings,
      words: this.#words,
    }
  }

  #body(row: Record<string, SQLOutputValue>, index: number, commitment: Uint8Array): string | undefined {
    const root = this.#keys.rootOf(Number(row.seal))
    if (root === 'destroyed') {
      this.#erased++
      return undefined
    }
    const opened = root !== 'broken' && row.body instanceof Uint8Array ? openBody(root, row.body) : undefined
    if (opened?.commitment.equals(commitment) === true) {
      this.#readable++
      return opened.text
    }
    const why = row.body === null ? 'is missing' : 'is not the one that its leaf commits to'
    this.#problems.add({ part: 'body', index, message: `the body of record ${index} ${why}` })
    return undefined
  }

  #parse(text: string, index: number): object | undefined {
    const body = parseBodyText(text)?.body
    if (body === undefined) {
      this.#problems.add({ part: 'body', index, message: `the body of record ${index} has no known form` })
    }
    return body
  }

  #compare(segment: number, unreadable: ReadonlySet<number>): void {
    const { firstAt, lastAt, postings } = this.#growing.rows()
    const times = this.#times.get(segment)
    if (times?.first_at !== firstAt || times.last_at !== lastAt) this.#wrong(segment, 'times')
    for (const [term, offsets] of postings) {
      const stored = this.#rows.get(term, segment)?.offsets
      const same = stored instanceof Uint8Array && offsets.equals(stored)
      if (!same && !agreesBesides(stored, offsets, unreadable)) this.#wrong(segment, 'entries')
    }
    this.#postings += postings.length
    this.#compareWords(segment, unreadable)
  }

  #compareWords(segment: number, unreadable: ReadonlySet<number>): void {
    const expected = this.#growing.words.buckets()
    const first = segment * BUCKETS
    for (const { id, entries } of this.#buckets.iterate(first, first + BUCKETS - 1)) {
      const bucket = Number(id) - first
      const wanted = expected.get(bucket)
      expected.delete(bucket)
      this.#words++
      if (entries instanceof Uint8Array && wanted?.equals(entries) === true) continue
      if (unreadable.size === 0 || !agreesWithout(entries, wanted, unreadable)) this.#wrong(segment, 'words')
    }
    if (expected.size > 0) this.#wrong(segment, 'words')
  }

  #wrong(segment: number, what: string): void {
    const first = segment * SEGMENT_SIZE
    const message = `${what} of the search index for records ${first} to ${first + SEGMENT_SIZE - 1} were altered`
    this.#problems.add({ part: 'search', segment, message })
  }
}

// Erased records may still stand in the index, or be gone from it; all others must be as their bodies say.
function agreesBesides(stored: unknown, expected: Buffer, unreadable: ReadonlySet<number>): boolean {
  if (unreadable.size === 0 || !(stored instanceof Uint8Array)) return false
  const offsets = parseOffsets(stored)
  const readable = offsets.filter((offset) => !unreadable.has(offset))
  return encodeOffsets(offsets).equals(stored) && encodeOffsets(readable).equals(expected)
}

function agreesWithout(stored: unknown, expected: Buffer | undefined, unreadable: ReadonlySet<number>): boolean {
  if (!(stored instanceof Uint8Array)) return false
  const tags = parseBucket(stored)
  if (!encodeBucket(tags).equals(stored)) return false
  const left = new Map<number, readonly number[]>()
  for (const [tag, offsets] of tags) {
    const readable = offsets.filter((offset) => !unreadable.has(offset))
    if (readable.length > 0) left.set(tag, readable)
  }
  return encodeBucket(left).equals(expected ?? Buffer.alloc(0))
}
