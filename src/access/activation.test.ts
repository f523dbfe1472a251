import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { PolicyFile } from './layers.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })
const clock = fakeClock()

function opened() {
  const access = openAccess(
    {
      schema: read('schema.cedarschema').text,
      policies: [read('policies/guardrails.cedar')],
      roles: [read('roles/roles.cedar')],
    },
    'demo',
  )
  access.putEntities('test', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Model', 'm'), attrs: {}, parents: [uid('Tenant', 'demo')] },
    { uid: uid('Dataset', 'd'), attrs: {}, parents: [uid('Tenant', 'demo')] },
    { uid: uid('User', 'alice'), attrs: { name: 'alice', status: 'active' } },
  ])
  const ask = (action: string, resource = uid('Model', 'm')) => access.decide(alice(), { action, resource }).decision
  return { access, ask }
}

function alice(): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'User', id: 'alice' as PrincipalId }], // an id of this file
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

const grant = (action: string): PolicyFile => ({
  name: `${action}.cedar`,
  text: `permit (principal == User::"alice", action == Action::"${action}", resource);`,
})

/** So many that they are validated in a thread of their own. */
function many(extra = ''): PolicyFile {
  const text = Array.from(
    { length: 120 },
    (_, i) => `permit (principal == Agent::"a${i}", action == Action::"model:invoke", resource);`,
  )
  return { name: 'many.cedar', text: [...text, extra].join('\n') }
}

test('while many policies are prepared, decisions go on under those in force', async () => {
  const { access, ask } = opened()
  await access.setPolicies([grant('model:read')])
  let isDone = false
  const activation = access.setPolicies([grant('model:invoke'), many()]).then(() => {
    isDone = true
  })
  let turns = 0
  while (!isDone) {
    assert.equal(ask('model:read'), 'allow')
    turns++
    await setImmediate()
  }
  await activation
  assert.ok(turns > 20, `only ${turns} decisions`)
  assert.equal(ask('model:read'), 'deny')
  assert.equal(ask('model:invoke'), 'allow')
})

test('what the thread finds wrong names file and line, and leaves in force what was', async () => {
  const { access, ask } = opened()
  await access.setPolicies([grant('model:read')])
  const before = access.revision()
  const wrong = many('permit (principal, action == Action::"model:invok", resource);')
  for (const attempt of [access.setPolicies, access.checkPolicies]) {
    await assert.rejects(attempt([wrong]), { code: 'policies_invalid', message: /many\.cedar:121/ })
  }
  assert.equal(access.revision(), before)
  assert.equal(ask('model:read'), 'allow')
})

test('of two activations at once the second is in force last, whichever is ready first', async () => {
  const { access, ask } = opened()
  const slow = access.setPolicies([many(), grant('model:read')])
  const broken = access.setPolicies([{ name: 'broken.cedar', text: 'permit (' }])
  const quick = access.setPolicies([grant('model:invoke')])
  await assert.rejects(broken, { code: 'policies_invalid' })
  await Promise.all([slow, quick])
  assert.deepEqual([ask('model:read'), ask('model:invoke')], ['deny', 'allow'])
})

test('roles that are given and taken while policies are prepared are given and taken afterwards', async () => {
  const { access, ask } = opened()
  const on = uid('Dataset', 'd')
  const has = (...roles: readonly string[]) =>
    access.changeRoles([uid('User', 'alice')], (assignee) =>
      roles.map((role) => ({ role, assignee, on, until: undefined })),
    )
  await has('data-scientist')
  const activation = access.setPolicies([many()])
  await setImmediate()
  await has()
  assert.equal(ask('data:read', on), 'deny')
  await activation
  assert.equal(ask('data:read', on), 'deny')
  const again = access.setPolicies([many(), grant('model:read')])
  const given = has('data-scientist')
  assert.equal(ask('data:read', on), 'allow', 'at once')
  await Promise.all([again, given])
  assert.equal(ask('data:read', on), 'allow')
})

test('a role that cannot be given is not given, and what it replaces is gone', async () => {
  const { access, ask } = opened()
  const on = uid('Dataset', 'd')
  const has = (role: string, where: { type: string; id: string }) =>
    access.changeRoles([uid('User', 'alice')], (assignee) => [{ role, assignee, on: where, until: undefined }])
  await has('data-scientist', on)
  assert.equal(ask('data:read', on), 'allow')
  await assert.rejects(has('data-scientist', uid('Nonsense', 'x')), { code: 'policies_invalid' })
  assert.equal(ask('data:read', on), 'deny')
})
