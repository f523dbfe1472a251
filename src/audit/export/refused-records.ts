import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import type { Refused } from './export-runner.ts'

/** Records that were set aside, and when; milliseconds since the epoch. */
export interface SetAside extends Refused {
  readonly at: number
}

/** What was set aside for one target, the oldest first. */
export async function loadRefused(store: TenantStore, target: string): Promise<readonly SetAside[]> {
  const rows = await store.read((q) =>
    q.selectFrom('export_refused').selectAll().where('target', '=', target).orderBy('first').limit(10_000).execute(),
  )
  return rows.map(({ first, last, count, reason, at }) => ({ first, last, count, reason, at }))
}

/** How many records are set aside, by target. */
export async function countRefused(store: TenantStore): Promise<ReadonlyMap<string, number>> {
  const rows = await store.read((q) =>
    q
      .selectFrom('export_refused')
      .select(['target', (e) => e.fn.sum<number>('count').as('count')])
      .groupBy('target')
      .execute(),
  )
  return new Map(rows.map(({ target, count }) => [target, Number(count)]))
}

export async function keepRefused(
  q: Queries<TenantTables>,
  target: string,
  { first, last, count, reason, at }: SetAside,
): Promise<void> {
  const row = { last, count, reason, at }
  await q
    .insertInto('export_refused')
    .values({ target, first, ...row })
    .onConflict((c) => c.columns(['target', 'first']).doUpdateSet(row))
    .execute()
}

/** Forgets what was set aside: all of it, or from one record. */
export async function dropRefused(q: Queries<TenantTables>, target: string, first?: number): Promise<void> {
  const rows = q.deleteFrom('export_refused').where('target', '=', target)
  await (first === undefined ? rows : rows.where('first', '=', first)).execute()
}
