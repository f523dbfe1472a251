import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Moves what stands in the write-ahead log of a SQLite file into the file (a checkpoint of SQLite's), in a thread of its
 * own: it takes many writes and two syncs, for which nobody else is to wait.
 */
export interface WalMover {
  /** Resolves when it is over. Never rejects: what could not be moved stays where it is, and nothing is lost. */
  move(): Promise<void>
  /** Ends the thread, after what is under way. */
  close(): Promise<void>
}

/** `path` is the SQLite file's, which stays open elsewhere meanwhile. */
export function createWalMover(path: string): WalMover {
  let thread: Worker | undefined
  let underWay: Promise<void> = Promise.resolve()
  let idle: NodeJS.Timeout | undefined

  const end = async (): Promise<void> => {
    const ending = thread
    thread = undefined
    await ending?.terminate()
  }
  const run = async (): Promise<void> => {
    clearTimeout(idle)
    thread ??= new Worker(new URL('./wal-mover-worker.ts', import.meta.url), { workerData: path })
    // Somebody waits for it: the process must not end before.
    thread.ref()
    thread.postMessage('move')
    try {
      await once(thread, 'message')
      thread.unref()
    } catch {
      await end()
    }
    idle = setTimeout(end, IDLE).unref()
  }
  return {
    move() {
      underWay = underWay.then(run)
      return underWay
    },
    async close() {
      await underWay
      clearTimeout(idle)
      await end()
    },
  }
}

// A log that is seldom written needs no thread.
const IDLE = 10_000
