import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { encodeOffsets } from './offset-lists.ts'
import { eachTerm, sealTerm, type TermNumbers } from './search-terms.ts'
import { SEGMENT_SIZE } from './segment.ts'
import { GrowingWords, type WordHashes, type WordTable } from './word-index.ts'

/** The terms of the segment that is still growing. Full segments are in the file; this one lives in memory only. */
export class GrowingSegment {
  #offsets = new Map<number, number[]>()
  #firstAt = Number.MAX_SAFE_INTEGER
  #lastAt = 0
  readonly words: GrowingWords
  readonly #numbers: TermNumbers

  constructor(numbers: TermNumbers, hashes: WordHashes) {
    this.#numbers = numbers
    this.words = new GrowingWords(hashes)
  }

  /** Adds a record; `body` is left out where it can't be read any more. `at` in milliseconds. */
  add(index: number, at: number, seal: number, body: object | undefined): void {
    if (at < this.#firstAt) this.#firstAt = at
    if (at > this.#lastAt) this.#lastAt = at
    const offset = index % SEGMENT_SIZE
    this.#put(this.#numbers.of(sealTerm(seal)), offset)
    if (body === undefined) return
    eachTerm(body, (term) => this.#put(this.#numbers.of(term), offset))
    this.words.add(Math.floor(index / SEGMENT_SIZE), offset, body)
  }

  /** Takes a record that was forgotten out again; what it was sealed under stays. */
  remove(index: number, body: object): void {
    const offset = index % SEGMENT_SIZE
    this.words.remove(offset, body)
    eachTerm(body, (term) => {
      const number = this.#numbers.of(term)
      const left = this.#offsets.get(number)?.filter((other) => other !== offset) ?? []
      if (left.length === 0) this.#offsets.delete(number)
      else this.#offsets.set(number, left)
    })
  }

  /** Offsets of the term in this segment, rising. */
  offsets(term: number): readonly number[] {
    return this.#offsets.get(term) ?? []
  }

  /** What a full segment is stored as: its times, and its rows in the order of the terms. */
  rows(): { firstAt: number; lastAt: number; postings: ReadonlyArray<readonly [number, Buffer]> } {
    const postings = [...this.#offsets].sort(([a], [b]) => a - b)
    return {
      firstAt: this.#firstAt,
      lastAt: this.#lastAt,
      postings: postings.map(([term, offsets]) => [term, encodeOffsets(offsets)] as const),
    }
  }

  #put(number: number, offset: number): void {
    const list = this.#offsets.get(number)
    if (list === undefined) this.#offsets.set(number, [offset])
    else if (list[list.length - 1] !== offset) list.push(offset)
  }

  clear(): void {
    this.#offsets = new Map()
    this.words.clear()
    this.#firstAt = Number.MAX_SAFE_INTEGER
    this.#lastAt = 0
  }
}

/** Writes a full segment; belongs in the transaction of the record that filled it. */
export class SegmentWriter {
  readonly #insertPosting: StatementSync
  readonly #insertSegment: StatementSync
  readonly #words: WordTable

  constructor(db: DatabaseSync, words: WordTable) {
    this.#words = words
    this.#insertPosting = db.prepare('INSERT INTO postings (term, segment, offsets) VALUES (?, ?, ?)')
    this.#insertSegment = db.prepare('INSERT INTO segments (segment, first_at, last_at) VALUES (?, ?, ?)')
  }

  write(segment: number, growing: GrowingSegment): void {
    const { firstAt, lastAt, postings } = growing.rows()
    this.#insertSegment.run(segment, firstAt, lastAt)
    for (const [term, offsets] of postings) this.#insertPosting.run(term, segment, offsets)
    this.#words.write(segment, growing.words)
  }
}
