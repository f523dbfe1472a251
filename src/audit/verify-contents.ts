import type { KeyObject } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { openBody } from './body-cipher.ts'
import { BodyKeys } from './body-keys.ts'
import { parseBodyText, txnOfBodyText } from './body-text.ts'
import { parseLeaf } from './leaf.ts'
import type { ContentsReport } from './log-source.ts'
import { GrowingSegment, parseOffsets, SEGMENT_SIZE } from './postings.ts'
import { Problems } from './problems.ts'
import { TermNumbers } from './search-terms.ts'
import { txnNumber } from './txn-number.ts'

/**
 * Checks what stands beside the tree: every body against the commitment in its leaf, the columns and the search index
 * against the body. `covered` is the size of the newest checkpoint. Without `sealing` it only counts.
 */
export async function verifyContents(
  db: DatabaseSync,
  covered: number,
  sealing: KeyObject | undefined,
  onProgress: (records: number) => void,
): Promise<ContentsReport> {
  const problems = new Problems()
  const stray = db.prepare('SELECT idx FROM records WHERE idx < 0 OR idx >= ? ORDER BY idx').all(covered)
  const uncovered = countFollowing(stray, covered, problems)
  checkEdge(db, problems)
  if (sealing === undefined) return { problems: problems.list(), uncovered }

  const keys = new BodyKeys(db, sealing)
  for (const id of keys.brokenKeys()) {
    problems.add({ part: 'key', id, message: `key ${id} of the bodies was altered, or belongs to another master key` })
  }
  const termKey = keys.termKey({ create: false })
  if (termKey === undefined) problems.add({ part: 'log', message: 'the key of the search index is missing' })
  const pass = new ContentsPass(db, keys, new TermNumbers(termKey ?? new Uint8Array(32)), problems)
  const end = covered + uncovered
  for (let from = 0; from < end; from += SEGMENT_SIZE) {
    pass.segment(from / SEGMENT_SIZE, Math.min(from + SEGMENT_SIZE, end))
    onProgress(Math.min(from + SEGMENT_SIZE, end))
    await new Promise((resolve) => setImmediate(resolve))
  }
  pass.end(Math.floor(end / SEGMENT_SIZE))
  return { problems: problems.list(), uncovered, bodies: { readable: pass.readable, erased: pass.erased } }
}

// Records after the newest checkpoint are in order where they follow it without a gap.
function countFollowing(rows: ReadonlyArray<Record<string, SQLOutputValue>>, covered: number, problems: Problems) {
  let next = covered
  for (const row of rows) {
    const index = Number(row.idx)
    if (index === next) next++
    else problems.add({ part: 'record', index, message: `record ${index} does not follow the one before it` })
  }
  return next - covered
}

function checkEdge(db: DatabaseSync, problems: Problems): void {
  const row = db.prepare('SELECT (SELECT max(size) FROM checkpoints) AS newest, (SELECT size FROM edge) AS size').get()
  if (row?.newest === row?.size) return
  problems.add({ part: 'log', message: 'the leaf hashes kept with the newest checkpoint are not those of its size' })
}

class ContentsPass {
  readable = 0
  erased = 0
  #postings = 0
  readonly #keys: BodyKeys
  readonly #problems: Problems
  readonly #growing: GrowingSegment
  readonly #records
  readonly #rows
  readonly #times
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync, keys: BodyKeys, numbers: TermNumbers, problems: Problems) {
    this.#db = db
    this.#keys = keys
    this.#problems = problems
    this.#growing = new GrowingSegment(numbers)
    this.#records = db.prepare('SELECT idx, leaf, txn, seal, body FROM records WHERE idx BETWEEN ? AND ?')
    this.#rows = db.prepare('SELECT offsets FROM postings WHERE term = ? AND segment = ?')
    this.#times = db.prepare('SELECT first_at, last_at FROM segments WHERE segment = ?')
  }

  segment(segment: number, end: number): void {
    this.#growing.clear()
    const first = segment * SEGMENT_SIZE
    const unreadable = new Set<number>()
    for (const row of this.#records.iterate(first, end - 1)) {
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
    if (end === first + SEGMENT_SIZE) this.#compare(segment, unreadable)
  }

  /** The index must not hold more than what was compared. */
  end(segments: number): void {
    const postings = Number(this.#db.prepare('SELECT count(*) AS n FROM postings').get()?.n)
    const times = Number(this.#db.prepare('SELECT count(*) AS n FROM segments').get()?.n)
    if (times !== segments || (postings !== this.#postings && this.erased === 0)) {
      this.#problems.add({ part: 'log', message: 'the search index holds entries that no record accounts for' })
    }
  }

  #body(row: Record<string, SQLOutputValue>, index: number, commitment: Uint8Array): string | undefined {
    const root = this.#keys.rootOf(Number(row.seal))
    if (root === 'destroyed') {
      this.erased++
      return undefined
    }
    const opened = root !== 'broken' && row.body instanceof Uint8Array ? openBody(root, row.body) : undefined
    if (opened?.commitment.equals(commitment) === true) {
      this.readable++
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
      if (!same && !this.#agreesBesides(stored, offsets, unreadable)) this.#wrong(segment, 'entries')
    }
    this.#postings += postings.length
  }

  // Erased records may still stand in the index, or be gone from it; all others must be as their bodies say.
  #agreesBesides(stored: unknown, expected: Buffer, unreadable: ReadonlySet<number>): boolean {
    if (unreadable.size === 0) return false
    const readable = parseOffsets(stored).filter((offset) => !unreadable.has(offset))
    return JSON.stringify(readable) === JSON.stringify(parseOffsets(expected))
  }

  #wrong(segment: number, what: string): void {
    const first = segment * SEGMENT_SIZE
    const message = `${what} of the search index for records ${first} to ${first + SEGMENT_SIZE - 1} were altered`
    this.#problems.add({ part: 'search', segment, message })
  }
}
