import { openBody } from './body-cipher.ts'
import type { BodyKey } from './body-keys.ts'
import { parseBodyText } from './body-text.ts'
import type { LogFile } from './log-file.ts'
import type { LogWriter } from './log-writer.ts'
import { encodeOffsets, parseOffsets } from './offset-lists.ts'
import { eachTerm, sealTerm } from './search-terms.ts'
import { SEGMENT_SIZE } from './segment.ts'
import type { Tombstones } from './tombstones.ts'

/** Days that the bodies of a retention class are kept; a class that is not named, or is held, is kept for ever. */
export type RetentionRules = Readonly<Record<string, { readonly days: number; readonly hold?: boolean }>>

export interface Forgotten {
  readonly keys: number
  /** Records whose bodies are gone. */
  readonly records: number
}

/** The keys whose time is over by these rules at `now`, in milliseconds since the epoch. */
export function expiredKeys(file: LogFile, rules: RetentionRules, now: number): BodyKey[] {
  return Object.entries(rules).flatMap(([retention, { days, hold }]) =>
    hold === true ? [] : file.keys.ofClassBefore(retention, Math.floor(now / DAY) - days),
  )
}

/**
 * Destroys keys and every body that needs them, and takes these records out of the search index. The tree and every
 * proof stay as they are. The tombstones come first: a crash in between is made good when the log is opened.
 */
export async function forgetKeys(
  writer: LogWriter,
  keys: readonly BodyKey[],
  tombstones: Tombstones | undefined,
): Promise<Forgotten> {
  if (keys.length === 0) return { keys: 0, records: 0 }
  const known = tombstones?.all()
  tombstones?.add(keys.map(({ fingerprint }) => fingerprint).filter((one) => known?.has(one) !== true))
  let records = 0
  // What is appended meanwhile may still use the keys, so the last look, at all that has grown since, is in the
  // transaction that destroys them.
  const growing = Math.floor(writer.file.size / SEGMENT_SIZE)
  const seals = () => [...new Set(keys.flatMap((key) => writer.file.keys.sealsWith(key.id)))]
  for (const seal of seals()) {
    for (const segment of segmentsOf(writer.file, seal)) {
      records += writer.change((file) => forgetInSegment(file, seal, segment))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  records += writer.change((file) => {
    let more = 0
    for (const seal of seals()) {
      for (const segment of segmentsOf(file, seal)) if (segment >= growing) more += forgetInSegment(file, seal, segment)
    }
    for (const key of keys) file.keys.destroy(key.id)
    return more
  })
  eraseFromDisk(writer.file)
  return { keys: keys.length, records }
}

const DAY = 86_400_000

function segmentsOf(file: LogFile, seal: number): number[] {
  const term = file.terms.of(sealTerm(seal))
  const rows = file.db.prepare('SELECT segment FROM postings WHERE term = ?').all(term)
  return [...rows.map((row) => Number(row.segment)), Math.floor(file.size / SEGMENT_SIZE)]
}

/** Forgets the bodies of one seal in one segment, and what the search index says of them. */
function forgetInSegment(file: LogFile, seal: number, segment: number): number {
  const first = segment * SEGMENT_SIZE
  const rows = file.db
    .prepare('SELECT idx, body FROM records WHERE idx BETWEEN ? AND ? AND seal = ? AND body IS NOT NULL')
    .all(first, first + SEGMENT_SIZE - 1, seal)
  const isGrowing = segment === Math.floor(file.size / SEGMENT_SIZE)
  const gone = new Map<number, number[]>()
  const bodies: [number, object][] = []
  const root = file.keys.rootOf(seal)
  for (const row of rows) {
    const index = Number(row.idx)
    const opened = typeof root !== 'string' && row.body instanceof Uint8Array ? openBody(root, row.body) : undefined
    const body = opened && parseBodyText(opened.text)?.body
    if (body === undefined) continue
    if (isGrowing) file.growingSegment.remove(index, body)
    bodies.push([index % SEGMENT_SIZE, body])
    eachTerm(body, (term) => {
      const number = file.terms.of(term)
      gone.set(number, [...(gone.get(number) ?? []), index % SEGMENT_SIZE])
    })
  }
  if (!isGrowing) {
    for (const [term, offsets] of gone) removePostings(file, term, segment, offsets)
    file.words.remove(segment, bodies)
  }
  file.db
    .prepare('UPDATE records SET body = NULL WHERE idx BETWEEN ? AND ? AND seal = ?')
    .run(first, first + SEGMENT_SIZE - 1, seal)
  return rows.length
}

function removePostings(file: LogFile, term: number, segment: number, offsets: readonly number[]): void {
  const row = file.db.prepare('SELECT offsets FROM postings WHERE term = ? AND segment = ?').get(term, segment)
  const left = parseOffsets(row?.offsets).filter((offset) => !offsets.includes(offset))
  if (left.length === 0) file.db.prepare('DELETE FROM postings WHERE term = ? AND segment = ?').run(term, segment)
  else {
    const update = file.db.prepare('UPDATE postings SET offsets = ? WHERE term = ? AND segment = ?')
    update.run(encodeOffsets(left), term, segment)
  }
}

// The write-ahead log still holds the pages as they were; `secure_delete` has cleared them in the file itself.
function eraseFromDisk(file: LogFile): void {
  file.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
}
