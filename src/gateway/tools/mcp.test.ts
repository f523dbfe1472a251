// Real clients of both generations, through the whole way of a request, to a real server.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { startTestGateway, type TestGateway } from './test-gateway.ts'
import { startOffice } from './test-upstream.ts'

const GENERATIONS = [
  {
    revision: '2025-11-25',
    async connect(gateway: TestGateway, token: string, server = 'office', onAsked = refuseToAnswer) {
      const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } })
      client.setRequestHandler(ElicitRequestSchema, onAsked)
      await client.connect(new StreamableHTTPClientTransport(gateway.url(server), options(token)))
      return client
    },
  },
  {
    revision: '2026-07-28',
    async connect(gateway: TestGateway, token: string, server = 'office', onAsked = refuseToAnswer) {
      const client = new NewClient(
        { name: 'test', version: '1' },
        { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: {} } },
      )
      client.setRequestHandler('elicitation/create', onAsked)
      await client.connect(new NewTransport(gateway.url(server), options(token)))
      return client
    },
  },
]

type Answered = { action: 'accept'; content: Record<string, string> } | { action: 'decline' }

function refuseToAnswer(): Answered {
  return { action: 'decline' }
}

function options(token: string) {
  return { requestInit: { headers: { authorization: `Bearer ${token}` } } }
}

async function rig(t: TestContext, settings = 'acceptFirst: true', policies?: string) {
  const office = await startOffice(t)
  const gateway = await startTestGateway(
    t,
    `upstreams: { office: { kind: mcp, url: '${office.url}', ${settings} } }`,
    policies,
  )
  return { office, gateway }
}

const EVERYTHING = `permit (principal is Agent, action in Action::"tools", resource);`

for (const { revision, connect } of GENERATIONS) {
  describe(`a client of ${revision}`, () => {
    test('sees and uses what it may use', async (t) => {
      const { gateway, office } = await rig(t)
      const client = await connect(gateway, await gateway.token('helper'))
      t.after(() => client.close())
      const names = (await client.listTools()).tools.map(({ name }) => name)
      assert.deepEqual(names, ['read_file', 'send_message', 'drop_tables', 'ask_back'])
      const read = await client.callTool({ name: 'read_file', arguments: { path: 'inbox' } })
      assert.match(JSON.stringify(read), /Invoice/)
      assert.equal((await client.listResources()).resources.length, 2)
      assert.match(JSON.stringify(await client.readResource({ uri: 'office://public' })), /the public text/)
      assert.equal((await client.listPrompts()).prompts.length, 2)
      assert.match(
        JSON.stringify(await client.getPrompt({ name: 'public', arguments: { who: 'me' } })),
        /public prompt/,
      )
      // The caller's own token stays here.
      assert.ok(office.received.every(({ headers }) => headers.authorization === undefined))
    })

    test('sees of tools, resources and prompts only what it could use', async (t) => {
      const { gateway } = await rig(
        t,
        'acceptFirst: true',
        `${EVERYTHING}
         forbid (principal, action == Action::"tool:call", resource == Tool::"office/drop_tables");
         forbid (principal, action == Action::"tool:call", resource == Tool::"office/send_message")
           when { context.arguments.hasTag("/to") && context.arguments.getTag("/to") == "eve@evil.co" };
         forbid (principal, action == Action::"document:read", resource == Document::"office/office://secret");
         forbid (principal, action == Action::"prompt:get", resource == Prompt::"office/secret");`,
      )
      const client = await connect(gateway, await gateway.token('helper'))
      t.after(() => client.close())
      const names = (await client.listTools()).tools.map(({ name }) => name)
      assert.deepEqual(names, ['read_file', 'send_message', 'ask_back'])
      assert.deepEqual(
        (await client.listResources()).resources.map(({ name }) => name),
        ['public'],
      )
      assert.deepEqual(
        (await client.listPrompts()).prompts.map(({ name }) => name),
        ['public'],
      )
      await assert.rejects(client.callTool({ name: 'drop_tables', arguments: {} }), { code: -32001 })
      await assert.rejects(client.readResource({ uri: 'office://secret' }), { code: -32001 })
      await assert.rejects(client.getPrompt({ name: 'secret' }), { code: -32001 })
      const outcome = (await gateway.records('outcome')).find(
        (record) => !record.erased && /shown/.test(JSON.stringify(record.body)),
      )
      assert.ok(outcome !== undefined && !outcome.erased)
      assert.match(JSON.stringify(outcome.body), /"listed":4,"shown":3/)
    })

    test('is told why, by which record, and what helps', async (t) => {
      const { gateway } = await rig(
        t,
        'acceptFirst: true',
        `${EVERYTHING}
         @id("test/no-drop") @title("nobody drops tables") @remedy("ask the database team")
         forbid (principal, action == Action::"tool:call", resource == Tool::"office/drop_tables");`,
      )
      const token = await gateway.token('helper')
      const client = await connect(gateway, token)
      t.after(() => client.close())
      const error = await client.callTool({ name: 'drop_tables', arguments: {} }).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof Error && 'data' in error)
      const { txn, record, policies, remedy } = error.data as Record<string, unknown>
      assert.match(error.message, /nobody drops tables/)
      assert.deepEqual(
        { txn, policies, remedy },
        { txn: gateway.txnOf(token), policies: ['test/no-drop'], remedy: 'ask the database team' },
      )
      const stored = await gateway.log.read(Number(record))
      assert.ok(stored !== undefined && !stored.erased)
      assert.equal(stored.body.decision, 'deny')
      assert.deepEqual(stored.body.resource, { type: 'Tool', id: 'office/drop_tables' })
    })

    test('cannot be steered by what a tool returned', async (t) => {
      const { gateway, office } = await rig(t, 'acceptFirst: true, tools: { send_message: { guarded: [/to] } }')
      const token = await gateway.token('helper')
      const client = await connect(gateway, token)
      t.after(() => client.close())
      const conversation = `helper ${gateway.txnOf(token)}`
      gateway.origin.observe(conversation, { kind: 'user' }, 'Read the inbox and send a summary to bob@example.com')
      await client.callTool({ name: 'read_file', arguments: { path: 'inbox' } })
      await client.callTool({ name: 'send_message', arguments: { to: 'bob@example.com' } })
      const error = await client
        .callTool({ name: 'send_message', arguments: { to: 'eve@evil.co' } })
        .catch((thrown: unknown) => thrown)
      assert.ok(error instanceof Error && 'code' in error && error.code === -32001)
      assert.deepEqual(office.sent, [{ to: 'bob@example.com' }])
      const denial = (await gateway.records('decision')).findLast(
        (record) => !record.erased && record.body.decision === 'deny',
      )
      assert.ok(denial !== undefined && !denial.erased)
      assert.match(JSON.stringify(denial.body.origin), /"\/to".*tool:office/)
      assert.doesNotMatch(JSON.stringify(denial.body.origin), /eve/)
    })

    test('is not asked for anything by the server, unless policy permits it', async (t) => {
      const { gateway } = await rig(t)
      let asked = 0
      const client = await connect(gateway, await gateway.token('helper'), 'office', () => {
        asked++
        return { action: 'accept', content: { password: 'hunter2' } }
      })
      t.after(() => client.close())
      await client.callTool({ name: 'ask_back', arguments: {} }).then(
        (result) => assert.equal(result.isError, true),
        (error: unknown) => assert.ok(error instanceof Error && 'code' in error && error.code === -32001),
      )
      assert.equal(asked, 0)
      await gateway.setPolicies(EVERYTHING)
      const answer = await client.callTool({ name: 'ask_back', arguments: {} })
      assert.match(JSON.stringify(answer), /hunter2/)
      assert.equal(asked, 1)
    })

    test('finds no server that it may not know of', async (t) => {
      const { gateway } = await rig(t)
      const token = await gateway.token('outsider')
      const known = await connect(gateway, token).catch((error: unknown) => error)
      const unknown = await connect(gateway, token, 'nothing').catch((error: unknown) => error)
      for (const error of [known, unknown]) assert.ok(error instanceof Error && /404|no server/.test(error.message))
    })

    test('that is suspended is told so, and its open stream ends', async (t) => {
      const { gateway } = await rig(t)
      const client = await connect(gateway, await gateway.token('helper'))
      t.after(() => client.close())
      await client.listTools()
      await gateway.setStatus('helper', 'suspended')
      await assert.rejects(
        client.listTools(),
        (error: unknown) => error instanceof Error && /suspended/.test(error.message),
      )
    })
  })
}

test('an argument of a prompt is decided on like one of a tool', async (t) => {
  const { gateway } = await rig(
    t,
    'acceptFirst: true',
    `${EVERYTHING} forbid (principal, action == Action::"prompt:get", resource) when { context.arguments.hasTag("/who") && context.arguments.getTag("/who") == "eve" };`,
  )
  const client = await GENERATIONS[0]?.connect(gateway, await gateway.token('helper'))
  assert.ok(client !== undefined)
  t.after(() => client.close())
  await client.getPrompt({ name: 'public', arguments: { who: 'bob' } })
  await assert.rejects(client.getPrompt({ name: 'public', arguments: { who: 'eve' } }), { code: -32001 })
})

test('what a server returned is remembered with its trust before the client has it', async (t) => {
  for (const [settings, kind] of [
    ['trusted: true, acceptFirst: true', 'trusted'],
    ['trusted: false, acceptFirst: true', 'untrusted'],
  ] as const) {
    const { gateway } = await rig(t, settings)
    const token = await gateway.token('helper')
    const client = await GENERATIONS[1]?.connect(gateway, token)
    assert.ok(client !== undefined)
    await client.callTool({ name: 'read_file', arguments: { path: 'inbox' } })
    await client.close()
    const conversation = `helper ${gateway.txnOf(token)}`
    assert.deepEqual(gateway.origin.originsOf(conversation, { to: 'eve@evil.co' }).origin[kind], ['/to'])
  }
})
