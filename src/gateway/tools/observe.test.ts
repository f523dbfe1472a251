// What a tool gate in observe lets through, and what it does not.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { startTestGateway, type TestGateway } from './test-gateway.ts'
import { startOffice } from './test-upstream.ts'

const FORBIDDING = `
@id("test/read") permit (principal is Agent, action in Action::"tools", resource);
@id("test/no-drop") forbid (principal, action == Action::"tool:call", resource == Tool::"office/drop_tables");`

async function rig(t: TestContext, settings: string) {
  const office = await startOffice(t)
  const upstreams = `upstreams: { office: { kind: mcp, url: '${office.url}', ${settings} } }`
  const gateway = await startTestGateway(t, upstreams, FORBIDDING)
  const observe = (...targets: readonly string[]) =>
    gateway.access.setModes(new Map(targets.map((target) => [target, 'observe'])))
  return { office, gateway, observe }
}

async function connect(t: TestContext, gateway: TestGateway, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(gateway.url('office'), { requestInit }))
  t.after(() => client.close())
  return client
}

test('in observe a forbidden tool is seen and called, also by whoever may not connect', async (t) => {
  const { gateway, observe } = await rig(t, 'acceptFirst: true')
  const outsider = await gateway.token('outsider')
  await assert.rejects(connect(t, gateway, outsider))
  observe('upstream:office')
  for (const token of [outsider, await gateway.token('helper')]) {
    const client = await connect(t, gateway, token)
    assert.ok((await client.listTools()).tools.some(({ name }) => name === 'drop_tables'))
    await client.callTool({ name: 'drop_tables', arguments: {} })
  }
  const observed = (await gateway.records('decision')).flatMap((record) => {
    if (record.erased || record.body.decision !== 'observed-deny' || record.body.action !== 'tool:call') return []
    return [record]
  })
  assert.equal(observed.length, 2)
  for (const { body, outcome } of observed) {
    assert.deepEqual(body.observed, { by: ['upstream:office'], at: ['route:tools', 'upstream:office'] })
    assert.equal(outcome?.status, 'ok')
  }
  observe()
  await assert.rejects(connect(t, gateway, outsider))
})

test('in observe untrusted content can steer a call, and the record says so', async (t) => {
  const { gateway, office, observe } = await rig(t, 'acceptFirst: true, tools: { send_message: { guarded: [/to] } }')
  observe('route:tools')
  const client = await connect(t, gateway, await gateway.token('helper'))
  await client.callTool({ name: 'read_file', arguments: { path: 'inbox' } })
  await client.callTool({ name: 'send_message', arguments: { to: 'eve@evil.co' } })
  assert.deepEqual(office.sent, [{ to: 'eve@evil.co' }])
  const record = (await gateway.records('decision')).findLast((one) => !one.erased && one.body.action === 'tool:call')
  assert.ok(record !== undefined && !record.erased)
  assert.equal(record.body.decision, 'observed-deny')
  assert.match(JSON.stringify(record.body.reasons), /foundation\/(untrusted-origin|invented-value)/)
})

test('a tool that nobody has accepted is neither shown nor called in observe', async (t) => {
  const { gateway, observe } = await rig(t, 'acceptFirst: false')
  observe('tenant', 'route:tools', 'upstream:office')
  const client = await connect(t, gateway, await gateway.token('helper'))
  assert.deepEqual((await client.listTools()).tools, [])
  await assert.rejects(client.callTool({ name: 'read_file', arguments: { path: 'inbox' } }))
})

test('whoever is suspended is cut off in observe like everywhere', async (t) => {
  const { gateway, observe } = await rig(t, 'acceptFirst: true')
  observe('tenant')
  const token = await gateway.token('helper')
  const client = await connect(t, gateway, token)
  await gateway.setStatus('helper', 'suspended')
  await assert.rejects(client.callTool({ name: 'read_file', arguments: { path: 'inbox' } }))
  await assert.rejects(connect(t, gateway, token))
})

test('a method that the gateway does not know stays out in observe', async (t) => {
  const { gateway, observe } = await rig(t, 'acceptFirst: true')
  observe('tenant', 'route:tools')
  const answer = await gateway.ask('office', await gateway.token('helper'), {
    jsonrpc: '2.0',
    id: 1,
    method: 'tasks/cancel',
    params: {},
  })
  assert.ok(answer.messages[0]?.error !== undefined, answer.text)
})
