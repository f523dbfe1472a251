import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { EntityJson } from '../cedar/index.ts'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { type Access, openAccess } from './access.ts'
import type { PolicyFile } from './layers.ts'
import type { EntityRef } from './question.ts'
import { resourceEntities } from './resource-manifest.ts'

// Ways around the guardrails that somebody could think of.

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string): EntityRef => ({ type, id })
const clock = fakeClock()
const everything: PolicyFile = { name: 'all.cedar', text: 'permit (principal, action, resource);' }

async function opened(...files: readonly PolicyFile[]): Promise<Access> {
  const access = openAccess(
    {
      schema: read('schema.cedarschema').text,
      policies: [read('policies/guardrails.cedar')],
      roles: [read('roles/roles.cedar')],
    },
    'demo',
  )
  await access.setPolicies(files)
  const everywhere = (role: string, id: string) => ({
    role,
    assignee: uid('User', id),
    on: undefined,
    until: undefined,
  })
  access.setRoles({ grants: [everywhere('agent-operator', 'operator')], declared: new Set() })
  const person = (type: string, id: string, roles: readonly string[] = []): EntityJson => ({
    uid: uid(type, id),
    attrs:
      type === 'Agent'
        ? { name: id, status: 'active', sponsor: { __entity: { type: 'User', id: 'alice' } } }
        : { name: id, status: 'active' },
    parents: [uid('Tenant', 'demo'), ...roles.map((role) => uid('Role', role))],
  })
  access.putEntities('directory', [
    { uid: uid('Tenant', 'demo') },
    person('User', 'alice'),
    person('User', 'boss', ['tenant-admin']),
    person('User', 'reader', ['auditor']),
    person('User', 'operator', ['agent-operator']),
    person('Agent', 'scout'),
  ])
  return access
}

interface Asked {
  readonly by?: string
  readonly action: string
  readonly on: EntityRef
  readonly scope?: ReadonlySet<string>
  readonly facts?: { readonly [name: string]: string }
}

function ask(access: Access, { by = 'alice', action, on, scope, facts }: Asked): string {
  const ctx: Context = {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'User', id: by as PrincipalId }], // ids of this file
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now(), assurance: 2, mfaAt: clock.now() },
      scope,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
  const { decision, reasons } = access.decide(ctx, {
    action,
    resource: on,
    ...(facts === undefined ? {} : { facts }),
  })
  return decision === 'allow' ? 'allow' : (reasons[0]?.policy ?? 'deny')
}

test('what is inside of restricted data is restricted, whatever it says of itself', async () => {
  const access = await opened(everything)
  const entities = resourceEntities(
    {
      resources: {
        'Dataset::calls': { attributes: { classification: 'restricted', region: 'eu' } },
        'Table::calls/people': { in: ['Dataset::calls'] },
        'Column::calls/people/name': { in: ['Table::calls/people'], attributes: { classification: 'public' } },
        'Index::calls': { in: ['Dataset::calls'], attributes: { classification: 'internal' } },
        'Document::note': { in: ['Index::calls'] },
        'Dataset::nowhere': { attributes: { classification: 'restricted' } },
        'Dataset::open': { attributes: { classification: 'public' } },
        'Table::both': { in: ['Dataset::calls', 'Dataset::open'] },
      },
    },
    'demo',
  )
  access.putEntities('resources', entities)
  const reading = (on: EntityRef, destination?: string) =>
    ask(access, {
      action: on.type === 'Document' ? 'document:read' : 'data:read',
      on,
      ...(destination === undefined ? {} : { facts: { destination } }),
    })
  const inside = [
    uid('Dataset', 'calls'),
    uid('Table', 'calls/people'),
    uid('Column', 'calls/people/name'),
    uid('Index', 'calls'),
    uid('Document', 'note'),
    uid('Table', 'both'),
  ]
  for (const on of inside) {
    assert.equal(reading(on), 'foundation/restricted-region', `${on.type}::${on.id}`)
    assert.equal(reading(on, 'us'), 'foundation/restricted-region', `${on.type}::${on.id}`)
    assert.equal(reading(on, 'eu'), 'allow', `${on.type}::${on.id}`)
  }
  assert.equal(reading(uid('Dataset', 'nowhere'), 'eu'), 'foundation/restricted-region', 'nobody knows where it may go')
  assert.equal(reading(uid('Dataset', 'open')), 'allow')
})

test('a manifest of resources cannot say who there is, or who asks for what', async () => {
  const access = await opened()
  const check = (text: string) =>
    access.checkEntities(resourceEntities({ resources: { [text]: { attributes: {} } } }, 'demo'))
  for (const text of ['User::alice', 'Role::auditor', 'Approval::apr_1', 'AccessRequest::arq_1']) {
    assert.throws(() => check(text), { code: 'resources_invalid' }, text)
  }
  check('Model::m')
})

test('what the catalogue says of a tool counts, whatever else is said of it and whenever', async () => {
  const access = await opened(everything)
  const tool = (status: string) => [
    { uid: uid('Tool', 's/t'), attrs: { name: 't', status, guarded: [] }, parents: [uid('Tenant', 'demo')] },
  ]
  access.putEntities('resources', tool('accepted'))
  access.putEntities('catalog', tool('quarantined'))
  assert.equal(ask(access, { action: 'tool:call', on: uid('Tool', 's/t') }), 'foundation/quarantine')
})

test('a narrowed credential does nothing of a tenant’s own that no scope is for', async () => {
  const schema: PolicyFile = {
    name: 'shop.cedarschema',
    as: 'schema',
    text: `namespace Shop {
      entity Order in [Project, Tenant];
      action refund appliesTo { principal: [User, Service, Agent, Device], resource: Order, context: Facts };
    }`,
  }
  const access = await opened(schema, everything)
  access.putEntities('resources', [{ uid: uid('Shop::Order', 'o1'), parents: [uid('Tenant', 'demo')] }])
  const refund = { action: 'Shop::refund', on: uid('Shop::Order', 'o1') }
  assert.equal(ask(access, refund), 'allow', 'not narrowed')
  assert.equal(ask(access, { ...refund, scope: new Set(['models']) }), 'foundation/scope-none')
  assert.equal(ask(access, { ...refund, scope: new Set() }), 'foundation/scope-none')
})

test('nobody becomes an administrator or an auditor by making a key for one', async () => {
  const access = await opened(everything)
  const issue = (by: string, to: EntityRef) => ask(access, { by, action: 'gatewaykey:issue', on: to })
  assert.equal(issue('operator', uid('User', 'boss')), 'foundation/keys-of-administrators')
  assert.equal(issue('operator', uid('User', 'reader')), 'foundation/keys-of-administrators')
  assert.equal(issue('boss', uid('User', 'reader')), 'allow')
  assert.equal(issue('operator', uid('Agent', 'scout')), 'allow')
  const shipped = await opened()
  assert.equal(ask(shipped, { by: 'operator', action: 'gatewaykey:issue', on: uid('User', 'alice') }), 'deny')
  assert.equal(ask(shipped, { by: 'operator', action: 'gatewaykey:issue', on: uid('Agent', 'scout') }), 'allow')
})

test('a policy cannot take the name of a grant that a role would be', async () => {
  const access = await opened()
  const taken = '@id("role/auditor of User::alice on Project::churn") permit (principal, action, resource);'
  const template =
    '@id("a of User::b on T::c") @role("x") permit (principal in ?principal, action, resource in ?resource);'
  for (const text of [taken, template]) {
    await assert.rejects(access.setPolicies([{ name: 'x.cedar', text }]), {
      code: 'policies_invalid',
      message: /only roles/,
    })
  }
})
