import { z } from 'zod'
import {
  type Access,
  type DeclaredResources,
  type Hours,
  type PolicyFile,
  resourceEntities,
  resourceSections,
} from '../access/index.ts'
import type { Applied } from '../http/index.ts'
import type { TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'

export interface DeclaredTenant extends DeclaredResources {
  readonly hours?: Hours | undefined
}

/** Tells the decision point what resources there are, and how the tenant tells time. */
export async function loadResources(store: TenantStore, access: Access): Promise<void> {
  const { resources, hours } = await store.read(async (q) => ({
    resources: await q.selectFrom('resources').selectAll().execute(),
    hours: await q.selectFrom('settings').select('value').where('name', '=', 'hours').executeTakeFirst(),
  }))
  access.putEntities(
    'resources',
    resources.map(({ type, id, parents, attributes }) => ({
      uid: { type, id },
      attrs: z.record(z.string(), z.json()).parse(JSON.parse(attributes)),
      parents: z.array(z.object({ type: z.string(), id: z.string() })).parse(JSON.parse(parents)),
    })),
  )
  access.setHours(hours === undefined ? undefined : resourceSections.hours.parse(JSON.parse(hours.value)))
}

/** The same, checked and not yet kept. Throws `resources_invalid` or `settings_invalid`. */
export function checkResources(
  declared: readonly DeclaredTenant[],
  tenant: TenantId,
  access: Access,
  policies?: readonly PolicyFile[],
): void {
  for (const one of declared) {
    access.checkEntities(resourceEntities(one, tenant), policies)
    if (one.hours !== undefined) access.checkHours(one.hours)
  }
}

/** Keeps what manifests declare; what they do not mention stays as it is. */
export async function applyResources(
  declared: readonly DeclaredTenant[],
  tenant: TenantId,
  { store, access }: { readonly store: TenantStore; readonly access: Access },
): Promise<Applied> {
  const rows = declared
    .flatMap((one) => resourceEntities(one, tenant))
    .map(({ uid, attrs, parents }) => {
      const { type, id } = '__entity' in uid ? uid.__entity : uid
      return { type, id, parents: JSON.stringify(parents), attributes: JSON.stringify(attrs) }
    })
  const hours = declared.map((one) => one.hours).findLast((one) => one !== undefined)
  const changes = await store.write(async (q) => {
    const before = new Map((await q.selectFrom('resources').selectAll().execute()).map((row) => [keyOf(row), row]))
    const done: Applied[number][] = []
    for (const row of rows) {
      const known = before.get(keyOf(row))
      const fields = (['parents', 'attributes'] as const).filter((field) => known?.[field] !== row[field])
      const effect = known === undefined ? 'created' : fields.length === 0 ? 'unchanged' : 'updated'
      done.push({ kind: row.type, id: row.id, effect, fields })
      if (effect === 'unchanged') continue
      await q
        .insertInto('resources')
        .values(row)
        .onConflict((conflict) => conflict.columns(['type', 'id']).doUpdateSet(row))
        .execute()
    }
    if (hours !== undefined) {
      const row = { name: 'hours', value: JSON.stringify(hours) }
      const known = await q.selectFrom('settings').select('value').where('name', '=', 'hours').executeTakeFirst()
      const effect = known === undefined ? 'created' : known.value === row.value ? 'unchanged' : 'updated'
      done.push({ kind: 'Settings', id: 'hours', effect, fields: effect === 'unchanged' ? [] : ['hours'] })
      await q
        .insertInto('settings')
        .values(row)
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    }
    return done
  })
  if (changes.some(({ effect }) => effect !== 'unchanged')) await loadResources(store, access)
  return changes
}

function keyOf({ type, id }: { readonly type: string; readonly id: string }): string {
  return `${type}::${id}`
}
