import { z } from 'zod'
import type { TenantStore } from '../../store/index.ts'

const kind = z.string().regex(/^[a-z][a-z-]{0,31}$/, 'must be a kind of evidence, as in `test`')

/** What a manifest says of how policies come in force. */
export const activationSections = {
  activation: z.strictObject({
    /** Evidence that a revision must have before it comes in force; an empty list demands none. */
    require: z.array(kind).max(10),
  }),
}

export type DeclaredActivation = z.output<typeof activationSections.activation>

/** What the tenant demands of a revision before it comes in force. */
export async function requiredEvidence(store: TenantStore): Promise<readonly string[]> {
  const row = await store.read((q) =>
    q.selectFrom('settings').select('value').where('name', '=', 'activation').executeTakeFirst(),
  )
  return row === undefined ? [] : activationSections.activation.parse(JSON.parse(row.value)).require
}

export async function requireEvidence(store: TenantStore, require: readonly string[]): Promise<void> {
  const row = { name: 'activation', value: JSON.stringify({ require } satisfies { require: readonly string[] }) }
  await store.write((q) =>
    q
      .insertInto('settings')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute(),
  )
}
