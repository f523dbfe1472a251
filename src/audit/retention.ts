import { z } from 'zod'
import type { TenantStore } from '../store/index.ts'
import type { RetentionRules } from './forget.ts'
import { RECORD_KINDS, type RecordKind } from './record.ts'

const rule = z.strictObject({
  /** whole days in UTC, after which bodies are destroyed; without it they are kept */
  days: z.number().int().min(1).max(36_500).optional(),
  /** legal hold: nothing of this kind is destroyed by a rule while it is on */
  hold: z.boolean().default(false),
})

/** The section of a manifest that says how long bodies of records are kept. */
export const retentionSections = { retention: z.partialRecord(z.enum(RECORD_KINDS), rule) }

export type DeclaredRetention = z.output<typeof retentionSections.retention>

export interface RetentionChange {
  readonly kind: 'Retention'
  readonly id: RecordKind
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}

/**
 * Takes over the rules that a manifest declares. A kind that it does not name keeps its rule: no legal hold ends by
 * being left out.
 */
export async function declareRetention(store: TenantStore, declared: DeclaredRetention): Promise<RetentionChange[]> {
  const before = await declaredRetention(store)
  const changes = RECORD_KINDS.flatMap((kind): RetentionChange[] => {
    const after = declared[kind]
    if (after === undefined) return []
    const known = before[kind]
    const fields = (['days', 'hold'] as const).filter((field) => known?.[field] !== after[field])
    const effect = known === undefined ? 'created' : fields.length === 0 ? 'unchanged' : 'updated'
    return [{ kind: 'Retention', id: kind, effect, fields }]
  })
  await store.write(async (q) => {
    for (const { id, effect } of changes) {
      const after = declared[id]
      if (effect === 'unchanged' || after === undefined) continue
      const row = { days: after.days ?? null, hold: after.hold ? (1 as const) : (0 as const) }
      await q
        .insertInto('retention')
        .values({ kind: id, ...row })
        .onConflict((conflict) => conflict.column('kind').doUpdateSet(row))
        .execute()
    }
  })
  return changes
}

/** The rules in force. */
export async function storedRetention(store: TenantStore): Promise<RetentionRules> {
  const rules: Record<string, { days: number; hold: boolean }> = {}
  for (const [kind, { days, hold }] of Object.entries(await declaredRetention(store))) {
    if (days !== undefined) rules[kind] = { days, hold }
  }
  return rules
}

async function declaredRetention(store: TenantStore): Promise<DeclaredRetention> {
  const rows = await store.read((q) => q.selectFrom('retention').selectAll().execute())
  return Object.fromEntries(
    rows.map(({ kind, days, hold }) => [kind, { ...(days === null ? {} : { days }), hold: hold === 1 }]),
  )
}
