export { StoreError, type StoreErrorCode } from './errors.ts'
export { type Migration, migrate } from './migrate.ts'
export { openSqlite } from './sqlite.ts'
export {
  lockDirectory,
  memoryTenantStore,
  openStores,
  readTenantFile,
  type Stores,
  type SystemStore,
  type TenantStore,
} from './stores.ts'
export type { SystemTables, TenantTables } from './tables.ts'
export type { ClosableStore, Queries, Store } from './tenant-store.ts'
