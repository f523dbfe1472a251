import { z } from 'zod'
import type { Queries, TenantTables } from '../../store/index.ts'
import { RECORD_KINDS } from '../record.ts'

const filter = z.object({
  kinds: z.array(z.enum(RECORD_KINDS)).optional(),
  decision: z.enum(['allow', 'deny', 'observed-deny']).optional(),
  actions: z.array(z.string()).optional(),
  principals: z.array(z.string()).optional(),
})

const common = { filter: filter.default({}), enabled: z.boolean() }

/** What the columns `kind` and `settings` hold. `timeout` in milliseconds. */
const targetSettings = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ocsf-file'), path: z.string(), ...common }),
  z.object({ kind: z.literal('otlp'), url: z.string(), header: z.string().optional(), timeout: z.number(), ...common }),
  z.object({ kind: z.literal('webhook'), url: z.string(), timeout: z.number(), ...common }),
])

/** Where records go, and which. */
export type TargetSettings = Readonly<z.output<typeof targetSettings>>
export type ExportFilter = Readonly<z.output<typeof filter>>

/** A target as it was stored. `next` is the index of the first record that was not delivered yet. */
export interface ExportTarget {
  readonly id: string
  readonly settings: TargetSettings
  readonly sealed: Uint8Array | undefined
  readonly next: number
  /** Milliseconds since the epoch. */
  readonly deliveredAt: number | undefined
}

/** Every target of the tenant, in the order of their ids. */
export async function loadTargets(q: Queries<TenantTables>): Promise<readonly ExportTarget[]> {
  const rows = await q.selectFrom('exports').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    settings: targetSettings.parse({ ...JSON.parse(row.settings), kind: row.kind }),
    sealed: row.sealed_credential ?? undefined,
    next: row.next,
    deliveredAt: row.delivered_at ?? undefined,
  }))
}
