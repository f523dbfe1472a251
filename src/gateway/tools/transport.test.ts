// What a client sends, byte by byte: everything that is refused before a server can see it, and what it is answered.
import assert from 'node:assert/strict'
import { request as rawRequest } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { startTestGateway, type TestGateway } from './test-gateway.ts'
import { type RawRequest, reply, startHostile, startOffice } from './test-upstream.ts'

const STATELESS = '2026-07-28'
const META = {
  'io.modelcontextprotocol/protocolVersion': STATELESS,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const PING = { jsonrpc: '2.0', id: 7, method: 'ping' }

interface Asked {
  readonly action: string
  readonly resource: { readonly type: string; readonly id: string }
}

/** A server with one tool that says yes to everything. */
async function rig(t: TestContext, policies?: string) {
  const tools = [
    {
      name: 'send',
      inputSchema: {
        type: 'object',
        properties: {
          to: { type: 'string', 'x-mcp-header': 'To' },
          nested: { type: 'object', properties: { amount: { type: 'integer', 'x-mcp-header': 'Amount' } } },
          list: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } },
        },
      },
    },
  ]
  const upstream = await startHostile(t, (request, response) => {
    if (request.message.method === 'tools/list') return reply(request, response, { tools })
    reply(request, response, { content: [] })
  })
  const gateway = await startTestGateway(
    t,
    `upstreams: { lab: { kind: mcp, url: '${upstream.url}', acceptFirst: true } }`,
    policies,
  )
  const token = await gateway.token('helper')
  await gateway.ask('lab', token, { jsonrpc: '2.0', id: 0, method: 'tools/list' })
  upstream.received.length = 0
  const ask = (body: unknown, headers?: Record<string, string>) => gateway.ask('lab', token, body, headers)
  return { gateway, upstream, token, ask }
}

const stateless = (method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id: 7,
  method,
  params: { ...params, _meta: META },
})
const headers = (method: string, more: Record<string, string> = {}) => ({
  'mcp-protocol-version': STATELESS,
  'mcp-method': method,
  ...more,
})

describe('a request that cannot be read in one way only', () => {
  const CASES: readonly (readonly [title: string, body: string, status: number, code: number])[] = [
    ['is not JSON', '{"jsonrpc":', 400, -32700],
    ['is empty', '', 400, -32700],
    ['has a key twice', '{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call"}', 400, -32600],
    ['has a key twice, once escaped', '{"jsonrpc":"2.0","id":7,"method":"ping","m\\u0065thod":"x"}', 400, -32600],
    [
      'has an argument twice',
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"send","arguments":{"to":"a","to":"b"}}}',
      400,
      -32600,
    ],
    ['has a member in another case', '{"jsonrpc":"2.0","id":7,"method":"ping","Method":"tools/call"}', 400, -32600],
    [
      'has a parameter in another case',
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"send","Name":"x"}}',
      400,
      -32600,
    ],
    [
      'has a number that does not fit',
      '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":12345678901234567890}}',
      400,
      -32600,
    ],
    ['has a number beyond all', '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":1e999}}', 400, -32600],
    [
      'is nested too deep',
      `{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":${'['.repeat(80)}${']'.repeat(80)}}}`,
      400,
      -32600,
    ],
    ['is a batch', '[{"jsonrpc":"2.0","id":7,"method":"ping"}]', 400, -32600],
    ['is an empty batch', '[]', 400, -32600],
    ['is a text', '"ping"', 400, -32600],
    ['is of another version', '{"jsonrpc":"1.0","id":7,"method":"ping"}', 400, -32600],
    ['has the id null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600],
    ['has an object for an id', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600],
    ['has a list of parameters', '{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', 400, -32600],
    ['is request and answer at once', '{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}', 400, -32600],
    ['answers what nobody asked', '{"jsonrpc":"2.0","id":7,"result":{}}', 400, -32600],
    ['reports an error that nobody waits for', '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}', 400, -32600],
  ]
  test('is refused', async (t) => {
    const { ask, upstream } = await rig(t)
    for (const [title, body, status, code] of CASES) {
      const answer = await ask(body)
      assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [status, code], `${title}: ${answer.text}`)
    }
    const text = await ask(PING, { 'content-type': 'text/plain' })
    assert.equal(text.status, 400)
    assert.deepEqual(upstream.received, [])
  })
})

test('what reaches the server is what was read, and nothing that was not asked about', async (t) => {
  const { gateway, token, upstream } = await rig(t)
  await gateway.ask('lab', token, '{ "method":"p\\u0069ng",\n "id" : "x", "jsonrpc":"2.0" }', {
    cookie: 'a=b',
    'x-forwarded-for': '1.2.3.4',
    'mcp-session-id-old': 'x',
  })
  const [request] = upstream.received
  assert.deepEqual(request?.message, { jsonrpc: '2.0', id: 'x', method: 'ping' })
  const names = Object.keys(request?.headers ?? {}).filter(
    (name) => !['host', 'connection', 'content-length'].includes(name),
  )
  assert.deepEqual(names.sort(), ['accept', 'content-type', 'traceparent'])
})

describe('headers that say something else than the body', () => {
  const call = stateless('tools/call', { name: 'send', arguments: { to: 'bob', nested: { amount: 42 } } })
  const good = headers('tools/call', { 'mcp-name': 'send', 'mcp-param-to': 'bob', 'mcp-param-amount': '42.0' })
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
  const CASES: readonly (readonly [title: string, body: object, headers: Record<string, string>])[] = [
    ['no version', call, without('mcp-protocol-version')],
    ['an older version', call, { ...good, 'mcp-protocol-version': '2025-11-25' }],
    ['no method', call, without('mcp-method')],
    ['another method', call, { ...good, 'mcp-method': 'ping' }],
    ['a method in another case', call, { ...good, 'mcp-method': 'Tools/Call' }],
    ['no name', call, without('mcp-name')],
    ['another name', call, { ...good, 'mcp-name': 'read' }],
    ['another name, encoded', call, { ...good, 'mcp-name': `=?base64?${Buffer.from('read').toString('base64')}?=` }],
    ['a name where there is none', stateless('server/discover'), headers('server/discover', { 'mcp-name': 'send' })],
    ['another argument', call, { ...good, 'mcp-param-to': 'eve' }],
    ['no argument', call, without('mcp-param-to')],
    ['another number', call, { ...good, 'mcp-param-amount': '43' }],
    ['an argument that is not ASCII', call, { ...good, 'mcp-param-other': 'b\u00fc' }],
    ['a method, to a server with sessions', PING, { 'mcp-method': 'tools/call' }],
    [
      'a name, to a server with sessions',
      { ...PING, method: 'tools/call', params: { name: 'send' } },
      { 'mcp-name': 'x' },
    ],
  ]
  test('are refused with 400 and -32020', async (t) => {
    const { ask, upstream } = await rig(t)
    for (const [title, body, sent] of CASES) {
      const answer = await ask(body, sent)
      assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [400, -32020], `${title}: ${answer.text}`)
      assert.equal(answer.messages[0]?.id, 7)
    }
    assert.equal(upstream.received.length, 0)
    for (const sent of [good, { ...good, 'mcp-name': `=?base64?${Buffer.from('send').toString('base64')}?=` }]) {
      assert.equal((await ask(call, sent)).status, 200)
    }
    assert.equal(upstream.received[0]?.headers['mcp-param-to'], 'bob')
    assert.equal(upstream.received[0]?.headers['mcp-protocol-version'], STATELESS)
  })

  test('a body that does not say what the revision asks for is invalid by itself', async (t) => {
    const { ask, upstream } = await rig(t)
    for (const body of [
      { ...PING, params: {} },
      { ...PING, params: { _meta: {} } },
      { ...PING, params: { _meta: 'x' } },
    ]) {
      const answer = await ask(body, headers('ping'))
      assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [400, -32602], JSON.stringify(body))
    }
    assert.equal(upstream.received.length, 0)
  })

  test('a version that nobody knows is answered with those that are known', async (t) => {
    const { ask, upstream } = await rig(t)
    const answer = await ask(PING, { 'mcp-protocol-version': '2031-01-01' })
    assert.equal(answer.status, 400)
    const { code, data } = answer.messages[0]?.error ?? {}
    assert.deepEqual([code, data?.requested], [-32022, '2031-01-01'])
    assert.ok(Array.isArray(data?.supported) && data.supported.includes(STATELESS))
    assert.deepEqual(upstream.received, [])
  })
})

test('an argument that a lenient server would take for another one is refused', async (t) => {
  const { ask, upstream } = await rig(t)
  for (const args of [{ To: 'eve' }, { ｔｏ: 'eve' }, { nested: { AMOUNT: 1 } }, { list: [{ ID: 'x' }] }]) {
    const answer = await ask({ ...PING, method: 'tools/call', params: { name: 'send', arguments: args } })
    assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [200, -32602], JSON.stringify(args))
  }
  const odd = await ask({ ...PING, method: 'tools/call', params: { name: 'send', arguments: 'to' } })
  assert.equal(odd.messages[0]?.error?.code, -32602)
  for (const [method, params] of [
    ['tools/call', { name: 'n'.repeat(5000) }],
    ['prompts/get', { name: 'n'.repeat(5000) }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'n'.repeat(5000) } }],
  ] as const) {
    const long = await ask({ ...PING, method, params })
    assert.deepEqual([method, long.messages[0]?.error?.message], [method, 'the parameter `name` is too long'])
  }
  const nameless = await ask({ ...PING, method: 'tools/call', params: { arguments: {} } })
  assert.equal(nameless.messages[0]?.error?.code, -32602)
  assert.deepEqual(upstream.received, [])
})

test('a resource has one spelling', async (t) => {
  const { ask, upstream } = await rig(t)
  const read = (uri: unknown) => ask({ ...PING, method: 'resources/read', params: { uri } })
  for (const uri of [
    'office://notes/../secret',
    'office://notes/./secret',
    'office://notes/%2e%2e/secret',
    'office://notes/%73ecret',
    'office://notes%2Fsecret',
    'office://notes\\secret',
    'OFFICE://notes/secret',
    'https://EXAMPLE.com/a',
    'https://example.com:443/a',
    'file:///a//../b',
    ' office://notes',
    '',
    7,
  ]) {
    assert.equal((await read(uri)).messages[0]?.error?.code, -32602, String(uri))
  }
  assert.deepEqual(upstream.received, [])
  for (const uri of [
    'office://notes/q3.txt',
    'file:///a%20b',
    'https://example.com',
    'test://{id}/data',
    'plain-name',
    'urn:isbn:123',
  ]) {
    assert.equal((await read(uri)).status, 200, uri)
  }
})

describe('methods', () => {
  const ONLY_WITH_SESSIONS = ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']
  const NEVER = [
    'tasks/list',
    'tasks/get',
    'tasks/cancel',
    'tasks/result',
    'sampling/createMessage',
    'roots/list',
    'elicitation/create',
    'resources/delete',
    'tools/callAll',
    'TOOLS/CALL',
    'constructor',
    '__proto__',
    '',
  ]
  test('that nobody has thought about are denied', async (t) => {
    const { gateway, ask, upstream } = await rig(t, 'permit (principal, action, resource);')
    for (const method of NEVER) {
      const answer = await ask({ ...PING, method })
      assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [200, -32001], method)
      // 2026-07-28: 404 and "method not found".
      const modern = await ask(stateless(method), headers(method === '' ? ' ' : method))
      assert.ok(modern.status === 404 || modern.status === 400, `${method}: ${modern.text}`)
    }
    for (const method of ONLY_WITH_SESSIONS) {
      const answer = await ask(stateless(method, { uri: 'a://b' }), headers(method))
      assert.deepEqual([answer.status, answer.messages[0]?.error?.code], [404, -32601], method)
    }
    assert.deepEqual(upstream.received, [])
    const last = (await gateway.records('decision')).at(-1)
    assert.ok(last !== undefined && !last.erased)
    assert.equal(last.body.decision, 'deny')
  })

  const ACTIONS: readonly (readonly [method: string, params: object, asked: readonly string[]])[] = [
    ['initialize', {}, ['toolserver:connect ToolServer lab']],
    ['server/discover', {}, ['toolserver:connect ToolServer lab']],
    ['ping', {}, ['toolserver:connect ToolServer lab']],
    ['notifications/initialized', {}, ['toolserver:connect ToolServer lab']],
    ['notifications/cancelled', {}, ['toolserver:connect ToolServer lab']],
    ['tools/list', {}, ['toolserver:connect ToolServer lab']],
    ['tools/call', { name: 'send', arguments: {} }, ['tool:call Tool lab/send']],
    ['resources/list', {}, ['document:list ToolServer lab']],
    ['resources/templates/list', {}, ['document:list ToolServer lab']],
    ['resources/read', { uri: 'a://b' }, ['document:read Document lab/a://b']],
    ['resources/subscribe', { uri: 'a://b' }, ['document:read Document lab/a://b']],
    ['resources/unsubscribe', { uri: 'a://b' }, ['document:read Document lab/a://b']],
    ['prompts/list', {}, ['prompt:list ToolServer lab']],
    ['prompts/get', { name: 'p' }, ['prompt:get Prompt lab/p']],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'x', value: 'y' } },
      ['prompt:get Prompt lab/p'],
    ],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'a://{b}' } }, ['document:read Document lab/a://{b}']],
    ['logging/setLevel', { level: 'info' }, ['toolserver:log ToolServer lab']],
    [
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: ['a://b'] } },
      ['toolserver:connect ToolServer lab', 'document:read Document lab/a://b'],
    ],
  ]
  test('are decided as what they do', async (t) => {
    const { gateway, ask } = await rig(t)
    for (const [method, params, asked] of ACTIONS) {
      await ask({ jsonrpc: '2.0', method, params, ...(method.startsWith('notifications/') ? {} : { id: 7 }) })
      const record = (await gateway.records('decision')).at(-1)
      assert.ok(record !== undefined && !record.erased)
      const { questions, action, resource } = record.body
      const all = (Array.isArray(questions) ? questions : [{ action, resource }]) as readonly Asked[] // as they are recorded
      assert.deepEqual(
        all.map((one: Asked) => `${one.action} ${one.resource.type} ${one.resource.id}`),
        asked,
        method,
      )
    }
  })
})

describe('who may come in', () => {
  test('nobody without a credential, and where to get one is said', async (t) => {
    const { gateway, upstream } = await rig(t)
    for (const token of [undefined, 'x', 'eyJhbGciOiJub25lIn0.e30.']) {
      const answer = await gateway.ask('lab', token, PING)
      assert.equal(answer.status, 401)
      assert.match(
        answer.headers.get('www-authenticate') ?? '',
        /^Bearer .*resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/t\/demo\/gw\/mcp\/lab"/,
      )
      assert.doesNotMatch(answer.text, /signature|expired|alg/)
    }
    assert.deepEqual(upstream.received, [])
  })

  test('no other web site', async (t) => {
    const { gateway, ask, upstream } = await rig(t)
    for (const origin of ['https://evil.co', 'null', `${new URL(gateway.issuer).origin}.evil.co`, 'http://localhost']) {
      assert.equal((await ask(PING, { origin })).status, 403, origin)
    }
    assert.deepEqual(upstream.received, [])
    assert.equal((await ask(PING, { origin: new URL(gateway.issuer).origin })).status, 200)
  })

  test('nobody learns which servers there are', async (t) => {
    const { gateway } = await rig(t)
    const outsider = await gateway.token('outsider')
    const [there, notThere] = [await gateway.ask('lab', outsider, PING), await gateway.ask('nothing', outsider, PING)]
    assert.deepEqual([there.status, notThere.status], [404, 404])
    const shape = (text: string) => text.replace(/txn_\w+|"record":\d+|lab|nothing/g, '')
    assert.equal(shape(there.text), shape(notThere.text))
    await gateway.setStatus('outsider', 'suspended')
    const suspended = [await gateway.ask('lab', outsider, PING), await gateway.ask('nothing', outsider, PING)]
    assert.deepEqual(
      suspended.map(({ status, messages }) => [status, messages[0]?.error?.code]),
      [
        [200, -32001],
        [200, -32001],
      ],
    )
    assert.equal(shape(suspended[0]?.text ?? ''), shape(suspended[1]?.text ?? ''))
  })

  test('a token without the scope `tools` is told so', async (t) => {
    const { gateway } = await rig(t)
    const answer = await gateway.ask('lab', await gateway.token('helper', 'models'), PING)
    assert.equal(answer.messages[0]?.error?.code, -32001)
    assert.match(answer.messages[0]?.error?.message ?? '', /scope/)
  })

  test('a path that is none', async (t) => {
    const { gateway, token } = await rig(t)
    for (const name of ['', '..', 'lab/x', 'lab%2fx', 'lab?x=1', 'LAB']) {
      const { status } = await gateway.ask(name, token, PING)
      assert.equal(status, name === 'lab?x=1' ? 200 : 404, name)
    }
  })
})

test('without a record nothing happens', async (t) => {
  const { gateway, ask, upstream } = await rig(t)
  await gateway.log.close()
  const answer = await ask({ ...PING, method: 'tools/call', params: { name: 'send', arguments: {} } })
  assert.deepEqual([answer.status, answer.messages[0]?.error?.code, answer.messages[0]?.id], [503, -32603, 7])
  const never = await ask({ ...PING, method: 'tools/call', params: { name: 'unheard', arguments: {} } })
  assert.equal(never.status, 503)
  assert.deepEqual(upstream.received, [])
})

describe('sessions', () => {
  async function session(gateway: TestGateway, token: string): Promise<string> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    const answer = await gateway.ask('office', token, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
    assert.equal(answer.status, 200)
    return answer.headers.get('mcp-session-id') ?? assert.fail('no session')
  }

  test('belong to who opened them', async (t) => {
    const office = await startOffice(t)
    const gateway = await startTestGateway(
      t,
      `upstreams: { office: { kind: mcp, url: '${office.url}', acceptFirst: true }, twin: { kind: mcp, url: '${office.url}' } }`,
    )
    const [helper, other] = [await gateway.token('helper'), await gateway.token('other')]
    const id = await session(gateway, helper)
    const using = (server: string, token: string | undefined, session: string) =>
      gateway.ask(server, token, PING, { 'mcp-session-id': session })
    assert.equal((await using('office', helper, id)).status, 200)
    // The same principal with another token goes on; nobody else does, and not at another server.
    assert.equal((await using('office', await gateway.token('helper'), id)).status, 200)
    const before = office.received.length
    assert.equal((await using('office', other, id)).status, 404)
    assert.equal((await using('twin', helper, id)).status, 404)
    assert.equal((await using('office', helper, 'made-up')).status, 404)
    assert.equal((await using('office', undefined, id)).status, 401)
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(gateway.url('office'), {
        method,
        headers: { authorization: `Bearer ${other}`, accept: 'text/event-stream', 'mcp-session-id': id },
      })
      assert.equal(response.status, 404, method)
    }
    assert.equal(office.received.length, before)
    // The server's own name for it is nobody's business.
    assert.ok(office.received.every(({ headers }) => headers['mcp-session-id'] !== id))
    const own = office.received.find(({ headers }) => headers['mcp-session-id'] !== undefined)?.headers[
      'mcp-session-id'
    ]
    assert.equal((await using('office', helper, String(own))).status, 404)
  })

  test('end when their owner ends them', async (t) => {
    const office = await startOffice(t)
    const gateway = await startTestGateway(t, `upstreams: { office: { kind: mcp, url: '${office.url}' } }`)
    const token = await gateway.token('helper')
    const id = await session(gateway, token)
    const response = await fetch(gateway.url('office'), {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}`, 'mcp-session-id': id },
    })
    assert.equal(response.status, 200)
    assert.equal((await gateway.ask('office', token, PING, { 'mcp-session-id': id })).status, 404)
    assert.ok(office.received.some(({ method }) => method === 'DELETE'))
  })

  test('do not exist in the revision without them', async (t) => {
    const { gateway, token, ask, upstream } = await rig(t)
    const answer = await ask(stateless('server/discover'), headers('server/discover', { 'mcp-session-id': 'anything' }))
    assert.equal(answer.status, 200)
    assert.equal(upstream.received[0]?.headers['mcp-session-id'], undefined)
    const stream = await gateway.ask('lab', token, undefined, { 'mcp-protocol-version': STATELESS })
    assert.equal(stream.status, 405)
  })
})

test('a client that hangs up cancels its call upstream', async (t) => {
  let hungUp: (() => void) | undefined
  const gone = new Promise<void>((resolve) => {
    hungUp = resolve
  })
  const upstream = await startHostile(t, (request: RawRequest, response) => {
    if (request.message.method === 'tools/list') {
      return reply(request, response, { tools: [{ name: 'slow', inputSchema: { type: 'object' } }] })
    }
    response.on('close', () => hungUp?.())
  })
  const gateway = await startTestGateway(
    t,
    `upstreams: { lab: { kind: mcp, url: '${upstream.url}', acceptFirst: true } }`,
  )
  const token = await gateway.token('helper')
  const request = rawRequest(gateway.url('lab'), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  })
  request.on('error', () => undefined)
  request.end(JSON.stringify({ ...PING, method: 'tools/call', params: { name: 'slow' } }))
  while (!upstream.received.some(({ message }) => message.method === 'tools/call')) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  request.destroy()
  await gone
})
