import { z } from 'zod'
import type { TenantStore } from '../store/index.ts'

/** The section of a manifest that says who may see the log as a verifier reads it. */
export const logSections = {
  log: z.strictObject({
    /** tiles, checkpoints and keys are served to everyone; never what stands in records */
    public: z.boolean(),
  }),
}

export interface PublicationChange {
  readonly kind: 'Settings'
  readonly id: 'log'
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}

/** Whether everybody may verify the log: its tiles, checkpoints and keys. Nobody is asked who they are then. */
export interface Publication {
  /** False until the tenant chooses otherwise. */
  readonly isPublic: boolean
  /** In force with the next request. */
  choose(isPublic: boolean): Promise<PublicationChange>
}

export async function openPublication(store: TenantStore): Promise<Publication> {
  let chosen = await storedChoice(store)
  return {
    get isPublic() {
      return chosen === true
    },
    async choose(isPublic) {
      const before = chosen
      const row = { name: 'log.public', value: JSON.stringify(isPublic) }
      await store.write((q) =>
        q
          .insertInto('settings')
          .values(row)
          .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
          .execute(),
      )
      chosen = isPublic
      const effect = before === undefined ? 'created' : before === isPublic ? 'unchanged' : 'updated'
      return { kind: 'Settings', id: 'log', effect, fields: effect === 'unchanged' ? [] : ['public'] }
    },
  }
}

async function storedChoice(store: TenantStore): Promise<boolean | undefined> {
  const row = await store.read((q) =>
    q.selectFrom('settings').select('value').where('name', '=', 'log.public').executeTakeFirst(),
  )
  return row === undefined ? undefined : row.value === 'true'
}
