import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

/** Which keys must never come back: kept apart from the log, so that a restored backup of it forgets them again. */
export interface Tombstones {
  all(): ReadonlySet<string>
  /** Durable when it returns. */
  add(fingerprints: readonly string[]): void
}

/** Tombstones in a file of their own, one a line. Leave it out of the backups that the log's file is restored from. */
export function fileTombstones(path: string): Tombstones {
  return {
    all: () => new Set(readLines(path)),
    add(fingerprints) {
      const fd = openSync(path, 'a', 0o600)
      try {
        writeSync(fd, fingerprints.map((fingerprint) => `${fingerprint}\n`).join(''))
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
    },
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
