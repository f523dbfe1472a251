import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { accessToken, claimsOf, mcpClient, modernMcpClient, textOf } from './clients.ts'
import { startEverything } from './everything.ts'
import { type House, openHouse, succeed } from './house.ts'

const DEMO = readFileSync(join(import.meta.dirname, '../../foundation/demo/policies/demo.cedar'), 'utf8')
const MORE = `
@id("test/everything")
permit (
  principal in AgentType::"assistant",
  action in [Action::"toolserver:connect", Action::"document:list", Action::"document:read", Action::"prompt:list", Action::"prompt:get", Action::"tool:call"],
  resource in ToolServer::"everything"
) unless { resource == Tool::"everything/get-env" };
`

let house: House
let everything: Awaited<ReturnType<typeof startEverything>>
let token: string
before(async () => {
  house = await openHouse()
  everything = await startEverything()
  // no credential, and nothing counts as accepted before somebody has read it
  const upstreams = { everything: { kind: 'mcp', url: everything.url, trusted: true } }
  await house.apply({ upstreams }, { 'demo.cedar': DEMO, 'more.cedar': MORE })
  const credentials = house.credentials
  credentials.gateway.mcp.everything = `${credentials.issuer}/gw/mcp/everything`
  token = (await accessToken(credentials, 'research-assistant')).token
})
after(async () => {
  await everything?.close()
  await house?.close()
})

test('a new server shows no tools until somebody has accepted them', async () => {
  const client = await mcpClient(house.credentials, 'everything', token)
  assert.deepEqual((await client.listTools()).tools, [])
  const waiting = await quarantined()
  assert.ok(waiting.some(({ name }) => name === 'echo'))
  for (const { server, name, digest } of waiting)
    await succeed(house.sallyport, 'tools', 'accept', `${server}/${name}`, '--digest', digest)
  const names = (await client.listTools()).tools.map(({ name }) => name)
  assert.ok(names.includes('echo') && names.includes('get-sum'))
  assert.ok(!names.includes('get-env'), 'a tool that the policy excepts is invisible')
  await client.close()
})

test('tools answer as they do without a gateway: text, images, structured content, progress', async () => {
  const client = await mcpClient(house.credentials, 'everything', token)
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })), 'Echo: hello')
  assert.match(textOf(await client.callTool({ name: 'get-sum', arguments: { a: 2, b: 3 } })), /5/)
  assert.match(JSON.stringify(await client.callTool({ name: 'get-tiny-image', arguments: {} })), /"type":"image"/)
  const weather = await client.callTool({ name: 'get-structured-content', arguments: { location: 'Chicago' } })
  assert.ok(weather.structuredContent)
  const progress: number[] = []
  const operation = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 3 } }
  await client.callTool(operation, undefined, { onprogress: (step) => progress.push(step.progress) })
  assert.ok(progress.length >= 2, `progress: ${progress}`)
  await client.close()
})

test('the excepted tool is denied when somebody guesses its name', async () => {
  const client = await mcpClient(house.credentials, 'everything', token)
  await assert.rejects(client.callTool({ name: 'get-env', arguments: {} }), { code: -32001 })
  await client.close()
})

test('resources and prompts come through', async () => {
  const client = await mcpClient(house.credentials, 'everything', token)
  const { resources } = await client.listResources()
  const [first] = resources
  assert.ok(first)
  assert.ok((await client.readResource({ uri: first.uri })).contents.length > 0)
  assert.ok((await client.listPrompts()).prompts.some(({ name }) => name === 'simple-prompt'))
  assert.ok((await client.getPrompt({ name: 'simple-prompt' })).messages.length > 0)
  await client.close()
})

test('a client of the new revision meets a server of the old one as it would without a gateway', async () => {
  const url = house.credentials.gateway.mcp.everything ?? ''
  await assert.rejects(modernMcpClient(url, token))
})

test('when the server is gone, clients are told so, and it is recorded', async () => {
  const client = await mcpClient(house.credentials, 'everything', token)
  await everything.close()
  const failure = await client
    .callTool({ name: 'echo', arguments: { message: 'hello' } })
    .catch((error: unknown) => error)
  assert.ok(failure instanceof Error)
  const records = await house.records(String(claimsOf(token).txn))
  const call = records.findLast(({ kind, body }) => kind === 'decision' && body.action === 'tool:call')
  const outcome = records.find(({ body }) => body.of === call?.index)
  assert.deepEqual([outcome?.body.status, outcome?.body.httpStatus], ['upstream_failed', 502])
})

async function quarantined(): Promise<readonly { server: string; name: string; digest: string }[]> {
  return JSON.parse(await succeed(house.sallyport, 'tools', 'list', '--quarantined', '--json'))
}
