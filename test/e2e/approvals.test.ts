import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessToken, claimsOf, mcpClient, modernMcpClient, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'
import { until } from './until.ts'

const ROOT = join(import.meta.dirname, '../..')
const DEMO = readFileSync(join(ROOT, 'foundation/demo/policies/demo.cedar'), 'utf8')
const ASKING = `
@id("messages") @title("somebody agrees to each message that an agent sends")
@why("what has left the house does not come back")
@approval("15m")
forbid (principal is Agent, action == Action::"tool:call", resource == Tool::"office/send_message");
`

let house: House
before(async () => {
  house = await openHouse()
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING })
})
after(() => house?.close())

/** A conversation in which the user has named where the message goes. */
async function conversation() {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const messages = [{ role: 'user' as const, content: 'My colleague is dave@example.com, remember him.' }]
  await openaiClient(house.credentials, token).chat.completions.create({ model: 'demo-chat', messages })
  return { token, txn: String(claimsOf(token).txn) }
}

function cli(as: string, ...args: readonly string[]) {
  return house.sallyport.cli('--as', as, 'approvals', ...args)
}

interface Denied {
  readonly code: number
  readonly message: string
  readonly data: { readonly policies: readonly string[]; readonly record: number }
}

async function denialOf(call: Promise<unknown>): Promise<Denied & { readonly id: string }> {
  const error = await call.then(
    () => assert.fail('it was allowed'),
    (thrown: unknown) => thrown as Denied, // what both clients throw for a JSON-RPC error
  )
  assert.equal(error.code, -32001)
  const [id] = /apr_[0-9a-z]{26}/.exec(JSON.stringify(error.data)) ?? []
  return { ...error, message: error.message, code: error.code, data: error.data, id: id ?? '' }
}

for (const [revision, connect] of [
  ['2025-11-25', (secret: string) => mcpClient(house.credentials, 'office', secret)],
  ['2026-07-28', (secret: string) => modernMcpClient(house.credentials.gateway.mcp.office ?? '', secret)],
] as const) {
  test(`a call of a ${revision} client waits for somebody, is made once when they agree, and waits again`, async () => {
    const { token, txn } = await conversation()
    const client = await connect(token)
    const send = () =>
      client.callTool({ name: 'send_message', arguments: { to: 'dave@example.com', body: `hello ${revision}` } })
    const before = house.office.sent().length
    assert.ok((await client.listTools()).tools.some(({ name }) => name === 'send_message'))

    const first = await denialOf(send())
    assert.deepEqual(first.data.policies, ['messages'])
    assert.match(first.id, /^apr_/)
    assert.equal((await denialOf(send())).id, first.id)

    assert.match(await succeed(house.sallyport, 'approvals', 'list', '--to-give'), new RegExp(first.id))
    const shown = await succeed(house.sallyport, 'approvals', 'show', first.id)
    assert.match(shown, /\/to = "dave@example\.com" {2}\(from user\)/)
    assert.match(shown, /tool:call on Tool::office\/send_message/)
    assert.match(await succeed(house.sallyport, 'approvals', 'approve', first.id), /is approved until .*, for one use/)
    assert.equal((await cli('olivia', 'approve', first.id)).ok, false)

    await send()
    assert.deepEqual(house.office.sent().slice(before), [
      { to: 'dave@example.com', subject: '', body: `hello ${revision}` },
    ])
    const second = await denialOf(send())
    assert.notEqual(second.id, first.id)
    assert.match((await cli('olivia', 'approve', first.id)).stderr, /has been used/)
    assert.equal((await cli('olivia', 'deny', second.id, '--reason', 'once is enough')).ok, true)
    const third = await denialOf(send())
    assert.match(JSON.stringify(third.data), /refused/)
    assert.equal(house.office.sent().length, before + 1)
    await client.close()

    const decided = (await house.records(txn)).filter(({ kind }) => kind === 'decision').map(({ body }) => body)
    const denied = decided.find(({ decision, advice }) => decision === 'deny' && advice !== undefined)
    assert.deepEqual(denied?.advice, [{ kind: 'approval', id: first.id }])
    assert.equal(decided.filter(({ approval }) => approval === first.id).length, 1)
    assert.ok(!JSON.stringify(decided).includes('dave@example.com'))
  })
}

test('who may not see an approval learns nothing of it, and nobody approves what is asked for in their name', async () => {
  const { token } = await conversation()
  const client = await mcpClient(house.credentials, 'office', token)
  const send = () => client.callTool({ name: 'send_message', arguments: { to: 'dave@example.com', body: 'x' } })
  const { id } = await denialOf(send())
  const other = id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
  for (const verb of [['show'], ['approve'], ['revoke', '--reason', 'r']]) {
    const [name = '', ...more] = verb
    const real = await cli('alice', name, id, ...more)
    const none = await cli('alice', name, other, ...more)
    assert.equal(real.ok, false)
    assert.equal(real.stderr.replace(id, ''), none.stderr.replace(other, ''), name)
  }
  assert.equal((await cli('alice', 'list')).stdout.trim(), 'no approvals')
  // The sponsor of the agent, with a role that could approve it if it were somebody else's.
  await house.apply({ users: { alice: { name: 'Alice', roles: ['security-admin', 'auditor'] } } })
  const own = await cli('alice', 'approve', id)
  assert.match(own.stderr, /nobody approves what they ask for, or what is asked for in their name/)
  assert.doesNotMatch((await cli('alice', 'show', id)).stdout, /dave@example\.com/)
  await house.apply({ users: { alice: { name: 'Alice', roles: ['auditor'] } } })
  await client.close()
})

test('an approval given by somebody who is suspended before it is used is void', async () => {
  const { token } = await conversation()
  const client = await mcpClient(house.credentials, 'office', token)
  const send = () => client.callTool({ name: 'send_message', arguments: { to: 'dave@example.com', body: 'y' } })
  await house.apply({ users: { carol: { name: 'Carol', roles: ['security-admin'] } } })
  const file = join(house.sallyport.home, 'credentials.json')
  writeFileSync(file, JSON.stringify(house.credentials))
  const { id } = await denialOf(send())
  await succeed(house.sallyport, '--credentials', file, '--as', 'carol', 'approvals', 'approve', id)
  await succeed(house.sallyport, 'suspend', 'carol')
  const next = await denialOf(send())
  assert.notEqual(next.id, id)
  await succeed(house.sallyport, 'approvals', 'approve', next.id)
  await send()
  await client.close()
})

test('a call that a model proposes waits for the same approval, and leaves it to the call itself', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const ask = () =>
    openaiClient(house.credentials, token).chat.completions.create({
      model: 'demo-chat',
      messages: [{ role: 'user', content: 'Please send a message to dave@example.com.' }],
      tools: [{ type: 'function', function: { name: 'send_message', parameters: { type: 'object' } } }],
    })
  const denied = await ask().catch((error: unknown) => error as { error?: { sallyport?: unknown } })
  assert.ok('error' in denied)
  const [id = ''] = /apr_[0-9a-z]{26}/.exec(JSON.stringify(denied.error)) ?? []
  await succeed(house.sallyport, 'approvals', 'approve', id)
  const { choices } = await ask()
  const call = choices[0]?.message.tool_calls?.[0]
  assert.ok(call?.type === 'function')
  assert.match(await succeed(house.sallyport, 'approvals', 'show', id), /approved until/)
  const client = await mcpClient(house.credentials, 'office', token)
  const before = house.office.sent().length
  const send = () => client.callTool({ name: 'send_message', arguments: JSON.parse(call.function.arguments) })
  await send()
  assert.equal(house.office.sent().length, before + 1)
  assert.match(await succeed(house.sallyport, 'approvals', 'show', id), /state +used/)
  assert.notEqual((await denialOf(send())).id, id)
  await client.close()
})

test('an operation of the administration waits for somebody too, and the consent is for that target alone', async () => {
  const asking = '@id("two") @approval("5m") forbid (principal, action == Action::"principal:suspend", resource);'
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING, 'two.cedar': asking })
  await house.apply({ users: { alice: { name: 'Alice', roles: ['security-admin', 'auditor'] } } })
  const suspend = (who: string) => house.sallyport.cli('suspend', who)
  const first = await suspend('bob')
  assert.equal(first.ok, false)
  const [id = ''] = /apr_[0-9a-z]{26}/.exec(first.stderr) ?? []
  assert.match((await cli('alice', 'show', id)).stdout, /"principal":"bob"/)
  assert.match((await cli('olivia', 'approve', id)).stderr, /nobody approves what they ask for/)
  assert.equal((await cli('alice', 'approve', id)).ok, true)
  assert.equal((await suspend('chat-app')).ok, false)
  assert.equal((await suspend('bob')).ok, true)
  assert.equal((await suspend('bob')).ok, false)
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING })
  await succeed(house.sallyport, 'resume', 'bob')
})

test('who agrees to a question to a model agrees to that prompt, and to no other', async () => {
  const asking =
    '@id("prompts") @approval("5m") forbid (principal is Agent, action == Action::"model:invoke", resource);'
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING, 'prompts.cedar': asking })
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const ask = (content: string, more: object = {}) =>
    openaiClient(house.credentials, token)
      .chat.completions.create({ model: 'demo-chat', messages: [{ role: 'user' as const, content }], ...more })
      .then(
        () => 'answered',
        (error: unknown) => /apr_[0-9a-z]{26}/.exec(JSON.stringify((error as { error?: unknown }).error))?.[0],
      )
  const id = (await ask('Say: yes')) ?? ''
  assert.match(await succeed(house.sallyport, 'approvals', 'show', id), /"content":"Say: yes"/)
  await succeed(house.sallyport, 'approvals', 'approve', id)
  for (const other of [await ask('Say: no'), await ask('Say: yes', { temperature: 1 })]) {
    assert.match(other ?? '', /^apr_/)
    assert.notEqual(other, id)
  }
  assert.equal(await ask('Say: yes'), 'answered')
  assert.notEqual(await ask('Say: yes'), 'answered')
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING })
})

test('who agrees that a request for access is refused has not agreed that it is granted', async () => {
  const asking =
    '@id("grants") @approval("5m") forbid (principal, action == Action::"access-request:decide", resource);'
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING, 'grants.cedar': asking })
  await house.apply({ users: { alice: { name: 'Alice', roles: ['security-admin', 'auditor'] } } })
  const asked = ['access', 'request', 'model:invoke', 'Model::demo-chat', '--role', 'data-scientist', '--because', 'x']
  const { stdout } = await house.sallyport.cli('--as', 'alice', ...asked, '--for', '1h', '--json')
  const { id: request } = JSON.parse(stdout) as { id: string }
  const refused = await house.sallyport.cli('access', 'requests', 'deny', request, '--note', 'n')
  const [id = ''] = /apr_[0-9a-z]{26}/.exec(refused.stderr) ?? []
  assert.match(id, /^apr_/, refused.stderr)
  assert.match((await cli('alice', 'approve', id)).stdout, /is approved/)
  assert.equal((await house.sallyport.cli('access', 'requests', 'approve', request, '--note', 'n')).ok, false)
  assert.equal((await house.sallyport.cli('access', 'requests', 'deny', request, '--note', 'n')).ok, true)
  await house.apply({}, { 'demo.cedar': DEMO, 'messages.cedar': ASKING })
})

test('approvals are told of as they happen', async () => {
  const watching = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'src/cli/main.ts', 'approvals', 'watch', '--json'],
    { cwd: ROOT, env: { ...process.env, SALLYPORT_CREDENTIALS: join(house.sallyport.data, 'demo/credentials.json') } },
  )
  const seen: { id: string; state: string }[] = []
  createInterface({ input: watching.stdout }).on('line', (line) => seen.push(JSON.parse(line)))
  const { token } = await conversation()
  const client = await mcpClient(house.credentials, 'office', token)
  try {
    let body = 0
    let id = ''
    // Nothing says when it has begun to listen.
    await until(async () => {
      await sleep(1_500)
      const args = { to: 'dave@example.com', body: `watched ${++body}` }
      id = (await denialOf(client.callTool({ name: 'send_message', arguments: args }))).id
      await sleep(500)
      return seen.some((one) => one.id === id && one.state === 'pending')
    }, 30_000)
    await succeed(house.sallyport, 'approvals', 'approve', id)
    await until(async () => seen.some((one) => one.id === id && one.state === 'approved'), 10_000)
  } finally {
    await client.close()
    const gone = once(watching, 'exit')
    watching.kill('SIGTERM')
    await gone
  }
})
