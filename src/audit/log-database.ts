import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { openSqlite } from '../store/index.ts'

/**
 * Opens the file of a log: as every database of ours, but a lock that somebody else holds is an error at once, and
 * commits are not on disk when they return: the log syncs them itself (write-ahead-log.ts), without holding up others.
 */
export function openLogDatabase(path: string): DatabaseSync {
  if (!existsSync(path)) begin(path)
  const db = openSqlite(path, { busyTimeout: 0 })
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_BYTES / PAGE_SIZE}`)
  // SQLite still syncs what it moves from the write-ahead log into the file, before and after.
  db.exec('PRAGMA synchronous = NORMAL')
  // What is forgotten is overwritten, not only given free.
  db.exec('PRAGMA secure_delete = ON')
  return db
}

// A record takes most of a kilobyte: on pages of the usual 4 kB a fifth of the file would be unused ends of pages, and
// a group of records would be several times as many writes.
export const PAGE_SIZE = 16_384
// The write-ahead log is moved into the file by a thread (wal-mover.ts); where that does not get to it, SQLite does it
// within a commit when it has grown this large.
const CHECKPOINT_BYTES = 32 * 1024 * 1024

// The size of pages is fixed with the first write, before the file is in write-ahead mode.
function begin(path: string): void {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA page_size = ${PAGE_SIZE}; VACUUM`)
  db.close()
}
