// The thread of wal-mover.ts: whenever it is told to, it moves as much as it can without holding up who writes.
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const path = workerData as string // set by wal-mover.ts only
parentPort?.on('message', () => {
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
  } finally {
    db.close()
    parentPort?.postMessage('moved')
  }
})
