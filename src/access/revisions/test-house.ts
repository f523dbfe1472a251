import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Context,
  fakeClock,
  newTxn,
  type PrincipalId,
  type PrincipalRef,
  type TenantId,
} from '../../kernel/index.ts'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import { openAccess } from '../access.ts'
import type { Foundation } from '../foundation.ts'
import type { Layer, PolicyFile } from '../layers.ts'
import type { TestFile } from './address.ts'
import type { Asked } from './revision.ts'
import { openRevisions } from './revisions.ts'

const read = (name: string) => ({
  name: `foundation/${name}`,
  text: readFileSync(join(import.meta.dirname, '../../../foundation', name), 'utf8'),
})
const uid = (type: string, id: string) => ({ type, id })

export const by = (kind: PrincipalRef['kind'], id: string): readonly [PrincipalRef] => [
  { kind, id: id as PrincipalId }, // ids of tests
]

/** Grants ada one action. */
export function grants(action: string): PolicyFile {
  const text = `@id("${action}") permit (principal == User::"ada", action == Action::"${action}", resource);`
  return { name: `${action}.cedar`, text }
}

/** A tenant with revisions, and nothing else that could be in the way; for tests. */
export async function openHouse({
  store = memoryTenantStore(),
  foundation = {
    schema: read('schema.cedarschema').text,
    policies: [
      { name: 'foundation/p.cedar', text: '@id("no") forbid (principal, action == Action::"door:open", resource);' },
    ],
    roles: [read('roles/roles.cedar')],
  },
}: {
  readonly store?: TenantStore
  readonly foundation?: Foundation
} = {}) {
  const clock = fakeClock()
  const access = openAccess(foundation, 'demo')
  const revisions = await openRevisions({ tenant: 'demo', store, clock, foundation, access, sponsorOf })
  access.putEntities('test', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Project', 'churn'), attrs: {}, parents: [uid('Tenant', 'demo')] },
    { uid: uid('Dataset', 'd'), attrs: {}, parents: [uid('Project', 'churn')] },
    { uid: uid('User', 'ada'), attrs: { name: 'ada', status: 'active' } },
  ])
  const ada: Context = {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: by('User', 'ada') as [PrincipalRef],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
  const asked: Asked = { by: ada.caller.chain, message: 'because' }
  return {
    store,
    clock,
    access,
    foundation,
    revisions,
    ada,
    ask: (action: string) => access.decide(ada, { action, resource: uid('Dataset', 'd') }).decision,
    push: (
      files: readonly (PolicyFile | TestFile)[],
      options: { readonly layer?: Layer | undefined; readonly by?: readonly PrincipalRef[] } = {},
    ) =>
      revisions.push({
        layer: { kind: 'tenant' },
        message: 'a change',
        by: ada.caller.chain,
        files,
        ...defined(options),
      }),
    activate: (...addresses: readonly string[]) => revisions.activate(addresses, asked),
    rollback: async (to?: string, layer: Layer = { kind: 'tenant' }) =>
      revisions.rollback(layer, (await revisions.rollbackTarget(layer, to)).address, asked),
  }
}

function defined({ layer, by: pusher }: { readonly layer?: Layer | undefined; readonly by?: readonly PrincipalRef[] }) {
  return { ...(layer === undefined ? {} : { layer }), ...(pusher === undefined ? {} : { by: pusher }) }
}

const sponsorOf = (id: string): string | undefined => (id === 'scout' ? 'sam' : undefined)
