import { close, closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'

/** The write-ahead log of a SQLite file that is open, as far as it has to reach the disk. */
export interface WriteAheadLog {
  /** Resolves once everything is on disk that was committed before the call. Holds up nobody else meanwhile. */
  sync(): Promise<void>
  /** The same, at once. */
  syncNow(): void
  close(): void
}

/** `path` is the SQLite file's. It must have been read or written: SQLite makes the log with the first use. */
export function openWriteAheadLog(path: string): WriteAheadLog {
  const fd = openSync(`${path}-wal`, 'r+')
  let underWay = 0
  let isClosed = false
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        // Its number may be another file's by now.
        if (isClosed) throw new TypeError('the write-ahead log is closed')
        underWay++
        fdatasync(fd, (error) => {
          underWay--
          // Closed earlier, its number could have become another file's under this very call.
          if (isClosed && underWay === 0) close(fd)
          if (error === null) resolve()
          else reject(error)
        })
      }),
    syncNow: () => fdatasyncSync(fd),
    close() {
      if (isClosed) return
      isClosed = true
      if (underWay === 0) closeSync(fd)
    },
  }
}
