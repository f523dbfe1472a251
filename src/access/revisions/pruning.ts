import type { Queries, TenantTables } from '../../store/index.ts'

/** Of one layer, so that nobody pushes the drafts of another away. */
const MOST_DRAFTS = 50
const MOST_BYTES = 67_108_864

/**
 * Makes room for one more draft of `bytes`: the oldest of its layer go. What was ever in force stays for good, because
 * there are decisions that were made by it.
 */
export async function dropFirst(q: Queries<TenantTables>, layer: string, bytes: number): Promise<void> {
  const drafts = await q
    .selectFrom('policy_revisions')
    .select(['address', 'bytes'])
    .where('layer', '=', layer)
    .where('activated_at', 'is', null)
    .orderBy('pushed_at', 'desc')
    .orderBy('address')
    .execute()
  let room = MOST_BYTES - bytes
  const dropped = drafts
    .filter((draft, index) => {
      room -= draft.bytes
      return index >= MOST_DRAFTS - 1 || room < 0
    })
    .map(({ address }) => address)
  if (dropped.length === 0) return
  await q.deleteFrom('policy_revisions').where('address', 'in', dropped).execute()
  await q
    .deleteFrom('policy_texts')
    .where('digest', 'not in', (inner) => inner.selectFrom('policy_files').select('text'))
    .execute()
}
