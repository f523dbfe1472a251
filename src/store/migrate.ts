import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from './errors.ts'

/** One step of a schema: plain SQL, run once, in order, in the transaction that also raises the version. */
export type Migration = string

/** Brings `db` to the newest version. Throws `data_too_new` where a newer Sallyport has written it. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[], file: string): void {
  const row = db.prepare('PRAGMA user_version').get()
  const version = Number(row?.user_version ?? 0)
  if (version > migrations.length) {
    throw new StoreError('data_too_new', `\`${file}\` was written by a newer version of sallyport`)
  }
  for (let next = version; next < migrations.length; next++) {
    db.exec('BEGIN IMMEDIATE')
    try {
      db.exec(migrations[next] ?? '')
      db.exec(`PRAGMA user_version = ${next + 1}`)
      db.exec('COMMIT')
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }
}
