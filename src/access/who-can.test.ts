import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })
const clock = fakeClock()
const asker: Context = {
  tenant: 'demo' as TenantId, // a valid id
  txn: newTxn(clock.now()),
  trace: '0'.repeat(32),
  clock,
  caller: {
    chain: [{ kind: 'User', id: 'olivia' as PrincipalId }], // a valid id
    delegation: undefined,
    authentication: { method: 'private_key_jwt', at: clock.now() },
    scope: undefined,
    credential: 'c',
    expiresAt: clock.now() + 1000,
  },
}

async function opened() {
  const schema = read('schema.cedarschema').text
  const access = openAccess(
    { schema, policies: [read('policies/guardrails.cedar')], roles: [read('roles/roles.cedar')] },
    'demo',
  )
  const person = (type: string, id: string, attrs = {}) => ({
    uid: uid(type, id),
    attrs: { name: id, status: 'active', ...attrs },
  })
  access.putEntities('test', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Project', 'churn'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('TrainingJob', 'run1'), parents: [uid('Project', 'churn')] },
    { uid: uid('Dataset', 'calls'), parents: [uid('Project', 'churn')] },
    { uid: uid('ToolServer', 'office'), attrs: { trusted: false }, parents: [uid('Tenant', 'demo')] },
    {
      uid: uid('Tool', 'office/send'),
      attrs: { name: 'send', status: 'accepted', guarded: ['/to'] },
      parents: [uid('ToolServer', 'office')],
    },
    person('User', 'alice'),
    person('User', 'bob'),
    person('User', 'gone', { status: 'suspended' }),
    person('Agent', 'scout', { sponsor: { __entity: uid('User', 'bob') } }),
  ])
  const on = uid('Project', 'churn')
  const give = (role: string, id: string) => ({ role, assignee: uid('User', id), on, until: undefined })
  access.setRoles({
    grants: [give('model-trainer', 'alice'), give('data-scientist', 'bob'), give('data-scientist', 'gone')],
    declared: new Set(),
  })
  await access.setPolicies([
    { name: 'a.cedar', text: 'permit (principal is Agent, action == Action::"tool:call", resource);' },
  ])
  return access
}

test('who can do something, and by which grant', async () => {
  const { found, hasMore } = await (await opened()).whoCan(asker, {
    action: 'data:read',
    resource: uid('Dataset', 'calls'),
    limit: 10,
  })
  assert.equal(hasMore, false)
  assert.deepEqual(
    found.map(({ principal, when, reasons }) => [principal.id, when, reasons[0]?.policy]),
    [
      ['alice', 'now', 'role/model-trainer of User::alice on Project::churn'],
      ['bob', 'now', 'role/data-scientist of User::bob on Project::churn'],
    ],
  )
})

test('who would only have to sign in again is among them, and who would need a grant is not', async () => {
  const asked = { action: 'training:stop', resource: uid('TrainingJob', 'run1'), limit: 10 }
  assert.deepEqual(
    (await (await opened()).whoCan(asker, asked)).found.map(({ principal }) => principal.id),
    ['alice'],
  )
  const { found } = await (await opened()).whoCan(asker, { ...asked, action: 'training:start' })
  assert.deepEqual(
    found.map(({ principal, when, advice }) => [principal.id, when, advice]),
    [['alice', 'after', [{ kind: 'step_up', acr: 'aal2', maxAge: 900 }]]],
  )
})

test('what somebody can do', async () => {
  const access = await opened()
  const what = async (kind: 'User' | 'Agent', id: string, limit = 100) => {
    const { found, hasMore } = await access.whatCan(asker, { principal: { kind, id }, limit })
    return { hasMore, lines: found.map(({ action, resource, when }) => `${action} ${resource.id} ${when}`) }
  }
  assert.deepEqual((await what('User', 'alice')).lines.sort(), [
    'data:read calls now',
    'model:register churn now',
    'training:read run1 now',
    'training:start churn after',
    'training:start run1 after',
    'training:stop run1 now',
    'training:tune run1 after',
  ])
  assert.deepEqual((await what('User', 'gone')).lines, [])
  assert.deepEqual((await what('Agent', 'scout')).lines, ['tool:call office/send perhaps'])
  const first = await what('User', 'alice', 2)
  assert.equal(first.hasMore, true)
  assert.equal(first.lines.length, 2)
})
