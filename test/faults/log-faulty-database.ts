// A database that fails on demand at one step of the log's writing.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { openWriteAheadLog, type WriteAheadLog } from '../../src/audit/write-ahead-log.ts'

/** Every write of the log, by how its statement begins; what brings it to the disk is no statement. */
export const WRITES = {
  'the beginning of the transaction': 'BEGIN IMMEDIATE',
  'the record': 'INSERT INTO records',
  'the tile': 'INSERT INTO tiles',
  'the search entries': 'INSERT INTO postings',
  'the search words': 'INSERT OR REPLACE INTO words',
  'the search times': 'INSERT INTO segments',
  'the thinning of checkpoints': 'DELETE FROM checkpoints',
  'the key': 'INSERT INTO body_keys',
  'the seal': 'INSERT INTO seals',
  'the checkpoint': 'INSERT INTO checkpoints',
  'the edge': 'INSERT OR REPLACE INTO edge',
  'the origin': 'INSERT INTO origins',
  'the commit': 'COMMIT',
  'the sync': 'fdatasync',
} as const
export type Write = keyof typeof WRITES

export const FAULTS = {
  fails: { before: () => fail('disk I/O error', 10) },
  'fails after it took effect': { after: () => fail('disk I/O error', 10) },
  'finds the disk full': { before: () => fail('database or disk is full', 13) },
  'finds the database locked': { before: () => fail('database is locked', 5) },
  'is killed before it': { before: () => process.kill(process.pid, 'SIGKILL') },
  'is killed after it': { after: () => process.kill(process.pid, 'SIGKILL') },
} as const
export type FaultName = keyof typeof FAULTS

export interface Fault {
  readonly before?: () => void
  readonly after?: () => void
}

/** Opens databases in which the `occurrence`-th run of `write`, counted over all of them, meets the fault. */
export function faultyDatabases(
  write: Write,
  occurrence: number,
  fault: Fault,
  open: (path: string) => DatabaseSync,
): {
  readonly openDatabase: (path: string) => DatabaseSync
  readonly openWriteAheadLog: (path: string) => WriteAheadLog
  readonly happened: () => boolean
} {
  let runs = 0
  const openFaulty = (path: string): WriteAheadLog => {
    const wal = openWriteAheadLog(path)
    if (write !== 'the sync') return wal
    const begin = (): boolean => {
      const isDue = ++runs === occurrence
      if (isDue) fault.before?.()
      return isDue
    }
    return {
      ...wal,
      async sync() {
        const isDue = begin()
        await wal.sync()
        if (isDue) fault.after?.()
      },
      syncNow() {
        const isDue = begin()
        wal.syncNow()
        if (isDue) fault.after?.()
      },
    }
  }
  const openDatabase = (path: string): DatabaseSync => {
    const db = open(path)
    const prepare = db.prepare.bind(db)
    db.prepare = (sql: string) => {
      const statement = prepare(sql)
      return sql.startsWith(WRITES[write]) ? faultyStatement(statement) : statement
    }
    return db
  }
  const faultyStatement = (statement: StatementSync): StatementSync => {
    const run = statement.run.bind(statement)
    // The log binds by position only.
    statement.run = (...values: unknown[]) => {
      runs++
      if (runs === occurrence) fault.before?.()
      const result = run(...(values as SQLInputValue[]))
      if (runs === occurrence) fault.after?.()
      return result
    }
    return statement
  }
  return { openDatabase, openWriteAheadLog: openFaulty, happened: () => runs >= occurrence }
}

function fail(message: string, errcode: number): never {
  throw Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
}
