import { hash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { endOfOffsets, mostBytes, readOffsets, writeOffsets } from './offset-lists.ts'
import { eachText, eachWord, wordsOf } from './words.ts'

/** The words of the segment that is still growing, in memory only. */
export class GrowingWords {
  #entries = new Map<string, WordEntry>()
  // The entries of all words of a value: the same names and ids come again in record after record.
  #known = new Map<string, readonly WordEntry[]>()
  readonly #hashes: WordHashes

  constructor(hashes: WordHashes) {
    this.#hashes = hashes
  }

  /** All of them of one segment, until they are cleared. */
  add(segment: number, offset: number, body: object): void {
    let count = 0
    eachText(body, (text) => {
      for (const { offsets } of this.#entriesOf(segment, text)) {
        if (offsets[offsets.length - 1] === offset) continue
        if (++count > MAX_WORDS) return this.#crowd(segment, offset)
        offsets.push(offset)
      }
    })
  }

  /** Takes a record that was forgotten out again. */
  remove(offset: number, body: object): void {
    eachIndexed(body, (word) => {
      const offsets = this.#entries.get(word)?.offsets
      const at = offsets?.indexOf(offset) ?? -1
      if (at >= 0) offsets?.splice(at, 1)
    })
  }

  /** Offsets of records that may hold the word, rising. */
  offsets(word: string): readonly number[] {
    return withCrowded(this.#entries.get(word)?.offsets ?? [], this.#entries.get(CROWDED)?.offsets ?? [])
  }

  /** What a full segment is stored as: the entries of each bucket that has any, by bucket. */
  buckets(): Map<number, Buffer> {
    const entries = new Map<number, Map<number, readonly number[]>>()
    for (const { bucket, tag, offsets } of this.#entries.values()) {
      if (offsets.length === 0) continue
      const tags = entries.get(bucket) ?? new Map<number, readonly number[]>()
      const known = tags.get(tag)
      tags.set(tag, known === undefined ? offsets : withCrowded(known, offsets))
      entries.set(bucket, tags)
    }
    return new Map([...entries].map(([bucket, tags]) => [bucket, encodeBucket(tags)]))
  }

  clear(): void {
    this.#entries = new Map()
    this.#known = new Map()
  }

  #entriesOf(segment: number, text: string): readonly WordEntry[] {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const entries = wordsOf(text).map((word) => this.#entryOf(segment, word))
    if (text.length <= MAX_REMEMBERED) this.#known.set(text, entries)
    return entries
  }

  // Hashed when it comes, and not all of them when the segment is full: that would hold up everybody.
  #entryOf(segment: number, word: string): WordEntry {
    const known = this.#entries.get(word)
    if (known !== undefined) return known
    const entry = { ...this.#hashes.of(segment, word), offsets: [] }
    this.#entries.set(word, entry)
    return entry
  }

  #crowd(segment: number, offset: number): void {
    const { offsets } = this.#entryOf(segment, CROWDED)
    if (offsets[offsets.length - 1] !== offset) offsets.push(offset)
  }
}

/** Where a word stands in its segment, and in which records. */
interface WordEntry {
  readonly bucket: number
  readonly tag: number
  readonly offsets: number[]
}

/**
 * What stands for a word in a segment: a keyed hash, another one in every segment. Whoever has the file without the
 * key learns neither the words nor how often one occurs beyond 1024 records.
 */
export class WordHashes {
  readonly #input: Buffer

  constructor(termKey: Uint8Array) {
    const key = hash('sha256', Buffer.concat([LABEL, termKey]), 'buffer')
    this.#input = Buffer.concat([key, Buffer.alloc(4 + MAX_BYTES)])
  }

  of(segment: number, word: string): { readonly bucket: number; readonly tag: number } {
    const input = this.#input
    input.writeUInt32BE(segment, KEY_SIZE)
    const end = KEY_SIZE + 4 + input.write(word, KEY_SIZE + 4)
    const digest = hash('sha256', input.subarray(0, end), 'buffer')
    return { bucket: (digest[0] ?? 0) % BUCKETS, tag: digest.readUIntBE(1, TAG_SIZE) }
  }
}

/** The words of full segments, in the file. */
export class WordTable {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #hashes: WordHashes

  constructor(db: DatabaseSync, hashes: WordHashes) {
    this.#hashes = hashes
    this.#get = db.prepare('SELECT entries FROM words WHERE id = ?')
    this.#put = db.prepare('INSERT OR REPLACE INTO words (id, entries) VALUES (?, ?)')
    this.#delete = db.prepare('DELETE FROM words WHERE id = ?')
  }

  /** Writes a full segment; belongs in the transaction of the record that filled it. */
  write(segment: number, growing: GrowingWords): void {
    for (const [bucket, entries] of growing.buckets()) {
      this.#put.run(segment * BUCKETS + bucket, entries)
    }
  }

  /** Offsets of records of a segment that may hold the word, rising. */
  offsets(segment: number, word: string): readonly number[] {
    return withCrowded(this.#find(segment, word), this.#find(segment, CROWDED))
  }

  /** Takes forgotten records out of a segment. */
  remove(segment: number, gone: ReadonlyArray<readonly [offset: number, body: object]>): void {
    const buckets = new Map<number, Map<number, Set<number>>>()
    for (const [offset, body] of gone) {
      eachIndexed(body, (word) => {
        const { bucket, tag } = this.#hashes.of(segment, word)
        const tags = buckets.get(bucket) ?? new Map<number, Set<number>>()
        buckets.set(bucket, tags.set(tag, (tags.get(tag) ?? new Set<number>()).add(offset)))
      })
    }
    for (const [bucket, tags] of buckets) {
      const entries = new Map<number, readonly number[]>()
      for (const [tag, offsets] of parseBucket(this.#entries(segment, bucket))) {
        const left = offsets.filter((offset) => tags.get(tag)?.has(offset) !== true)
        if (left.length > 0) entries.set(tag, left)
      }
      if (entries.size === 0) this.#delete.run(segment * BUCKETS + bucket)
      else this.#put.run(segment * BUCKETS + bucket, encodeBucket(entries))
    }
  }

  #find(segment: number, word: string): readonly number[] {
    const { bucket, tag } = this.#hashes.of(segment, word)
    const entries = this.#entries(segment, bucket)
    for (let at = 0; at + TAG_SIZE < entries.length; at = endOfOffsets(entries, at + TAG_SIZE)) {
      const found = entries.readUIntBE(at, TAG_SIZE)
      if (found === tag) return readOffsets(entries, at + TAG_SIZE).offsets
      if (found > tag) break
    }
    return []
  }

  #entries(segment: number, bucket: number): Buffer {
    const entries = this.#get.get(segment * BUCKETS + bucket)?.entries
    return entries instanceof Uint8Array
      ? Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength)
      : Buffer.alloc(0)
  }
}

/** Rows of a segment in the table `words`: `segment * BUCKETS` and following. */
export const BUCKETS = 64

/** The tags of a bucket, rising, with their offsets. */
export function parseBucket(entries: Uint8Array): Map<number, readonly number[]> {
  const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength)
  const tags = new Map<number, readonly number[]>()
  for (let at = 0; at + TAG_SIZE < bytes.length; ) {
    const { offsets, end } = readOffsets(bytes, at + TAG_SIZE)
    tags.set(bytes.readUIntBE(at, TAG_SIZE), offsets)
    at = end
  }
  return tags
}

export function encodeBucket(tags: ReadonlyMap<number, readonly number[]>): Buffer {
  let size = 0
  for (const offsets of tags.values()) size += TAG_SIZE + mostBytes(offsets)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const [tag, offsets] of [...tags].sort(([a], [b]) => a - b)) {
    bytes.writeUIntBE(tag, at, TAG_SIZE)
    at = writeOffsets(bytes, at + TAG_SIZE, offsets)
  }
  return bytes.subarray(0, at)
}

const TAG_SIZE = 3
const KEY_SIZE = 32
const MAX_BYTES = 256
const LABEL = Buffer.from('sallyport words 1')
// Stands for the words of a record that has too many of them: it is looked at whatever is looked for.
const CROWDED = ''
const MAX_WORDS = 1000
const MAX_REMEMBERED = 64

// The words that `add` has put into the index, each once.
function eachIndexed(body: object, add: (word: string) => void): void {
  const seen = new Set<string>()
  let isCrowded = false
  eachWord(body, (word) => {
    if (seen.has(word)) return
    if (seen.size >= MAX_WORDS) {
      isCrowded = true
      return
    }
    seen.add(word)
    add(word)
  })
  if (isCrowded) add(CROWDED)
}

function withCrowded(offsets: readonly number[], crowded: readonly number[]): readonly number[] {
  return crowded.length === 0 ? offsets : [...new Set([...offsets, ...crowded])].sort((a, b) => a - b)
}
