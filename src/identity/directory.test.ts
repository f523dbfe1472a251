import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../kernel/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { openDirectory, parseManifest } from './index.ts'

const publicJwk = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const key = publicJwk()
const people = parseManifest(
  `
users:
  alice: { name: Alice, roles: [security-admin] }
  bob: {}
services:
  chat: {}
agents:
  helper: { sponsor: alice, type: assistant, keys: [${JSON.stringify(key)}] }
groups:
  staff: { members: [alice, helper], roles: [reader] }
roles:
  security-admin: { title: Administers }
  reader: {}
`,
  'people.yaml',
)

async function opened(t: TestContext) {
  const store = memoryTenantStore()
  t.after(() => store.close())
  const clock = fakeClock()
  const directory = await openDirectory(store, clock)
  await directory.apply(people)
  return { store, clock, directory }
}

test('applying a manifest says what it did, and does nothing the second time', async (t) => {
  const store = memoryTenantStore()
  t.after(() => store.close())
  const directory = await openDirectory(store, fakeClock())
  const first = await directory.apply(people)
  assert.deepEqual(new Set(first.map((change) => change.effect)), new Set(['created']))
  assert.equal(first.length, 7)
  const again = await directory.apply(people)
  assert.deepEqual(new Set(again.map((change) => change.effect)), new Set(['unchanged']))
})

test('a change of a manifest changes only what it names', async (t) => {
  const { directory } = await opened(t)
  const changes = await directory.apply(parseManifest('users: { bob: { name: Robert }, alice: {} }', 'more.yaml'))
  assert.deepEqual(changes, [
    { kind: 'User', id: 'bob', effect: 'updated', fields: ['name'] },
    { kind: 'User', id: 'alice', effect: 'unchanged', fields: [] },
  ])
  assert.deepEqual(directory.principal('alice')?.roles, ['reader', 'security-admin'], 'her roles stay')
  await directory.apply(parseManifest('users: { alice: { roles: [] } }', 'more.yaml'))
  assert.deepEqual(directory.principal('alice')?.roles, ['reader'], 'a list that is given is the whole list')
})

test('what was applied is there after a restart', async (t) => {
  const { store, clock, directory } = await opened(t)
  await directory.setStatus('bob', 'suspended')
  const again = await openDirectory(store, clock)
  assert.deepEqual([...again.principals()], [...directory.principals()])
  assert.deepEqual(again.entities(), directory.entities())
  assert.deepEqual(again.registeredKeys('helper'), [{ crv: 'P-256', kty: 'EC', x: key.x, y: key.y }])
})

test('references that lead nowhere are refused, all at once, and nothing is written', async (t) => {
  const { directory } = await opened(t)
  const before = [...directory.principals()]
  const wrong = parseManifest(
    `
users:
  carol: { roles: [nobody] }
  chat: {}
agents:
  orphan: { sponsor: ghost }
  second: { sponsor: helper }
  third: { sponsor: chat }
groups:
  team: { members: [ghost] }
`,
    'wrong.yaml',
  )
  await assert.rejects(directory.apply(wrong), {
    code: 'manifest_invalid',
    publicMessage: [
      'wrong.yaml:3: `users.carol.roles.0`: no role `nobody`',
      'wrong.yaml:4: `users.chat`: the directory has this id with the kind Service',
      'wrong.yaml:6: `agents.orphan.sponsor`: the sponsor of an agent is a user, and there is no `ghost`',
      'wrong.yaml:7: `agents.second.sponsor`: the sponsor of an agent is a user, and `helper` is of kind Agent',
      'wrong.yaml:8: `agents.third.sponsor`: the sponsor of an agent is a user, and `chat` is of kind Service',
      'wrong.yaml:10: `groups.team.members.0`: no user, service or agent `ghost`',
    ].join('; '),
  })
  assert.deepEqual([...directory.principals()], before)
})

test('an id belongs to one principal, over all kinds and files', async (t) => {
  const { directory } = await opened(t)
  const one = parseManifest('users: { dana: {} }\n', 'one.yaml')
  const two = parseManifest('services: { dana: {} }\n', 'two.yaml')
  await assert.rejects(directory.apply(one, two), {
    publicMessage: 'two.yaml:1: `services.dana`: already declared as `users.dana`',
  })
})

test('several files may refer to each other', async (t) => {
  const { directory } = await opened(t)
  await directory.apply(
    parseManifest('agents: { scout: { sponsor: erin, roles: [scouting] } }', 'a.yaml'),
    parseManifest('users: { erin: {} }\nroles: { scouting: {} }', 'b.yaml'),
  )
  assert.equal(directory.principal('scout')?.sponsor, 'erin')
})

test('a key belongs to one principal', async (t) => {
  const { directory } = await opened(t)
  const theft = parseManifest(`users: { bob: { keys: [${JSON.stringify(key)}] } }`, 'k.yaml')
  await assert.rejects(directory.apply(theft), {
    publicMessage: 'k.yaml:1: `users.bob.keys.0`: this key is registered for `helper`',
  })
})

test('keys are replaced, taken away and given again', async (t) => {
  const { directory } = await opened(t)
  const next = publicJwk()
  const give = (...keys: readonly object[]) =>
    directory.apply(parseManifest(`agents: { helper: { sponsor: alice, keys: ${JSON.stringify(keys)} } }`, 'k.yaml'))
  await give(next)
  assert.deepEqual(
    directory.registeredKeys('helper').map((k) => k.x),
    [next.x],
  )
  await give()
  assert.deepEqual(directory.registeredKeys('helper'), [])
  await give(key)
  assert.deepEqual(
    directory.registeredKeys('helper').map((k) => k.x),
    [key.x],
  )
})

test('an agent stands and falls with its sponsor', async (t) => {
  const { directory } = await opened(t)
  const heard: string[][] = []
  const stop = directory.onChange((ids) => heard.push([...ids]))
  assert.ok(directory.inGoodStanding('helper'))
  await directory.setStatus('alice', 'suspended')
  assert.ok(!directory.inGoodStanding('alice'))
  assert.ok(!directory.inGoodStanding('helper'))
  assert.ok(directory.inGoodStanding('bob'))
  await directory.setStatus('alice', 'active')
  assert.ok(directory.inGoodStanding('helper'))
  assert.ok(!directory.inGoodStanding('nobody'))
  assert.deepEqual(heard, [
    ['alice', 'helper'],
    ['alice', 'helper'],
  ])
  stop()
  await directory.setStatus('bob', 'suspended')
  assert.equal(heard.length, 2)
  await assert.rejects(directory.setStatus('nobody', 'active'), { code: 'principal_unknown' })
})

test('every listener hears of a suspension, even after one that fails', async (t) => {
  const { directory } = await opened(t)
  let heard = 0
  directory.onChange(() => {
    throw new Error('broken listener')
  })
  directory.onChange(() => {
    heard += 1
  })
  await assert.rejects(directory.setStatus('bob', 'suspended'), AggregateError)
  assert.equal(heard, 1)
  assert.ok(!directory.inGoodStanding('bob'))
})

test('a gateway key is shown once, found by its secret, expires and can be revoked', async (t) => {
  const { store, clock, directory } = await opened(t)
  const issued = await directory.issueGatewayKey('chat', { scope: ['models'], ttl: 60 })
  assert.match(issued.secret, /^spk_[A-Za-z0-9_-]{43}$/)
  const found = directory.gatewayKey(issued.secret)
  assert.equal(found?.principal, 'chat')
  assert.deepEqual(found?.scope, new Set(['models']))
  assert.equal(found?.expiresAt, clock.now() + 60_000)
  assert.equal(directory.gatewayKey(`${issued.secret}x`), undefined)

  const rows = await store.read((q) => q.selectFrom('credentials').selectAll().execute())
  assert.ok(!JSON.stringify(rows).includes(issued.secret.slice(4)))
  assert.ok(!JSON.stringify(directory.gatewayKeys()).includes(issued.secret.slice(4)))

  clock.advance(60_000)
  assert.equal(directory.gatewayKey(issued.secret), undefined, 'expired')

  const other = await directory.issueGatewayKey('chat')
  assert.equal(directory.gatewayKey(other.secret)?.scope, undefined)
  assert.deepEqual(
    directory.gatewayKeys('chat').map((k) => k.id),
    [issued.id, other.id],
  )
  await directory.revokeGatewayKey(other.id)
  assert.equal(directory.gatewayKey(other.secret), undefined, 'revoked')
  assert.equal((await openDirectory(store, clock)).gatewayKey(other.secret), undefined, 'also after a restart')
  await assert.rejects(directory.revokeGatewayKey(other.id), { code: 'key_unknown' })
})

test('a gateway key needs a principal and a sensible lifetime', async (t) => {
  const { directory } = await opened(t)
  await assert.rejects(directory.issueGatewayKey('ghost'), { code: 'principal_unknown' })
  for (const ttl of [0, -1, 1.5, Number.NaN, 400 * 24 * 60 * 60]) {
    await assert.rejects(directory.issueGatewayKey('chat', { ttl }), { code: 'key_invalid' }, String(ttl))
  }
})

test('a client secret is hashed, and the next one replaces it', async (t) => {
  const { store, directory } = await opened(t)
  const first = await directory.issueClientSecret('chat')
  assert.ok(await directory.checkClientSecret('chat', first))
  assert.ok(!(await directory.checkClientSecret('chat', `${first}x`)))
  assert.ok(!(await directory.checkClientSecret('bob', first)))
  const second = await directory.issueClientSecret('chat')
  assert.ok(!(await directory.checkClientSecret('chat', first)))
  assert.ok(await directory.checkClientSecret('chat', second))
  const rows = await store.read((q) => q.selectFrom('credentials').selectAll().execute())
  assert.ok(!JSON.stringify(rows).includes(second.slice(4)))
})

test('whoever has registered keys has no client secret', async (t) => {
  const { directory } = await opened(t)
  await assert.rejects(directory.issueClientSecret('helper'), { code: 'secret_not_needed' })
  const secret = await directory.issueClientSecret('chat')
  await directory.apply(parseManifest(`services: { chat: { keys: [${JSON.stringify(publicJwk())}] } }`, 'k.yaml'))
  assert.ok(!directory.hasClientSecret('chat'))
  assert.ok(!(await directory.checkClientSecret('chat', secret)))
})

test('policies see principals under their groups, roles and type', async (t) => {
  const { directory } = await opened(t)
  assert.deepEqual(
    directory.entities().find((entity) => entity.uid.id === 'helper'),
    {
      uid: { type: 'Agent', id: 'helper' },
      attrs: { name: 'helper', status: 'active', sponsor: { __entity: { type: 'User', id: 'alice' } } },
      parents: [
        { type: 'Group', id: 'staff' },
        { type: 'Role', id: 'reader' },
        { type: 'AgentType', id: 'assistant' },
      ],
    },
  )
  assert.deepEqual(
    directory
      .entities()
      .filter((entity) => !['User', 'Service', 'Agent'].includes(entity.uid.type))
      .map((e) => e.uid),
    [
      { type: 'Role', id: 'reader' },
      { type: 'Role', id: 'security-admin' },
      { type: 'Group', id: 'staff' },
      { type: 'AgentType', id: 'assistant' },
    ],
  )
})

test('changes at the same time all arrive', async (t) => {
  const { store, clock, directory } = await opened(t)
  const issued = await Promise.all([
    ...Array.from({ length: 10 }, () => directory.issueGatewayKey('chat')),
    directory.setStatus('bob', 'suspended'),
  ])
  assert.equal(directory.gatewayKeys('chat').length, 10)
  assert.equal(directory.principal('bob')?.status, 'suspended')
  assert.equal(issued.length, 11)
  assert.deepEqual((await openDirectory(store, clock)).gatewayKeys(), directory.gatewayKeys())
})
