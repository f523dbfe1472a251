import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openAccess } from '../access/index.ts'
import { openDirectory, parseManifest } from '../identity/index.ts'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { readFoundation } from './foundation.ts'
import { keepEntities } from './keep-entities.ts'

const tenant = 'demo' as TenantId // a valid id
const MANY = 5_000
const project = { type: 'Project', id: 'churn' }

async function house(t: TestContext) {
  const clock = fakeClock()
  const store = memoryTenantStore()
  t.after(() => store.close())
  const now = clock.now()
  const row = (i: number) => ({
    id: `user${i}`,
    kind: 'User' as const,
    name: `user${i}`,
    status: 'active' as const,
    created_at: now,
    updated_at: now,
  })
  const role = (i: number) => ({
    role_id: 'data-scientist',
    assignee_kind: 'principal' as const,
    assignee_id: `user${i}`,
    resource_type: 'Project',
    resource_id: 'churn',
  })
  await store.write(async (q) => {
    for (let at = 0; at < MANY; at += 100) {
      const these = Array.from({ length: 100 }, (_, i) => at + i)
      await q.insertInto('principals').values(these.map(row)).execute()
      await q.insertInto('role_assignments').values(these.map(role)).execute()
    }
  })
  const access = openAccess(readFoundation(), tenant)
  const directory = await openDirectory(store, clock, { builtInRoles: access.builtInRoles() })
  const catalog = { entities: () => [], onChange: () => () => undefined }
  const report = (error: unknown): never => assert.fail(String(error))
  keepEntities({ tenant, access, directory, catalog, report })
  access.putEntities('resources', [
    { uid: project, parents: [{ type: 'Tenant', id: tenant }] },
    { uid: { type: 'Dataset', id: 'calls' }, attrs: {}, parents: [project] },
  ])
  await access.setPolicies([
    {
      name: 'risk.cedar',
      text: '@id("risky") forbid (principal, action, resource) when { principal is User && principal has risk && principal.risk >= 70 };',
    },
  ])
  const decide = (user: string) => {
    const ctx: Context = {
      tenant,
      txn: newTxn(clock.now()),
      trace: '0'.repeat(32),
      clock,
      caller: {
        chain: [{ kind: 'User', id: user as PrincipalId }], // an id of this file
        delegation: undefined,
        authentication: { method: 'private_key_jwt', at: clock.now() },
        scope: undefined,
        credential: 'c',
        expiresAt: clock.now() + 1000,
      },
    }
    return access.decide(ctx, { action: 'data:read', resource: { type: 'Dataset', id: 'calls' } })
  }
  return { access, clock, directory, decide }
}

test('a change of one principal among thousands is seen by the next decision', async (t) => {
  const { directory, decide } = await house(t)
  for (let i = 0; i < 20; i++) {
    assert.equal(decide(`user${i}`).decision, 'allow')
    await directory.setStatus(`user${i}`, 'suspended')
    assert.deepEqual(
      decide(`user${i}`).reasons.map(({ policy }) => policy),
      ['foundation/suspended'],
    )
  }
  assert.equal(decide('user99').decision, 'allow')
})

test('bringing a change to the decision point does not go through all principals', async (t) => {
  const { access, directory } = await house(t)
  const costs = Array.from({ length: 51 }, (_, i) => {
    const uid = { type: 'User', id: `user${i}` }
    const entity = { uid, attrs: { name: uid.id, status: 'suspended' }, parents: [{ type: 'Tenant', id: tenant }] }
    const before = process.threadCpuUsage()
    access.changeEntities('directory', { put: [{ entity }] })
    void access.changeRoles([uid], () => directory.rolesOf(uid).slice(i % 2))
    const { user, system } = process.threadCpuUsage(before)
    return user + system
  })
  const median = costs.sort((a, b) => a - b)[25] ?? Number.POSITIVE_INFINITY
  // A fraction of a millisecond; going through all of them takes tens.
  assert.ok(median < 10_000, `${median} µs`)
})

test('a role that is taken away is gone with the next decision', async (t) => {
  const { directory, decide } = await house(t)
  await directory.apply(parseManifest('users: { user7: { roles: [] } }', 'less.yaml'))
  assert.equal(decide('user7').decision, 'deny')
  assert.equal(decide('user8').decision, 'allow')
})

test('a risk score counts from the next decision on, until it is stale', async (t) => {
  const { clock, directory, decide } = await house(t)
  const score = (risk: number, until: number) => ({ score: risk, source: 'siem', at: clock.now(), until })
  await directory.setStanding('user1', { risk: score(80, clock.now() + 1000) })
  assert.deepEqual(
    decide('user1').reasons.map(({ policy }) => policy),
    ['risky'],
  )
  assert.equal(decide('user2').decision, 'allow')
  clock.advance(999)
  assert.equal(decide('user1').decision, 'deny')
  clock.advance(1)
  assert.equal(decide('user1').decision, 'allow', 'stale')
  await directory.setStanding('user1', { risk: score(90, clock.now() + 5000) })
  assert.equal(decide('user1').decision, 'deny')
  await directory.setStanding('user1', { risk: null })
  assert.equal(decide('user1').decision, 'allow')
})
