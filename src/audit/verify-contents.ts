import type { KeyObject } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { BodyKeys } from './body-keys.ts'
import { ContentsPass, type PassReport } from './contents-pass.ts'
import type { ContentsReport } from './log-source.ts'
import { Problems } from './problems.ts'
import { SEGMENT_SIZE } from './segment.ts'
import type { VerifyWork } from './verify-worker.ts'

/**
 * Checks what stands beside the tree: every body against the commitment in its leaf, the columns and the search index
 * against the body. `covered` is the size of the newest checkpoint. Without `sealing` it only counts.
 */
export async function verifyContents(
  path: string,
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
  if (keys.termKey({ create: false }) === undefined) {
    problems.add({ part: 'log', message: 'the key of the search index is missing' })
  }
  const end = covered + uncovered
  const work = { path, sealing, end }
  const reports = end < WORTH_THREADS ? [await passHere(db, work, onProgress)] : await passInThreads(work, onProgress)
  for (const report of reports) for (const problem of report.problems) problems.add(problem)
  const sum = (of: (report: PassReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const bodies = { readable: sum((one) => one.readable), erased: sum((one) => one.erased) }
  checkCounts(db, { segments: Math.floor(end / SEGMENT_SIZE), bodies, postings: sum((one) => one.postings) }, problems)
  if (countOf(db, 'words') !== sum((one) => one.words)) problems.add(UNACCOUNTED)
  return { problems: problems.list(), uncovered, bodies }
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

/** The index must not hold more than what was compared. */
function checkCounts(
  db: DatabaseSync,
  expected: { readonly segments: number; readonly postings: number; readonly bodies: { readonly erased: number } },
  problems: Problems,
): void {
  const isWrong =
    countOf(db, 'segments') !== expected.segments ||
    (countOf(db, 'postings') !== expected.postings && expected.bodies.erased === 0)
  if (isWrong) problems.add(UNACCOUNTED)
}

const UNACCOUNTED = { part: 'log', message: 'the search index holds entries that no record accounts for' } as const

function countOf(db: DatabaseSync, table: 'postings' | 'segments' | 'words'): number {
  return Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
}

async function passHere(db: DatabaseSync, { sealing, end }: VerifyWork, onProgress: (records: number) => void) {
  const pass = new ContentsPass(db, sealing)
  for (let segment = 0; segment * SEGMENT_SIZE < end; segment++) {
    pass.segment(segment, end)
    onProgress(Math.min((segment + 1) * SEGMENT_SIZE, end))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return pass.report()
}

// Below this, starting threads takes longer than the work.
const WORTH_THREADS = 30_000
// Segments that a thread is handed at a time.
const PIECE = 4

async function passInThreads(work: VerifyWork, onProgress: (records: number) => void): Promise<PassReport[]> {
  const segments = Math.ceil(work.end / SEGMENT_SIZE)
  let next = 0
  let done = 0
  const take = (): { from: number; to: number } | 'end' => {
    if (next >= segments) return 'end'
    const from = next
    next = Math.min(next + PIECE, segments)
    return { from, to: next }
  }
  const threads = Math.min(availableParallelism(), MAX_THREADS)
  return Promise.all(
    Array.from({ length: threads }, () => {
      const worker = new Worker(new URL('./verify-worker.ts', import.meta.url), { workerData: work })
      let piece = take()
      worker.postMessage(piece)
      return new Promise<PassReport>((resolve, reject) => {
        worker.once('error', reject)
        worker.on('message', (message: 'done' | PassReport) => {
          if (message !== 'done') return resolve(message)
          if (piece !== 'end') done += piece.to - piece.from
          onProgress(Math.min(done * SEGMENT_SIZE, work.end))
          piece = take()
          worker.postMessage(piece)
        })
      })
    }),
  )
}

const MAX_THREADS = 8
