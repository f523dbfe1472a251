import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { requestToken } from '../../src/cli/client.ts'
import { accessToken, mcpClient, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

interface Change {
  readonly id: string
  readonly target: string
  readonly effect: string
}
const cli = async (...args: readonly string[]) => JSON.parse(await succeed(house.sallyport, ...args, '--json'))

async function call(who: string, method: string, path: string, body?: unknown) {
  const { token } = await requestToken(house.credentials, who, 'api', 'admin')
  const answer = await fetch(`${house.credentials.issuer}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what came
  return { status: answer.status, body: (await answer.json()) as any }
}

test('an open MCP session meets a list with its next request, and is let through again when the entry is gone', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const session = await mcpClient(house.credentials, 'office', token)
  await session.callTool({ name: 'list_files', arguments: {} })
  const [change] = (await cli('lists', 'add', 'deny', 'tool:office/list_files', '--reason', 'leaks names')) as Change[]
  await assert.rejects(session.callTool({ name: 'list_files', arguments: {} }), /deny list|not permitted|denied/)
  const { tools } = await session.listTools()
  assert.ok(!tools.some(({ name }) => name === 'list_files'), 'what is denied is not shown')
  assert.ok(tools.some(({ name }) => name === 'send_message'))
  await succeed(house.sallyport, 'lists', 'remove', change?.id ?? '')
  await session.callTool({ name: 'list_files', arguments: {} })

  await call('olivia', 'POST', '/api/lists', {
    entries: [{ list: 'deny', target: 'network:127.0.0.0/8', actions: 'tools' }],
  })
  await assert.rejects(session.callTool({ name: 'list_files', arguments: {} }))
  const { body } = await call('olivia', 'GET', '/api/lists?kind=network')
  await call('olivia', 'DELETE', `/api/lists/${body.entries[0].id}`)
  await session.callTool({ name: 'list_files', arguments: {} })
  await session.close()
})

test('many networks are imported from a file, all or none, and every change stands in the log', async () => {
  const file = join(house.sallyport.home, 'networks.txt')
  const networks = Array.from({ length: 3000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24 # ${i}`)
  writeFileSync(file, ['# a feed', ...networks, '2001:db8::/32', 'country:KP'].join('\n'))
  const changes = (await cli('lists', 'import', 'deny', file, '--reason', 'a feed', '--for', '1h')) as Change[]
  assert.equal(changes.length, 3002)
  assert.deepEqual([changes.at(-2)?.target, changes.at(-1)?.target], ['network:2001:db8::/32', 'country:KP'])
  writeFileSync(file, ['198.51.100.0/24', '198.51.100.7/24'].join('\n'))
  const { ok, stderr } = await house.sallyport.cli('lists', 'import', 'deny', file)
  assert.equal(ok, false)
  assert.match(stderr, /has bits beyond its prefix; the network is `198.51.100.0\/24`/)
  const entries = (await cli('lists', 'list', '--kind', 'network')) as { target: string; until?: string }[]
  assert.equal(entries.length, 3001)
  assert.ok(entries.every(({ until }) => until !== undefined))
  const log = await succeed(house.sallyport, 'log', 'search', '--action', 'list:change', '--json')
  assert.match(log, /list:change/)
})

test('nobody shuts themselves out by mistake, and lists can be changed by those who may only', async () => {
  const own = await call('olivia', 'POST', '/api/lists', { entries: [{ list: 'deny', target: 'principal:olivia' }] })
  assert.deepEqual([own.status, own.body.error.code], [409, 'locked_out'])
  const other = await call('alice', 'POST', '/api/lists', { entries: [{ list: 'deny', target: 'principal:bob' }] })
  assert.equal(other.status, 403)
  const wrong = await call('olivia', 'POST', '/api/lists', { entries: [{ list: 'deny', target: 'network:0.0.0.0/0' }] })
  assert.equal(wrong.status, 400)
  // An allow list that has nobody on it who administers can still be corrected.
  await call('olivia', 'POST', '/api/lists', { entries: [{ list: 'allow', target: 'principal:nobody' }] })
  assert.equal((await call('olivia', 'GET', '/api/principals')).status, 403)
  const { body } = await call('olivia', 'GET', '/api/lists?list=allow')
  assert.equal((await call('olivia', 'DELETE', `/api/lists/${body.entries[0].id}`)).status, 200)
  assert.equal((await call('olivia', 'GET', '/api/principals')).status, 200)
})

test('a machine feed denies for a time, and touches nothing but its own', async () => {
  await house.apply({ services: { outsider: { roles: ['risk-feed'] } } })
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const feed = (entry: object) =>
    call('outsider', 'POST', '/api/lists/feed', { entries: [{ list: 'deny', until, ...entry }] })
  const added = await feed({ target: 'principal:carol', reason: 'score 97' })
  assert.equal(added.status, 200)
  for (const entry of [
    { target: 'principal:bob', until: undefined },
    { target: 'principal:bob', list: 'allow' },
    { target: 'network:10.0.0.0/7' },
    { target: 'resource:Tenant::demo' },
    { target: 'resource:Tenant::"demo"' },
  ]) {
    assert.equal((await feed(entry)).status, 422, JSON.stringify(entry))
  }
  const [entry] = (await call('olivia', 'GET', '/api/lists?source=feed:outsider')).body.entries
  assert.equal(entry.addedBy, 'outsider')
  const explained = await call('olivia', 'POST', '/api/explain', {
    principal: 'carol',
    action: 'model:invoke',
    resource: { type: 'Model', id: 'demo-chat' },
  })
  assert.match(JSON.stringify(explained.body), new RegExp(`list/deny/${entry.id}.*score 97`))
  const [ours] = (await call('olivia', 'POST', '/api/lists', { entries: [{ list: 'deny', target: 'principal:bob' }] }))
    .body.changes
  assert.equal((await call('outsider', 'DELETE', `/api/lists/feed/${ours.id}`)).status, 404)
  assert.equal((await call('outsider', 'DELETE', `/api/lists/feed/${entry.id}`)).status, 200)
  assert.equal(
    (await call('outsider', 'POST', '/api/lists', { entries: [{ list: 'deny', target: 'principal:bob' }] })).status,
    403,
  )
})

test('a deny entry ends what is under way, and nothing that it does not concern', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const messages = [{ role: 'user' as const, content: 'count to 1000' }]
  const request = { model: 'demo-slow', messages, stream: true } as const
  const denied = await openaiClient(house.credentials, token).chat.completions.create(request)
  const other = await openaiClient(house.credentials, await house.key('carol')).chat.completions.create(request)
  const pieces = other[Symbol.asyncIterator]()
  await pieces.next()
  const entries = [{ list: 'deny', target: 'agent-type:assistant', actions: 'models' }]
  const added = await call('olivia', 'POST', '/api/lists', { entries })
  await assert.rejects(async () => {
    for await (const _ of denied);
  }, /taken away/)
  assert.equal((await pieces.next()).done, false)
  await pieces.return?.()
  assert.equal((await call('olivia', 'DELETE', `/api/lists/${added.body.changes[0].id}`)).status, 200)
})

test('neither a feed, one by one, nor a manifest leaves nobody who could empty the lists again', async () => {
  await house.apply({ services: { outsider: { roles: ['risk-feed'] }, 'second-admin': { roles: ['security-admin'] } } })
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const { body } = await call('olivia', 'GET', '/api/who-can?action=list:change&type=Tenant&id=demo&limit=100')
  const able: readonly string[] = body.found.map(({ principal }: { principal: { id: string } }) => principal.id)
  assert.ok(able.includes('olivia') && able.includes('second-admin'), JSON.stringify(body))
  const others = able.filter((id) => id !== 'olivia')
  const feed = (id: string) =>
    call('outsider', 'POST', '/api/lists/feed', { entries: [{ list: 'deny', until, target: `principal:${id}` }] })
  for (const id of others) assert.equal((await feed(id)).status, 200, id)
  const last = await feed('olivia')
  assert.deepEqual([last.status, last.body.error.code], [409, 'locked_out'])
  await assert.rejects(
    house.apply({ lists: [{ deny: 'principal:olivia', reason: 'a mistake' }] }),
    /locked_out|take this back/,
  )
  assert.deepEqual((await call('olivia', 'GET', '/api/lists?source=manifest')).body.entries, [])
  const { entries } = (await call('olivia', 'GET', '/api/lists?source=feed:outsider')).body
  for (const { id } of entries) assert.equal((await call('olivia', 'DELETE', `/api/lists/${id}`)).status, 200)
})

test('a manifest declares lists, and the list that it gives is the whole of what manifests say', async () => {
  await house.apply({
    lists: [
      { deny: 'country:KP', reason: 'sanctions' },
      { allow: 'tool:office', project: 'none' },
    ],
  })
  const listed = async () =>
    (
      (await call('olivia', 'GET', '/api/lists?source=manifest')).body.entries as { list: string; target: string }[]
    ).map(({ list, target }) => `${list} ${target}`)
  assert.deepEqual((await listed()).sort(), ['allow tool:office', 'deny country:KP'])
  await house.apply({ lists: [{ deny: 'country:KP', reason: 'sanctions' }] })
  assert.deepEqual(await listed(), ['deny country:KP'])
  await house.apply({ users: {} })
  assert.deepEqual(await listed(), ['deny country:KP'])
})
