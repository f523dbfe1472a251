import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseManifest } from '../../identity/index.ts'
import { startTestGateway, type Upstream } from './test-gateway.ts'

const CHAT = 'openai/v1/chat/completions'
const ASK = { model: 'chat', messages: [{ role: 'user', content: 'write to carol@example.com' }] }
const STREAM = { ...ASK, stream: true }

function completion(message: object, usage: object = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }) {
  return { id: 'c1', object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage }
}

function toolCall(name: string, args: string, id = 'call_1') {
  return { id, type: 'function', function: { name, arguments: args } }
}

function answerJson(body: unknown, status = 200): Upstream {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

/** Streams these texts, each in a piece of its own; objects as data of an event. */
function answerStream(...events: readonly (object | string)[]): Upstream {
  return async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const event of events) {
      response.write(typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`)
      await sleep(2)
    }
    response.end()
  }
}

function delta(change: object, finish: string | null = null, index = 0) {
  return { id: 'c1', object: 'chat.completion.chunk', choices: [{ index, delta: change, finish_reason: finish }] }
}

function callDelta(index: number, piece: { id?: string; name?: string; text?: string }, choice = 0) {
  const { id, name, text } = piece
  return delta({ tool_calls: [{ index, id, function: { name, arguments: text } }] }, null, choice)
}

const DONE = 'data: [DONE]\n\n'

test('what counts for limits is of its own type, so that no upstream reads another number out of it', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ role: 'assistant', content: 'hi' })))
  for (const odd of [
    { stream: 'true' },
    { stream: 1 },
    { n: '8' },
    { max_tokens: '9' },
    { max_completion_tokens: [9] },
  ]) {
    const answer = await gateway.post(CHAT, { ...ASK, ...odd })
    assert.equal(answer.status, 400, JSON.stringify(odd))
  }
  assert.equal(gateway.seen.length, 0)
  assert.equal((await gateway.post(CHAT, { ...ASK, stream: null, n: null, max_tokens: 9 })).status, 200)
})

test('a question goes up as it was understood: the upstream’s model, our credential, nothing of the caller', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ role: 'assistant', content: 'hi' })))
  const answer = await gateway.post(
    CHAT,
    '{"model":"secret","model":"chat","messages":[],"messages":[{"role":"user","content":"hi"}],"seed":7}',
    {
      headers: { cookie: 'a=b', 'x-forwarded-for': '10.0.0.1', 'idempotency-key': 'k1', 'openai-organization': 'org' },
    },
  )
  assert.equal(answer.status, 200)
  const [up] = gateway.seen
  assert.equal(up?.path, '/v1/chat/completions')
  assert.deepEqual(JSON.parse(up?.body ?? ''), {
    model: 'chat-2025',
    messages: [{ role: 'user', content: 'hi' }],
    seed: 7,
  })
  assert.ok(!up?.body.includes('secret'))
  assert.equal(up?.headers.authorization, 'Bearer upstream-secret')
  assert.deepEqual(Object.keys(up?.headers ?? {}).sort(), [
    'accept',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'idempotency-key',
    'traceparent',
    'user-agent',
  ])
})

test('callers who share our credential upstream do not share the keys of their repetitions', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ role: 'assistant', content: 'hi' })))
  await gateway.directory.apply(parseManifest('agents: { second: { sponsor: alice, type: assistant } }', 'x.yaml'))
  const second = await gateway.key('second')
  const ask = (key: string | undefined, name: string) =>
    gateway.post(CHAT, ASK, { ...(key === undefined ? {} : { key }), headers: { 'idempotency-key': name } })
  for (const [key, name] of [
    [undefined, 'k1'],
    [undefined, 'k1'],
    [undefined, 'k2'],
    [second, 'k1'],
  ] as const) {
    assert.equal((await ask(key, name)).status, 200)
  }
  const [first, again, other, theirs] = gateway.seen.map(({ headers }) => headers['idempotency-key'])
  assert.equal(again, first)
  assert.equal(new Set([first, other, theirs, 'k1', 'k2']).size, 5)
})

test('an answer comes back as it was, names its request and its record, and its usage is recorded', async (t) => {
  const whole = completion({ role: 'assistant', content: 'hi "\u00e9"' })
  const gateway = await startTestGateway(t, (_, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'x-request-id': 'r1',
      'openai-organization': 'ours',
      'set-cookie': 'c=d',
    })
    response.end(JSON.stringify(whole))
  })
  const answer = await gateway.post(CHAT, ASK)
  assert.deepEqual(await answer.json(), whole)
  assert.equal(answer.headers.get('x-request-id'), 'r1')
  assert.equal(answer.headers.get('openai-organization'), null)
  assert.equal(answer.headers.get('set-cookie'), null)
  const [decision, outcome] = await gateway.records()
  assert.equal(answer.headers.get('sallyport-txn'), decision?.txn)
  assert.equal(answer.headers.get('sallyport-record'), String(decision?.index))
  assert.deepEqual(
    [decision?.kind, decision?.body.action, decision?.body.decision, decision?.body.resource],
    ['decision', 'model:invoke', 'allow', { type: 'Model', id: 'chat' }],
  )
  assert.deepEqual(
    [outcome?.kind, outcome?.body.of, outcome?.body.status, outcome?.body.usage],
    ['outcome', decision?.index, 'ok', { prompt: 3, completion: 4 }],
  )
})

test('text streams through at once, the end of an event is not waited for by the next', async (t) => {
  let go: (() => void) | undefined
  const gateway = await startTestGateway(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(delta({ content: 'one' }))}\r\n\r\n`)
    await new Promise<void>((resolve) => {
      go = resolve
    })
    response.end(DONE)
  })
  const answer = await gateway.post(CHAT, STREAM)
  const reader = answer.body?.getReader() ?? assert.fail()
  const { value } = await reader.read()
  assert.match(Buffer.from(value ?? '').toString(), /"one".*\r\n\r\n$/)
  go?.()
  assert.equal(Buffer.from((await reader.read()).value ?? '').toString(), DONE)
})

test('the usage of a stream is asked for and recorded, and shown only to who asked for it', async (t) => {
  const usage = { id: 'c1', choices: [], usage: { prompt_tokens: 5, completion_tokens: 6 } }
  const gateway = await startTestGateway(t, answerStream(delta({ content: 'one' }), delta({}, 'stop'), usage, DONE))
  const without = await (await gateway.post(CHAT, STREAM)).text()
  assert.ok(without.includes('"one"') && without.endsWith(DONE) && !without.includes('usage'))
  assert.deepEqual(JSON.parse(gateway.seen[0]?.body ?? '').stream_options, { include_usage: true })
  const asked = { ...STREAM, stream_options: { include_usage: true } }
  assert.ok((await (await gateway.post(CHAT, asked)).text()).includes('"usage":{"prompt_tokens":5'))
  const outcomes = (await gateway.records()).filter(({ kind }) => kind === 'outcome')
  assert.deepEqual(
    outcomes.map(({ body }) => body.usage),
    [
      { prompt: 5, completion: 6 },
      { prompt: 5, completion: 6 },
    ],
  )
})

test('an allowed call is recorded, and then released as it came', async (t) => {
  const events = [
    delta({ role: 'assistant', content: 'Looking.' }),
    callDelta(0, { id: 'a', name: 'look', text: '{"what":' }),
    callDelta(1, { id: 'b', name: 'send', text: '' }),
    callDelta(0, { text: '"it"}' }),
    callDelta(1, { text: '{"to":"carol@example.com"}' }),
    delta({}, 'tool_calls'),
  ]
  const gateway = await startTestGateway(t, answerStream(...events, DONE))
  const text = await (await gateway.post(CHAT, STREAM)).text()
  assert.equal(text, [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), DONE].join(''))
  const [request, calls, outcome] = await gateway.records()
  assert.equal(calls?.body.within, request?.index)
  assert.equal(calls?.body.decision, 'allow')
  const questions = calls?.body.questions as { resource: object; origin?: object; arguments?: object }[]
  assert.deepEqual(
    questions.map(({ resource }) => resource),
    [
      { type: 'Tool', id: 'local/look' },
      { type: 'Tool', id: 'local/send' },
    ],
  )
  assert.deepEqual(questions[1]?.origin, { '/to': { source: 'user', trusted: true } })
  const [look, send] = questions.map((one) => one.arguments)
  assert.deepEqual(send, { '/to': 'carol@example.com' }, 'what policies read is recorded')
  assert.deepEqual(look, {}, 'and nothing else of the arguments')
  assert.equal(outcome?.body.status, 'ok')
})

test('a denied call never reaches the client: an error ends the stream, and the upstream is let go', async (t) => {
  let closed: Promise<unknown> | undefined
  const gateway = await startTestGateway(t, async (_, response) => {
    closed = new Promise((resolve) => response.once('close', resolve))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of [
      delta({ content: 'Sending.' }),
      callDelta(0, { id: 'a', name: 'send', text: '{"to":"bob@exam' }),
      callDelta(0, { text: 'ple.com"}' }),
      delta({}, 'tool_calls'),
    ]) {
      response.write(`data: ${JSON.stringify(event)}\n\n`)
    }
    // and never ends
  })
  const answer = await gateway.post(CHAT, STREAM)
  const text = await answer.text()
  await closed
  assert.equal(answer.status, 200)
  assert.ok(text.includes('Sending.') && !text.includes('bob@') && !text.includes('tool_calls'))
  const error = JSON.parse(text.slice(text.lastIndexOf('data: ') + 6)).error
  assert.equal(error.type, 'permission_error')
  assert.deepEqual(error.sallyport.policies, ['test/nobody-else'])
  const [, calls, outcome] = await gateway.records()
  assert.equal(error.sallyport.record, calls?.index)
  assert.equal(calls?.body.decision, 'deny')
  assert.equal(outcome?.body.status, 'denied')
})

test('a denied call in a whole answer is a 403 in the form of OpenAI', async (t) => {
  const message = { role: 'assistant', content: null, tool_calls: [toolCall('send', '{"to":"bob@example.com"}')] }
  const gateway = await startTestGateway(t, answerJson(completion(message)))
  const answer = await gateway.post(CHAT, ASK)
  assert.equal(answer.status, 403)
  const { error } = (await answer.json()) as { error: { code: string; message: string } }
  assert.equal(error.code, 'denied')
  assert.match(error.message, /local\/send.*bob gets no mail/)
})

for (const [name, modes, by] of [
  ['the gate of models', { 'route:models': 'observe' }, ['route:models']],
  ['the upstream of the model', { 'upstream:one': 'observe' }, ['upstream:one']],
] as const) {
  test(`with ${name} in observe, denied calls in a stream reach the client and are recorded`, async (t) => {
    const gateway = await startTestGateway(
      t,
      answerStream(
        callDelta(0, { id: 'a', name: 'send', text: '{"to":"bob@example.com"}' }),
        callDelta(1, { id: 'b', name: 'wipe', text: '{"not":' }),
        delta({}, 'tool_calls'),
        DONE,
      ),
    )
    gateway.setModes(modes)
    const text = await (await gateway.post(CHAT, STREAM)).text()
    assert.ok(text.includes('bob@example.com') && text.includes('wipe'))
    const [, calls] = await gateway.records()
    assert.equal(calls?.body.decision, 'observed-deny')
    const questions = calls?.body.questions as readonly { decision: string; observed: { by: string[] } }[]
    assert.deepEqual(
      questions.map(({ decision, observed }) => [decision, observed.by]),
      [
        ['observed-deny', by],
        ['observed-deny', by],
      ],
    )
    gateway.setModes({ ...modes, 'route:models': 'enforce' })
    assert.ok(!(await (await gateway.post(CHAT, STREAM)).text()).includes('bob@example.com'))
    const after = await gateway.records()
    assert.ok(!JSON.stringify(after.slice(3)).includes('observed-deny'))
  })
}

test('in observe whoever can be identified invokes and sees every model, and one that is not there stays unknown', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ role: 'assistant', content: 'hi' })))
  const key = await gateway.key('stranger')
  assert.equal((await gateway.post(CHAT, { ...ASK, model: 'secret' }, { key })).status, 404)
  gateway.setModes({ tenant: 'observe' })
  assert.equal((await gateway.post(CHAT, { ...ASK, model: 'secret' }, { key })).status, 200)
  const list = await (await gateway.post('openai/v1/models', undefined, { key, method: 'GET' })).text()
  assert.match(list, /"secret"/)
  assert.equal((await gateway.post(CHAT, { ...ASK, model: 'missing' }, { key })).status, 404)
  gateway.breakLog(true)
  const seen = gateway.seen.length
  assert.equal((await gateway.post(CHAT, ASK, { key })).status, 503)
  assert.equal(gateway.seen.length, seen, 'no record, no action')
})

const HIDDEN_CALLS: Readonly<Record<string, readonly (object | string)[]>> = {
  'in a second choice': [
    delta({ content: 'x' }),
    callDelta(0, { name: 'wipe', text: '{}' }, 1),
    delta({}, 'tool_calls', 1),
  ],
  'of the legacy kind': [delta({ function_call: { name: 'wipe', arguments: '{}' } }), delta({}, 'function_call')],
  'without an end': [callDelta(0, { name: 'wipe', text: '{}' }), DONE],
  'without anything after it': [callDelta(0, { name: 'wipe', text: '{}' })],
  'spelled with escapes': [
    `data: {"choices":[{"index":0,"delta":{"\\u0074ool\\u005fcalls":[{"index":0,"function":{"name":"wipe","arguments":"{}"}}]}}]}\n\n`,
    DONE,
  ],
  'spelled in capitals': [
    `data: {"choices":[{"index":0,"delta":{"Tool_Calls":[{"index":0,"function":{"name":"wipe","arguments":"{}"}}]}}]}\n\n`,
    DONE,
  ],
  'beside the delta': [{ choices: [{ index: 0, delta: {}, message: { tool_calls: [toolCall('wipe', '{}')] } }] }, DONE],
  'under a key that stands twice': [
    `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"wipe","arguments":"{}"}}]}}],"choices":[]}\n\n`,
    DONE,
  ],
  'cut into lines': [
    `data: {"choices":[{"index":0,"delta":\ndata: {"tool_calls":[{"index":0,"function":{"name":"wipe",\ndata: "arguments":"{}"}}]}}]}\n\n`,
    DONE,
  ],
  'after carriage returns': [
    `data: {"choices":[]}\r\rdata: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"wipe","arguments":"{}"}}]}}]}\r\r`,
    DONE,
  ],
  'that is no object': [
    `data: {"choices":[{"index":0,"delta":{"tool_calls":{"index":0,"function":{"name":"wipe"}}}}]}\n\n`,
    DONE,
  ],
  'with arguments that are no text': [
    `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"look","arguments":{"to":"wipe"}}}]}}]}\n\n`,
    DONE,
  ],
  'under two names': [
    callDelta(0, { name: 'look', text: '{}' }),
    callDelta(0, { name: 'wipe' }),
    delta({}, 'tool_calls'),
  ],
  'of a custom tool': [
    delta({ tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'wipe', input: 'all' } }] }),
    DONE,
  ],
}

for (const [how, events] of Object.entries(HIDDEN_CALLS)) {
  test(`a forbidden call ${how} does not get through`, async (t) => {
    const gateway = await startTestGateway(t, answerStream(...events))
    const text = await (await gateway.post(CHAT, { ...STREAM, n: 2 })).text()
    assert.ok(!text.includes('wipe') || text.includes('local/wipe'), text)
    assert.ok(!text.includes('"wipe"'), text)
    const error = JSON.parse(text.slice(text.lastIndexOf('data: ') + 6)).error
    assert.ok(['denied', 'upstream_broken'].includes(error.code), text)
    assert.notEqual((await gateway.records()).at(-1)?.body.status, 'ok')
  })
}

for (const args of [
  '{"to":',
  '"carol@example.com"',
  '{"to":"carol@example.com","to":"bob@example.com"}',
  'null',
  '[]',
]) {
  test(`arguments that are not one readable object are denied: ${args}`, async (t) => {
    const message = { role: 'assistant', content: null, tool_calls: [toolCall('send', args)] }
    const gateway = await startTestGateway(t, answerJson(completion(message)))
    assert.equal((await gateway.post(CHAT, ASK)).status, 403)
    const records = await gateway.records()
    assert.equal(records[1]?.body.decision, 'deny')
  })
}

test('several choices and parallel calls are decided together: one denial takes all of them', async (t) => {
  const events = [
    callDelta(0, { id: 'a', name: 'look', text: '{}' }, 0),
    delta({ content: 'words of the other' }, null, 1),
    callDelta(1, { id: 'b', name: 'wipe', text: '{}' }, 0),
    delta({}, 'tool_calls', 0),
  ]
  const gateway = await startTestGateway(t, answerStream(...events, DONE))
  const text = await (await gateway.post(CHAT, { ...STREAM, n: 2 })).text()
  assert.ok(text.includes('words of the other') && !text.includes('tool_calls'))
})

test('a model that may not be invoked is denied to those who see it, and unknown to all others', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ content: 'hi' })))
  const looker = await gateway.key('looker')
  const stranger = await gateway.key('stranger')
  const seen = await gateway.post(CHAT, ASK, { key: looker })
  assert.equal(seen.status, 403)
  const answers = await Promise.all(
    [
      [stranger, 'chat'],
      [stranger, 'secret'],
      [stranger, 'claude'],
      [stranger, 'never'],
    ].map(async ([key = '', model = '']) => {
      const answer = await gateway.post(CHAT, { ...ASK, model }, { key })
      return `${answer.status} ${(await answer.text()).replaceAll(model, 'MODEL').replaceAll(/txn_\w+|"record":\d+/g, 'ID')}`
    }),
  )
  assert.equal(new Set(answers).size, 1)
  assert.match(answers[0] ?? '', /^404 .*model_not_found/)
  assert.equal(gateway.seen.length, 0)
  const records = await gateway.records()
  assert.ok(records.length === 5 && records.every(({ body }) => body.decision === 'deny'))
})

test('a suspended caller hears so, whatever model it asks for', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ content: 'hi' })))
  const key = await gateway.key('helper')
  await gateway.directory.setStatus('alice', 'suspended')
  for (const model of ['chat', 'secret', 'never']) {
    const answer = await gateway.post(CHAT, { ...ASK, model }, { key })
    assert.equal(answer.status, 403)
    const { error } = (await answer.json()) as { error: { sallyport: { policies: string[] } } }
    assert.deepEqual(error.sallyport.policies, ['foundation/sponsor'])
  }
  assert.equal(gateway.seen.length, 0)
})

test('the list of models is what the caller may see, in one record', async (t) => {
  const gateway = await startTestGateway(t, answerJson({}))
  const list = async (key: string) => {
    const answer = await gateway.post('openai/v1/models', undefined, { key, method: 'GET' })
    return ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
  }
  assert.deepEqual(await list(await gateway.key('looker')), ['chat', 'nowhere'])
  assert.deepEqual(await list(await gateway.key('stranger')), [])
  const decisions = (await gateway.records()).filter(({ kind }) => kind === 'decision')
  assert.deepEqual(
    decisions.map(({ body }) => body.decision),
    ['allow', 'deny'],
  )
  const one = await gateway.post('openai/v1/models/chat', undefined, { method: 'GET' })
  assert.equal(((await one.json()) as { id: string }).id, 'chat')
  assert.equal((await gateway.post('openai/v1/models/secret', undefined, { method: 'GET' })).status, 404)
  assert.equal(gateway.seen.length, 0)
})

test('what Sallyport does not know is denied and recorded', async (t) => {
  const gateway = await startTestGateway(t, answerJson({}))
  for (const [method, path] of [
    ['POST', 'openai/v1/files'],
    ['DELETE', 'openai/v1/models/chat'],
    ['POST', 'openai/v1/chat/completions/'],
    ['POST', 'somewhere/v1/chat/completions'],
    ['GET', 'openai'],
  ] as const) {
    assert.equal((await gateway.post(path, method === 'POST' ? ASK : undefined, { method })).status, 404, path)
  }
  assert.equal(gateway.seen.length, 0)
  const records = await gateway.records()
  assert.equal(records.length, 5)
  assert.ok(records.every(({ body }) => body.decision === 'deny' && body.refusal === 'endpoint_unknown'))
})

// Deeper than what writes it can go.
const DEEP = `{"model":"chat","messages":[],"metadata":${'['.repeat(9_000)}${']'.repeat(9_000)}}`

const BAD: readonly (readonly [what: string, status: number, code: string, body: unknown])[] = [
  ['broken JSON', 400, 'body_not_json', '{"model":'],
  ['no object', 400, 'body_invalid', '[]'],
  ['no model', 400, 'body_invalid', { messages: [] }],
  ['no messages', 400, 'body_invalid', { model: 'chat' }],
  ['an unknown role', 400, 'body_invalid', { model: 'chat', messages: [{ role: 'root', content: 'hi' }] }],
  ['a tool that the upstream runs', 400, 'body_invalid', { ...ASK, tools: [{ type: 'web_search' }] }],
  ['a search that the upstream runs', 400, 'body_invalid', { ...ASK, web_search_options: {} }],
  ['a second model in capitals', 400, 'body_invalid', { ...ASK, Model: 'secret' }],
  ['tools in capitals', 400, 'body_invalid', { ...ASK, TOOLS: [{ type: 'web_search' }] }],
  ['a model to fall back to', 400, 'body_invalid', { ...ASK, models: ['secret'] }],
  ['another server', 400, 'body_invalid', { ...ASK, api_base: 'https://evil.example' }],
  ['too deep nesting', 400, 'body_invalid', DEEP],
  ['a body over the limit', 413, 'body_too_large', { ...ASK, user: 'x'.repeat(30_000) }],
  ['a body far over the limit', 413, 'body_too_large', { ...ASK, user: 'x'.repeat(70_000) }],
]

for (const [what, status, code, body] of BAD) {
  test(`${what}: ${status}, recorded, and nothing goes up`, async (t) => {
    const gateway = await startTestGateway(t, answerJson({}))
    const answer = await gateway.post(CHAT, body)
    assert.equal(answer.status, status)
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, code)
    assert.equal(gateway.seen.length, 0)
    assert.deepEqual(gateway.reports, [])
  })
}

test('an unwritable log closes the gate: 503, and the upstream is never called', async (t) => {
  const gateway = await startTestGateway(t, answerJson(completion({ content: 'hi' })))
  gateway.breakLog(true)
  for (const body of [ASK, { ...ASK, model: 'never' }, '{']) {
    const answer = await gateway.post(CHAT, body)
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { error: { type: string } }).error.type, 'server_error')
  }
  assert.equal(gateway.seen.length, 0)
  gateway.breakLog(false)
  assert.equal((await gateway.post(CHAT, ASK)).status, 200)
})

test('calls in an answer that cannot be recorded do not get through', async (t) => {
  const gateway = await startTestGateway(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(delta({ content: 'Looking.' }))}\n\n`)
    await sleep(20)
    gateway.breakLog(true)
    response.end(`data: ${JSON.stringify(callDelta(0, { id: 'a', name: 'look', text: '{}' }))}\n\n${DONE}`)
  })
  const text = await (await gateway.post(CHAT, STREAM)).text()
  assert.ok(text.includes('Looking.') && !text.includes('tool_calls') && text.includes('log_unavailable'))
})

const FAILING: readonly (readonly [
  what: string,
  upstream: Upstream,
  model: string,
  status: number,
  outcome: string,
])[] = [
  ['an upstream that is down', answerJson({}), 'nowhere', 502, 'upstream_failed'],
  ['an upstream that is slow to begin', () => undefined, 'chat', 504, 'upstream_timeout'],
  ['an upstream that hangs up', (_, response) => void response.destroy(), 'chat', 502, 'upstream_failed'],
  ['an upstream that answers nonsense', answerJson('{"choices": ['), 'chat', 502, 'upstream_failed'],
  [
    'an upstream that refuses our key',
    answerJson({ error: { message: 'key sk-123' } }, 401),
    'chat',
    502,
    'upstream_failed',
  ],
  [
    'an upstream that points elsewhere',
    (_, response) => void response.writeHead(302, { location: '/' }).end(),
    'chat',
    502,
    'upstream_failed',
  ],
  [
    'an upstream that is busy',
    answerJson({ error: { message: 'busy' }, choices: [1] }, 429),
    'chat',
    429,
    'upstream_error',
  ],
  [
    'an upstream that compresses',
    (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    'chat',
    502,
    'upstream_failed',
  ],
]

for (const [what, upstream, model, status, outcome] of FAILING) {
  test(`${what}: ${status}, and the outcome is recorded`, async (t) => {
    const gateway = await startTestGateway(t, upstream)
    const answer = await gateway.post(CHAT, { ...ASK, model })
    assert.equal(answer.status, status)
    const text = await answer.text()
    assert.ok(text.includes('"error"') && !text.includes('sk-123') && !text.includes('choices'), text)
    const [, recorded] = await gateway.records()
    assert.deepEqual([recorded?.body.status, recorded?.body.httpStatus], [outcome, status])
  })
}

test('a stream that breaks off or falls silent ends with an error, not as if it were complete', async (t) => {
  const begin = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(delta({ content: 'one' }))}\n\n`)
  }
  let silent = false
  const gateway = await startTestGateway(t, async (_, response) => {
    begin(response)
    await sleep(20)
    if (!silent) response.destroy()
  })
  const broken = await (await gateway.post(CHAT, STREAM)).text()
  silent = true
  const late = await (await gateway.post(CHAT, STREAM)).text()
  assert.match(broken, /"one"[\s\S]*"code":"upstream_broken"/)
  assert.match(late, /"one"[\s\S]*"code":"upstream_timeout"/)
  const outcomes = (await gateway.records()).filter(({ kind }) => kind === 'outcome')
  assert.deepEqual(
    outcomes.map(({ body }) => body.status),
    ['upstream_failed', 'upstream_timeout'],
  )
})

test('a client that hangs up cancels the upstream, before and in the middle of the answer', async (t) => {
  const closed: string[] = []
  const gateway = await startTestGateway(t, ({ body }, response) => {
    const isStream = JSON.parse(body).stream === true
    response.once('close', () => closed.push(isStream ? 'stream' : 'whole'))
    if (!isStream) return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(delta({ content: 'one' }))}\n\n`)
  })
  const early = new AbortController()
  const never = gateway.post(CHAT, ASK, { signal: early.signal })
  await sleep(50)
  early.abort()
  await assert.rejects(never)
  const late = new AbortController()
  const answer = await gateway.post(CHAT, STREAM, { signal: late.signal })
  await answer.body?.getReader().read()
  late.abort()
  const outcomes = (await gateway.records()).filter(({ kind }) => kind === 'outcome')
  assert.deepEqual(
    outcomes.map(({ body }) => body.status),
    ['cancelled', 'cancelled'],
  )
  assert.deepEqual(closed, ['whole', 'stream'])
})

test('suspending the sponsor cuts the agent’s open stream with an error', async (t) => {
  const gateway = await startTestGateway(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(delta({ content: 'one' }))}\n\n`)
  })
  const answer = await gateway.post(CHAT, STREAM)
  const reader = answer.body?.getReader() ?? assert.fail()
  await reader.read()
  await gateway.directory.setStatus('alice', 'suspended')
  assert.match(Buffer.from((await reader.read()).value ?? '').toString(), /"code":"cut"/)
  assert.equal((await reader.read()).done, true)
  assert.equal((await gateway.records()).at(-1)?.body.status, 'cut')
})

test('an open stream ends when the key that it was asked for with is revoked, and outlasts one that expires', async (t) => {
  const gateway = await startTestGateway(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let piece = 0; piece < 12 && !response.destroyed; piece++) {
      response.write(`data: ${JSON.stringify(delta({ content: 'word' }))}\n\n`)
      await sleep(200)
    }
    response.end(DONE)
  })
  const revoked = await gateway.directory.issueGatewayKey('helper')
  const expiring = await gateway.directory.issueGatewayKey('helper', { ttl: 1 })
  const [cut, whole] = await Promise.all([
    gateway.post(CHAT, STREAM, { key: revoked.secret }),
    gateway.post(CHAT, STREAM, { key: expiring.secret }),
  ])
  await gateway.directory.revokeGatewayKey(revoked.id)
  assert.match(await cut.text(), /"code":"cut"/)
  assert.match(await whole.text(), /\[DONE\]/)
})

test('a slow client slows the upstream down', async (t) => {
  let written = 0
  const block = `data: ${JSON.stringify(delta({ content: 'x'.repeat(60_000) }))}\n\n`
  const gateway = await startTestGateway(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let index = 0; index < 1000 && !response.destroyed; index++) {
      written += block.length
      if (response.write(block)) continue
      const isDrained = await Promise.race([
        new Promise((resolve) => response.once('drain', () => resolve(true))),
        sleep(200, false),
      ])
      if (isDrained === false) return
    }
  })
  const answer = await gateway.post(CHAT, STREAM)
  await sleep(500)
  assert.ok(written < 40_000_000, `${written} bytes went out although nobody reads`)
  await answer.body?.cancel()
})

test('who goes on with a conversation under a gateway key may rely on what was said in it', async (t) => {
  let asked = 0
  const gateway = await startTestGateway(t, (request, response) => {
    const call = toolCall('send', '{"to":"carol@example.com"}')
    const message = asked++ === 0 ? { role: 'assistant', content: 'Noted.' } : { role: 'assistant', tool_calls: [call] }
    answerJson(completion(message))(request, response)
  })
  const begun = await gateway.post(CHAT, ASK, { headers: { 'sallyport-txn': 'new' } })
  const txn = begun.headers.get('sallyport-txn') ?? assert.fail()
  const next = { model: 'chat', messages: [{ role: 'user', content: 'now do it' }] }
  assert.equal((await gateway.post(CHAT, next, { headers: { 'sallyport-txn': txn } })).status, 200)
  assert.equal((await gateway.post(CHAT, next)).status, 200)
  const origins = (await gateway.records()).flatMap(({ body }) => ('origin' in body ? [body.origin] : []))
  assert.deepEqual(origins, [
    { '/to': { source: 'user', trusted: true } },
    { '/to': { source: 'model', trusted: false } },
  ])
})
