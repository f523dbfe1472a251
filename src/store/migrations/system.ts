import type { Migration } from '../migrate.ts'

export const systemMigrations: readonly Migration[] = [
  'CREATE TABLE tenants (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT',
  'ALTER TABLE tenants ADD COLUMN log_origin TEXT',
]
