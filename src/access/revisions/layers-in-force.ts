import type { Queries, TenantTables } from '../../store/index.ts'
import type { Layer, PolicyFile } from '../layers.ts'
import { fileAddress } from './address.ts'
import { layerKey } from './layer-key.ts'
import type { Active } from './revision.ts'
import { filesOf } from './revision-rows.ts'

/** What was brought in force last in each layer. */
export async function loadActive(q: Queries<TenantTables>): Promise<Pick<Active, 'files' | 'revisions'>> {
  const rows = await q
    .selectFrom('policy_activations')
    .select(['layer', 'revision'])
    .where('id', 'in', (inner) =>
      inner
        .selectFrom('policy_activations')
        .select((row) => row.fn.max('id').as('id'))
        .groupBy('layer'),
    )
    .execute()
  const revisions = new Map(rows.map(({ layer, revision }) => [layer, revision]))
  return { revisions, files: await filesUnder(q, revisions) }
}

/** The policies of these revisions, by layer and name: the same whoever asks, and in whatever order they came about. */
export async function filesUnder(
  q: Queries<TenantTables>,
  revisions: ReadonlyMap<string, string>,
): Promise<readonly PolicyFile[]> {
  const files: PolicyFile[] = []
  for (const [, address] of [...revisions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    files.push(...(await filesOf(q, address)).policies)
  }
  return files
}

/** What was active before the revision that is active now last came in force otherwise than by going back. */
export async function previous(
  q: Queries<TenantTables>,
  layer: Layer,
  active: string | undefined,
): Promise<string | undefined> {
  if (active === undefined) return undefined
  const row = await q
    .selectFrom('policy_activations')
    .select('before')
    .where('layer', '=', layerKey(layer))
    .where('revision', '=', active)
    .where('kind', '!=', 'rollback')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row?.before ?? undefined
}

export function sameFiles(a: readonly PolicyFile[], b: readonly PolicyFile[]): boolean {
  const addresses = (files: readonly PolicyFile[]): string => files.map(fileAddress).sort().join()
  return addresses(a) === addresses(b)
}
