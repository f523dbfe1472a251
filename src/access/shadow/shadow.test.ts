import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../../kernel/index.ts'
import { type Access, openAccess } from '../access.ts'
import type { PolicyFile } from '../layers.ts'
import type { Question } from '../question.ts'
import type { Judged, Moment } from './moment.ts'

const schema = readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8')
const clock = fakeClock()
const base: PolicyFile = { name: 'base.cedar', text: '@id("all") permit (principal, action, resource);' }
const template: PolicyFile = {
  name: 'roles.cedar',
  text: '@id("role/reader") @role("reader") permit (principal in ?principal, action == Action::"data:read", resource in ?resource);',
}
const invoke: Question = { action: 'model:invoke', resource: { type: 'Model', id: 'm' } }
const read: Question = { action: 'data:read', resource: { type: 'Dataset', id: 'd' } }

test('only what a changed policy can have a say in is decided again', async () => {
  const { access, seen, shadow } = await openShadowed([base], [base, forbids('data:read')])
  access.decide(contextOf('scout'), invoke)
  assert.equal(access.decide(contextOf('scout'), read).decision, 'allow')
  await judged(shadow.counts)
  assert.deepEqual(shadow.counts(), { seen: 2, concerned: 1, judged: 1, skipped: 0, differing: 1 })
  assert.deepEqual(
    seen.map(({ moment, judged: again }) => [moment.question.action, again.decision, again.reasons[0]?.policy]),
    [['data:read', 'deny', 'no-data:read']],
  )
  assert.equal(shadow.changed, 1)
})

test('a policy of one type of agents concerns no others', async () => {
  const layer = { kind: 'agent', type: 'AgentType', id: 'spy' } as const
  const { access, shadow } = await openShadowed([base], [base, { ...forbids('model:invoke'), layer }])
  access.decide(contextOf('scout'), invoke)
  access.decide(contextOf('mole'), invoke)
  await judged(shadow.counts)
  assert.deepEqual([shadow.counts().concerned, shadow.counts().differing], [1, 1])
})

test('a decision is judged in the world that it was made in, whatever changes before it is', async () => {
  const condition =
    '@id("no-risk") forbid (principal, action, resource) when { principal has risk && principal.risk > 5 };'
  const { access, seen, shadow } = await openShadowed([base], [base, { name: 'risk.cedar', text: condition }])
  access.decide(contextOf('scout'), invoke)
  access.changeEntities('bench', { put: [{ entity: agent('scout', 'walker', { risk: 9 }) }] })
  await judged(shadow.counts)
  assert.equal(seen.length, 0)
  access.decide(contextOf('scout'), invoke)
  await judged(shadow.counts)
  assert.equal(seen.length, 1)
})

test('the candidate goes by the roles that everybody has now', async () => {
  const { access, seen, shadow } = await openShadowed([template], [template, readerMayInvoke()])
  access.decide(contextOf('scout'), invoke)
  await judged(shadow.counts)
  assert.equal(seen.length, 0)
  const grant = {
    role: 'reader',
    assignee: { type: 'Agent', id: 'scout' },
    on: { type: 'Project', id: 'p' },
    until: undefined,
  }
  await access.changeRoles([grant.assignee], () => [grant])
  assert.equal(access.decide(contextOf('scout'), read).decision, 'allow')
  assert.equal(access.decide(contextOf('scout'), invoke).decision, 'deny')
  await judged(shadow.counts)
  assert.deepEqual(
    seen.map(({ moment, judged: { decision } }) => [moment.question.action, decision]),
    [['model:invoke', 'allow']],
  )
})

test('while the roles of many change, what it cannot know at once is left out, and nobody waits for it', async () => {
  const { access, seen, shadow } = await openShadowed([template], [template, readerMayInvoke()])
  const on = { type: 'Project', id: 'p' }
  const give = (assignees: readonly { readonly type: string; readonly id: string }[]): Promise<void> =>
    access.changeRoles(assignees, (assignee) => [{ role: 'reader', assignee, on, until: undefined }])
  const people = [...Array(60).keys()].map((i) => ({ type: 'User', id: `u${i}` }))
  const given = [people.slice(0, 20), people.slice(20, 40), people.slice(40), [{ type: 'Agent', id: 'scout' }]].map(
    give,
  )
  access.decide(contextOf('scout'), invoke)
  assert.equal(shadow.counts().skipped, 1)
  await Promise.all(given)
  for (let turn = 0; turn < 10; turn++) await setImmediate()
  access.decide(contextOf('scout'), invoke)
  await judged(shadow.counts)
  assert.deepEqual([shadow.counts().skipped, shadow.counts().judged, seen.length], [1, 1, 1])
})

test('a candidate that fails ends by itself, and no decision notices', async () => {
  const failures: unknown[] = []
  const access = openedWith([base])
  await access.setPolicies([base])
  await access.shadow([base, forbids('model:invoke')], {
    onDifference: () => {
      throw new Error('the disk is full')
    },
    onFailure: (error) => failures.push(error),
  })
  for (let i = 0; i < 3; i++) {
    assert.equal(access.decide(contextOf('scout'), invoke).decision, 'allow')
    await setImmediate()
  }
  assert.equal(failures.length, 1)
})

test('other policies in force end it, and other schemas never begin', async () => {
  const failures: unknown[] = []
  const access = openedWith([base])
  await access.setPolicies([base])
  const hooks = { onDifference: () => undefined, onFailure: (error: unknown) => failures.push(error) }
  await access.shadow([base, forbids('model:invoke')], hooks)
  await access.setPolicies([base, forbids('data:read')])
  assert.match(String(failures[0]), /other policies came in force/)
  const own: PolicyFile = { name: 'own.cedarschema', text: 'namespace Shop { entity Order; }', as: 'schema' }
  await assert.rejects(access.shadow([base, own], hooks), { code: 'shadow_impossible' })
  await assert.rejects(access.shadow([{ name: 'x.cedar', text: 'permit (' }], hooks), { code: 'policies_invalid' })
})

test('of many requests that it concerns it takes a share, and says how many it left out', async () => {
  const { access, shadow } = await openShadowed([base], [base, forbids('model:invoke')])
  for (let i = 0; i < 4000; i++) {
    access.decide(contextOf('scout'), invoke)
    if (i % 50 === 0) await setImmediate()
  }
  await judged(shadow.counts)
  const { seen, concerned, judged: done, skipped } = shadow.counts()
  assert.deepEqual([seen, concerned, done + skipped], [4000, 4000, 4000])
  assert.ok(done > 300 && done <= 4000 * 0.12 + 210, String(done))
})

async function openShadowed(before: readonly PolicyFile[], after: readonly PolicyFile[]) {
  const access = openedWith(before)
  await access.setPolicies(before)
  const seen: { readonly moment: Moment; readonly judged: Judged }[] = []
  const shadow = await access.shadow(after, {
    onDifference: (moment, again) => seen.push({ moment, judged: again }),
    onFailure: (error) => assert.fail(String(error)),
  })
  return { access, seen, shadow }
}

function openedWith(_: readonly PolicyFile[]): Access {
  const access = openAccess({ schema, policies: [] }, 'demo')
  const tenant = [{ type: 'Tenant', id: 'demo' }]
  access.putEntities('bench', [
    { uid: { type: 'Tenant', id: 'demo' } },
    { uid: { type: 'Project', id: 'p' }, parents: tenant },
    { uid: { type: 'User', id: 'alice' }, attrs: { name: 'a', status: 'active' }, parents: tenant },
    { uid: { type: 'Model', id: 'm' }, attrs: {}, parents: [{ type: 'Project', id: 'p' }] },
    { uid: { type: 'Dataset', id: 'd' }, attrs: {}, parents: [{ type: 'Project', id: 'p' }] },
    agent('scout', 'walker', {}),
    agent('mole', 'spy', {}),
  ])
  return access
}

function agent(id: string, type: string, attrs: object) {
  const sponsor = { __entity: { type: 'User', id: 'alice' } }
  const parents = [
    { type: 'Tenant', id: 'demo' },
    { type: 'AgentType', id: type },
  ]
  return { uid: { type: 'Agent', id }, attrs: { name: id, status: 'active', sponsor, ...attrs }, parents }
}

function forbids(action: string): PolicyFile {
  return {
    name: `no-${action}.cedar`,
    text: `@id("no-${action}") forbid (principal, action == Action::"${action}", resource);`,
  }
}

function readerMayInvoke(): PolicyFile {
  return {
    name: 'more.cedar',
    text: '@id("role/reader-more") @role("reader") permit (principal in ?principal, action == Action::"model:invoke", resource in ?resource);',
  }
}

async function judged(counts: () => { readonly concerned: number; readonly judged: number; readonly skipped: number }) {
  for (let turn = 0; turn < 1000; turn++) {
    await setImmediate()
    const { concerned, judged: done, skipped } = counts()
    if (done + skipped === concerned) return
  }
  assert.fail('it never came to its end')
}

function contextOf(id: string): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'Agent', id: id as PrincipalId }], // ids of this file
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}
