import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { PolicyFile } from './layers.ts'

const clock = fakeClock(1_800_000_000_000)
const schema = readFileSync(join(import.meta.dirname, '../../foundation/schema.cedarschema'), 'utf8')
const own = (text: string): PolicyFile => ({ name: 'own.cedarschema', as: 'schema', text })
const SHOP = own(`namespace Shop {
  entity Order in [Tenant] { total?: Long, owner?: User };
  @authzen("read") action view in [Action::"data"] appliesTo { principal: [User], resource: [Order] };
  action refund appliesTo { principal: [User], resource: [Order], context: { channel?: String } };
}`)
const VIEW: PolicyFile = {
  name: 'view.cedar',
  text: '@id("view") permit (principal, action == Shop::Action::"view", resource) when { resource has total && resource.total < 9 };',
}

function opened() {
  const access = openAccess({ schema, policies: [] }, 'demo')
  access.putEntities('world', [
    { uid: { type: 'Tenant', id: 'demo' } },
    { uid: { type: 'User', id: 'ada' }, attrs: { name: 'Ada', status: 'active' } },
  ])
  return access
}

const ctx: Context = {
  tenant: 'demo' as TenantId, // a valid id
  txn: newTxn(clock.now()),
  trace: '0'.repeat(32),
  clock,
  caller: {
    chain: [{ kind: 'User', id: 'ada' as PrincipalId }], // as above
    delegation: undefined,
    authentication: { method: 'asserted', at: clock.now() },
    scope: undefined,
    credential: 'c',
    expiresAt: clock.now() + 1000,
  },
}
const ask = (access: ReturnType<typeof opened>, attributes: Record<string, number | string>) =>
  access.decide(ctx, { action: 'Shop::view', resource: { type: 'Shop::Order', id: 'o' }, attributes }).decision

test('a schema is in force with the policies that came with it, and is part of the revision', async () => {
  const access = opened()
  const before = access.revision()
  assert.equal(ask(access, { total: 1 }), 'deny')
  await access.setPolicies([SHOP, VIEW])
  assert.equal(ask(access, { total: 1 }), 'allow')
  assert.equal(ask(access, { total: 10 }), 'deny')
  assert.notEqual(access.revision(), before)
  await access.setPolicies([own(`${SHOP.text}\n// the same, said again`), VIEW])
  const same = access.revision()
  await access.setPolicies([own(SHOP.text.replace('total?: Long', 'total?: Long, note?: String')), VIEW])
  assert.notEqual(access.revision(), same)
  await access.setPolicies([])
  assert.equal(ask(access, { total: 1 }), 'deny')
  assert.equal(access.revision(), before)
})

test('policies that a schema no longer fits are refused, and what was in force stays', async () => {
  const access = opened()
  await access.setPolicies([SHOP, VIEW])
  const other = own(SHOP.text.replace('total?: Long', 'total?: String'))
  await assert.rejects(access.setPolicies([other, VIEW]), { code: 'policies_invalid' })
  assert.equal(ask(access, { total: 1 }), 'allow')
})

test('a schema cannot touch what Sallyport has, and says where it is wrong', async () => {
  const access = opened()
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['entity Order;', /`Order` stands in no namespace/],
    ['action refund appliesTo { principal: [User], resource: [Tenant] };', /`refund` stands in no namespace/],
    ['namespace Shop { entity user; }', /`Shop::user` has the name of the built-in `User`/],
    ['entity User;', /`User` is declared twice/],
    ['entity model in [Tenant];', /`model` stands in no namespace/],
    ['type facts = { a: Long };', /`facts` stands in no namespace/],
    ['namespace Shop { type datetime = Long; }', /`Shop::datetime` has the name of the built-in `datetime`/],
    ['namespace Shop { entity IpAddr; }', /`Shop::IpAddr` has the name of the built-in `ipaddr`/],
    ['namespace Model { entity Card in [Tenant]; }', /`Model` is the name of a type/],
    ['namespace Shop { entity Order; } namespace Shop::Order { entity Line; }', /`Shop::Order` is the name of a type/],
    [
      'namespace Shop { entity O; action read appliesTo { principal: [User], resource: [O] }; }',
      /shadows the existing definition/,
    ],
    [
      'namespace Shop { entity O; action a appliesTo { principal: [O], resource: [O] }; }',
      /`Shop::O` is no type of principal/,
    ],
    [
      'namespace Shop { entity O; action a appliesTo { principal: [User], resource: [O], context: { now: String } }; }',
      /the built-in fact `now` is of another type/,
    ],
    ['namespace Shop {\n  entity O in [Nowhere];\n}', /own\.cedarschema:2:\d+: failed to resolve type/],
  ]
  for (const [text, message] of refusals) {
    await assert.rejects(access.checkPolicies([own(text)]), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'policies_invalid')
      assert.match(error.message, message)
      return true
    })
  }
  await assert.rejects(access.checkPolicies([SHOP, { ...SHOP, name: 'again' }]), { message: /more than one schema/ })
})

test('enforcement points use the names that they have', async () => {
  const access = opened()
  await access.setPolicies([SHOP])
  const { typeNamed, actionNamed, nameOf } = access.vocabulary()
  assert.deepEqual(['order', 'Order', 'Shop::Order', 'user', 'nothing'].map(typeNamed), [
    'Shop::Order',
    'Shop::Order',
    'Shop::Order',
    'User',
    'nothing',
  ])
  assert.deepEqual(
    ['read', 'view', 'Shop::view', 'refund', 'model:invoke'].map((name) => actionNamed(name, 'Shop::Order')),
    ['Shop::view', 'Shop::view', 'Shop::view', 'Shop::refund', 'model:invoke'],
  )
  const nameOn = (type: string) => (action: string) => nameOf(action, type)
  assert.deepEqual(['Shop::view', 'Shop::refund'].map(nameOn('Shop::Order')), ['read', 'refund'])
  assert.equal(nameOf('model:invoke', 'Model'), 'model:invoke')
  await access.setPolicies([
    own(`namespace Shop {
      @authzen("model:invoke") action peek appliesTo { principal: [User], resource: [Model] };
      @authzen("refund") action view appliesTo { principal: [User], resource: [Model] };
      action refund appliesTo { principal: [User], resource: [Model] };
    }`),
  ])
  const again = access.vocabulary()
  for (const { id } of again.actions.filter(({ resources }) => resources.includes('Model'))) {
    assert.equal(again.actionNamed(again.nameOf(id, 'Model'), 'Model'), id, 'a name that is given means the action')
  }
})

test('what is stated of a type has to be of the types that it declares', async () => {
  const access = opened()
  await access.setPolicies([SHOP, VIEW])
  assert.throws(() => ask(access, { total: 'much' }), { code: 'question_invalid' })
  assert.equal(ask(access, { total: 1, unknown: 'x' }), 'allow')
})

test('what is no longer there of an own type is gone at once', async () => {
  const access = opened()
  await access.setPolicies([SHOP, { name: 'all.cedar', text: '@id("all") permit (principal, action, resource);' }])
  const many = Array.from({ length: 20 }, (_, i) => ({
    uid: { type: 'Shop::Order', id: `o::${i}` },
    parents: [{ type: 'Tenant', id: 'demo' }],
  }))
  const found = async () =>
    (await access.search(ctx, { kind: 'resources', type: 'Shop::Order', action: 'Shop::view', limit: 100 })).results
  access.putEntities('resources', many)
  assert.equal((await found()).length, 20)
  access.putEntities('resources', many.slice(1))
  access.changeEntities('resources', { remove: [{ type: 'Shop::Order', id: 'o::1' }] })
  const left = await found()
  assert.equal(left.length, 18)
  assert.ok(!left.includes('o::0') && !left.includes('o::1'))
})

test('a policy that names no types grants nothing to principals, and on resources, that an action is not declared for', async () => {
  const access = opened()
  access.putEntities('more', [
    { uid: { type: 'Service', id: 'shop' }, attrs: { name: 'Shop', status: 'active' } },
    { uid: { type: 'Project', id: 'p' } },
  ])
  const all = '@id("all") permit (principal, action, resource);'
  await access.setPolicies([SHOP, { name: 'all.cedar', text: all }])
  const asking = (kind: 'User' | 'Service', id: string): Context => ({
    ...ctx,
    caller: { ...ctx.caller, chain: [{ kind, id: id as PrincipalId }] }, // ids of this file
  })
  const questions = [
    ['User', 'ada', 'Shop::view', 'Shop::Order', 'allow'],
    ['Service', 'shop', 'Shop::view', 'Shop::Order', 'deny'],
    ['User', 'ada', 'Shop::view', 'Project', 'deny'],
    ['User', 'ada', 'Shop::view', 'Nothing', 'deny'],
    ['User', 'ada', 'Shop::nothing', 'Shop::Order', 'deny'],
    ['User', 'ada', 'data', 'Project', 'deny'],
  ] as const
  for (const [kind, id, action, type, expected] of questions) {
    const who = asking(kind, id)
    const what = `${id} ${action} ${type}`
    assert.equal(access.decide(who, { action, resource: { type, id: 'p' } }).decision, expected, what)
    assert.equal(access.couldAllow(who, { action, resource: { type, id: 'p' } }), expected === 'allow', what)
    assert.equal(
      access.filter(who, { action, resourceType: type }).kind,
      expected === 'allow' ? 'always' : 'never',
      what,
    )
    const { results } = await access.search(who, { kind: 'actions', resource: { type, id: 'p' }, limit: 500 })
    assert.equal(results.includes(action), expected === 'allow', what)
  }
})
