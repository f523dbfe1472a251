// A thread that checks segments of a log for verify-contents.ts: it is told where they begin and end, and reports what
// it has found in all of them once it is told that there are no more.
import type { KeyObject } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { ContentsPass } from './contents-pass.ts'
import { openForReading } from './open-for-reading.ts'

/** What the thread is started with; made by verify-contents.ts only. */
export interface VerifyWork {
  readonly path: string
  readonly sealing: KeyObject
  /** Records of the log as they were when its verification began. */
  readonly end: number
}

const { path, sealing, end } = workerData as VerifyWork // set by verify-contents.ts
const db = openForReading(path)
const pass = new ContentsPass(db, sealing)
parentPort?.on('message', (range: { readonly from: number; readonly to: number } | 'end') => {
  if (range !== 'end') {
    for (let segment = range.from; segment < range.to; segment++) pass.segment(segment, end)
    parentPort?.postMessage('done')
    return
  }
  db.close()
  parentPort?.postMessage(pass.report())
  parentPort?.close()
})
