import type { Clock } from '../../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import type { Access } from '../access.ts'
import { type Foundation, foundationFiles } from '../foundation.ts'
import type { PolicyFile } from '../layers.ts'
import { revisionAddress } from './address.ts'
import { checkEvidence } from './evidence.ts'
import { layerKey } from './layer-key.ts'
import type { Activating, Activation, Active, Layers } from './revision.ts'
import { activationOf, foundationAsKept, insertRevision } from './revision-rows.ts'

export interface ActivationDeps {
  readonly store: TenantStore
  readonly clock: Clock
  readonly foundation: Foundation
  readonly access: Pick<Access, 'prepare' | 'setPolicies'>
}

/**
 * Brings revisions in force, all or none. INVARIANT: the store says so in one transaction before the first decision is
 * made by them, so that a process that ends anywhere has decided by what the next one starts with, or by what was before.
 * Rejects with `policies_invalid`, `evidence_missing` and what `how.check` rejects with.
 */
export async function activate(
  layers: Layers,
  before: Pick<Active, 'revisions'>,
  how: Activating & { readonly required: readonly string[] },
  deps: ActivationDeps,
): Promise<readonly Activation[]> {
  const { store, access } = deps
  const candidate = await access.prepare(layers.files)
  checkEvidence(layers, candidate.revision, how.kind === 'rollback' ? [] : how.required)
  await how.check?.(candidate, layers.changed)
  const last = await store.read(lastActivation)
  const undo = () => store.write((q) => takeBack(q, layers, last))
  let done: readonly Activation[] = []
  await access.setPolicies(layers.files, async () => {
    try {
      done = await store.write(async (q) => {
        await recordWhole(q, deps, layers.revisions, candidate.revision)
        return insertActivations(q, layers, before, { ...how, at: deps.clock.now(), whole: candidate.revision })
      })
    } catch (error) {
      // A write that fails may have come into the store all the same: the next start must not find it there.
      await undo().catch(() => undefined)
      throw error
    }
    return undo
  })
  return done
}

/** Keeps what decides together, and what shipped with the product, for whoever wants to decide again. */
export async function recordWhole(
  q: Queries<TenantTables>,
  { foundation, clock }: Pick<ActivationDeps, 'foundation' | 'clock'>,
  revisions: ReadonlyMap<string, string>,
  whole: string,
): Promise<void> {
  const known = await q.selectFrom('policy_wholes').select('address').where('address', '=', whole).executeTakeFirst()
  if (known !== undefined) return
  const now = clock.now()
  const layers = JSON.stringify(Object.fromEntries(revisions))
  const base = await recordFoundation(q, foundation, now)
  await q.insertInto('policy_wholes').values({ address: whole, foundation: base, layers, first_at: now }).execute()
}

async function recordFoundation(q: Queries<TenantTables>, foundation: Foundation, now: number): Promise<string> {
  const layer = { kind: 'foundation' } as const
  const schema: PolicyFile = { name: 'foundation/schema.cedarschema', text: foundation.schema, layer, as: 'schema' }
  const address = revisionAddress(layer, [schema, ...foundationFiles(foundation)])
  const known = await q
    .selectFrom('policy_revisions')
    .select('address')
    .where('address', '=', address)
    .executeTakeFirst()
  if (known !== undefined) return address
  const common = {
    layer: layerKey(layer),
    message: 'ships with the product',
    author: '[]',
    authors: '[]',
    parent: null,
  }
  const row = { address, ...common, bytes: 0, pushed_at: now, activated_at: now }
  await insertRevision(q, row, foundationAsKept(foundation))
  return address
}

async function insertActivations(
  q: Queries<TenantTables>,
  { changed }: Layers,
  before: Pick<Active, 'revisions'>,
  { kind, by, message, at, whole }: Activating & { readonly at: number; readonly whole: string },
): Promise<readonly Activation[]> {
  let id = await lastActivation(q)
  const done: Activation[] = []
  for (const { layer, address } of changed) {
    id += 1
    const key = layerKey(layer)
    const was = before.revisions.get(key) ?? null
    const common = { kind, layer: key, revision: address, before: was, whole, by: JSON.stringify(by), message, at }
    await q
      .insertInto('policy_activations')
      .values({ id, ...common })
      .execute()
    await q.updateTable('policy_revisions').set({ activated_at: at }).where('address', '=', address).execute()
    done.push(activationOf({ id, ...common }))
  }
  return done
}

async function lastActivation(q: Queries<TenantTables>): Promise<number> {
  const last = await q
    .selectFrom('policy_activations')
    .select((row) => row.fn.max('id').as('id'))
    .executeTakeFirst()
  return last?.id ?? 0
}

/** As if what came after `last` had never been: nothing was decided by it. */
async function takeBack(q: Queries<TenantTables>, { changed }: Layers, last: number): Promise<void> {
  await q.deleteFrom('policy_activations').where('id', '>', last).execute()
  for (const { address, activatedAt = null } of changed) {
    await q.updateTable('policy_revisions').set({ activated_at: activatedAt }).where('address', '=', address).execute()
  }
}
