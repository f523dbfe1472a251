import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { errorText, parseTenantId, type TenantId } from '../kernel/index.ts'
import { StoreError } from './errors.ts'
import { type Migration, migrate } from './migrate.ts'
import { systemMigrations } from './migrations/system.ts'
import { tenantMigrations } from './migrations/tenant.ts'
import { openSqlite } from './sqlite.ts'
import type { SystemTables, TenantTables } from './tables.ts'
import { type ClosableStore, type Store, storeOver } from './tenant-store.ts'

export type SystemStore = Store<SystemTables>
export type TenantStore = Store<TenantTables>

/** Everything below one data directory. While it is open, no other process can open it. */
export interface Stores {
  readonly system: SystemStore
  /** Tenants in the order of their names. */
  tenants(): Promise<readonly TenantId[]>
  createTenant(tenant: TenantId, now: number): Promise<void>
  /** Throws `tenant_unknown`. */
  tenant(tenant: TenantId): Promise<TenantStore>
  /** Where a room may keep a file of its own for this tenant, beside the tenant's database. */
  tenantFile(tenant: TenantId, suffix: string): string
  close(): Promise<void>
}

/** Opens, and where it is empty creates, a data directory (mode 0700). Throws `StoreError`. */
export function openStores(directory: string): Stores {
  const lock = lockDirectory(directory)
  const open = new Map<TenantId, ClosableStore<TenantTables>>()
  let system: ClosableStore<SystemTables>
  try {
    mkdirSync(join(directory, 'tenants'), { recursive: true, mode: 0o700 })
    system = openFile<SystemTables>(join(directory, 'system.db'), systemMigrations)
  } catch (error) {
    lock.release()
    throw error
  }
  const tenantFile = (tenant: TenantId, suffix: string) => join(directory, 'tenants', `${tenant}${suffix}`)
  const exists = (tenant: TenantId) =>
    system.read((q) => q.selectFrom('tenants').select('id').where('id', '=', tenant).executeTakeFirst())

  return {
    system,
    tenantFile,
    async tenants() {
      const rows = await system.read((q) => q.selectFrom('tenants').select('id').orderBy('id').execute())
      return rows.map((row) => parseTenantId(row.id)).filter((id) => id !== undefined)
    },
    async createTenant(tenant, now) {
      open.set(tenant, openFile<TenantTables>(tenantFile(tenant, '.db'), tenantMigrations))
      await system.write((q) =>
        q
          .insertInto('tenants')
          .values({ id: tenant, created_at: now })
          .onConflict((c) => c.doNothing())
          .execute(),
      )
    },
    async tenant(tenant) {
      const known = open.get(tenant)
      if (known !== undefined) return known
      const file = tenantFile(tenant, '.db')
      if ((await exists(tenant)) === undefined) throw new StoreError('tenant_unknown', `no tenant \`${tenant}\``)
      if (!existsSync(file)) throw new StoreError('data_corrupt', `the database of tenant \`${tenant}\` is missing`)
      const store = openFile<TenantTables>(file, tenantMigrations)
      open.set(tenant, store)
      return store
    },
    async close() {
      for (const store of open.values()) await store.close()
      open.clear()
      await system.close()
      lock.release()
    },
  }
}

/** The tables of a tenant in a file that another process may have open, or in a copy; nothing is written to it. */
export function readTenantFile(file: string): ClosableStore<TenantTables> {
  try {
    return storeOver<TenantTables>(openSqlite(file, { readOnly: true }))
  } catch (error) {
    throw describeFailure(error, file)
  }
}

/** A store that lives in memory, with the tenant's tables; for tests. */
export function memoryTenantStore(): ClosableStore<TenantTables> {
  const db = openSqlite(':memory:')
  migrate(db, tenantMigrations, ':memory:')
  return storeOver<TenantTables>(db)
}

function openFile<Tables>(file: string, migrations: readonly Migration[]): ClosableStore<Tables> {
  let db: DatabaseSync | undefined
  try {
    db = openSqlite(file)
    migrate(db, migrations, file)
    return storeOver<Tables>(db)
  } catch (error) {
    db?.close()
    throw error instanceof StoreError ? error : describeFailure(error, file)
  }
}

function describeFailure(error: unknown, file: string): StoreError {
  const text = errorText(error)
  if (/not a database|malformed|corrupt/.test(text)) {
    return new StoreError('data_corrupt', `\`${file}\` is not a readable sallyport database`, { cause: error })
  }
  return new StoreError('data_unreadable', `\`${file}\` cannot be opened: ${text}`, { cause: error })
}

/**
 * Takes the directory for this process. The lock is an open exclusive transaction on a database file of its own: the
 * operating system ends it with the process, however that ends, so a crash leaves nothing to clean up.
 */
export function lockDirectory(directory: string): { release(): void } {
  const file = join(directory, 'lock.db')
  const holder = join(directory, 'lock.pid')
  let db: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    db = openSqlite(file, { busyTimeout: 0 })
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('BEGIN EXCLUSIVE')
    writeFileSync(holder, String(process.pid), { mode: 0o600 })
  } catch (error) {
    db?.close()
    if (/locked|busy/i.test(errorText(error))) {
      const pid = existsSync(holder) ? readFileSync(holder, 'utf8').trim() : 'unknown'
      throw new StoreError('data_in_use', `\`${directory}\` is in use by another sallyport (process ${pid})`)
    }
    throw describeFailure(error, directory)
  }
  const held = db
  return {
    release: () => {
      held.exec('ROLLBACK')
      held.close()
    },
  }
}
