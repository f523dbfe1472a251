import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { errorText } from '../kernel/index.ts'
import { openSqlite } from '../store/index.ts'
import { AuditError } from './errors.ts'

/** Opens a log for reading one moment of it, however long it takes. Throws `log_unavailable`, `log_corrupt`. */
export function openForReading(path: string): DatabaseSync {
  if (!existsSync(path)) throw new AuditError('log_unavailable', `there is no log \`${path}\``)
  let db: DatabaseSync | undefined
  try {
    db = tryOpen(() => openSqlite(path, { readOnly: true })) ?? openImmutable(path)
    db.exec('BEGIN')
    db.prepare('SELECT 1 FROM records LIMIT 1').get()
    return db
  } catch (error) {
    db?.close()
    throw new AuditError('log_corrupt', `\`${path}\` is not a log that can be read`, {
      detail: errorText(error),
      cause: error,
    })
  }
}

function tryOpen(open: () => DatabaseSync): DatabaseSync | undefined {
  let db: DatabaseSync | undefined
  try {
    db = open()
    db.prepare('SELECT 1 FROM sqlite_schema').get()
    return db
  } catch {
    db?.close()
    return undefined
  }
}

// A copy on a medium that can't be written: SQLite wants to make files beside it unless told that nothing changes.
function openImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true })
}
