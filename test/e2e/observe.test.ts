import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { apiClient } from '../../src/cli/client.ts'
import { accessToken, mcpClient, openaiClient, textOf } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

const asking = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: good morning' }] }

const found = z.array(
  z.looseObject({
    index: z.number(),
    body: z.looseObject({
      decision: z.string(),
      action: z.string(),
      chain: z.array(z.object({ kind: z.string(), id: z.string() })),
      authentication: z.looseObject({ method: z.string() }).optional(),
      reasons: z.array(z.looseObject({ policy: z.string() })),
      observed: z.object({ by: z.array(z.string()), at: z.array(z.string()) }).optional(),
    }),
    outcome: z.looseObject({ status: z.string() }).optional(),
  }),
)

function rollout() {
  return { client: apiClient(house.credentials, 'rollout') }
}

async function observedDenials(...options: string[]) {
  const answer = await succeed(house.sallyport, 'log', 'search', '--decision', 'observed-deny', ...options, '--json')
  return z.object({ records: found }).parse(JSON.parse(answer)).records
}

test('what is forbidden goes through in observe, is recorded as it would be, and fails after the switch', async () => {
  const { token } = await accessToken(house.credentials, 'outsider')
  const openai = openaiClient(house.credentials, token)
  await assert.rejects(openai.chat.completions.create(asking))
  await assert.rejects(mcpClient(house.credentials, 'office', token))

  await succeed(house.sallyport, 'mode', 'set', 'observe', '--as', 'rollout')
  const completion = await openai.chat.completions.create(asking)
  assert.equal(completion.choices[0]?.message.content, 'good morning')
  const client = await mcpClient(house.credentials, 'office', token)
  const { tools } = await client.listTools()
  assert.ok(tools.some(({ name }) => name === 'read_file'))
  const text = textOf(await client.callTool({ name: 'read_file', arguments: { path: 'notes/plan.txt' } }))
  assert.notEqual(text, '')
  await client.close()

  const [model] = await observedDenials('--action', 'model:invoke')
  assert.deepEqual(model?.body.observed, { by: ['tenant'], at: ['route:models', 'upstream:demo-openai'] })
  assert.equal(model?.outcome?.status, 'ok')
  const [call] = await observedDenials('--action', 'tool:call')
  assert.deepEqual(call?.body.observed, { by: ['tenant'], at: ['route:tools', 'upstream:office'] })

  const refused = await house.sallyport.cli('mode', 'set', 'enforce', '--as', 'rollout')
  assert.equal(refused.ok, false)
  assert.match(refused.stdout, /\d+ requests observed since .* would start to fail:/)
  assert.match(refused.stdout, /Service::outsider +model:invoke +Model::demo-chat +nothing permits it/)
  assert.match(refused.stderr, /nothing was switched/)
  await openai.chat.completions.create(asking)

  await succeed(house.sallyport, 'mode', 'set', 'enforce', '--yes', '--as', 'rollout')
  await assert.rejects(openai.chat.completions.create(asking))
  await assert.rejects(mcpClient(house.credentials, 'office', token))
  const changes = await succeed(house.sallyport, 'log', 'search', '--action', 'policy:mode', '--json')
  const operations = z.object({
    records: z.array(z.looseObject({ body: z.looseObject({ operation: z.string(), decision: z.string() }) })),
  })
  const done = operations.parse(JSON.parse(changes)).records.map(({ body }) => `${body.decision} ${body.operation}`)
  assert.ok(done.filter((one) => one === 'allow POST /t/:tenant/api/modes').length >= 2)
})

test('a switch fails when something else would start to fail than was shown', async () => {
  const { client } = rollout()
  const preview = z.looseObject({ digest: z.string(), since: z.string(), groupCount: z.number() })
  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'observe' })
  const { token } = await accessToken(house.credentials, 'outsider')
  const openai = openaiClient(house.credentials, token)
  await openai.chat.completions.create(asking)
  const wanted = { target: 'route:models', mode: 'enforce' }
  const shown = preview.parse(await client.call('POST', '/api/modes/preview', wanted))
  assert.equal(shown.groupCount, 1)
  await assert.rejects(client.call('POST', '/api/modes', wanted), /say which preview this follows/)
  await openai.chat.completions.create({ ...asking, model: 'demo-slow' })
  const stale = { ...wanted, since: shown.since, preview: shown.digest }
  await assert.rejects(client.call('POST', '/api/modes', stale), /something else would start to fail than was shown/)
  const again = preview.parse(await client.call('POST', '/api/modes/preview', wanted))
  await client.call('POST', '/api/modes', { ...wanted, since: again.since, preview: again.digest })
  await assert.rejects(openai.chat.completions.create(asking))
  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'unset', preview: 'any' })
})

test('what the policies permit by now is not among what would start to fail', async () => {
  const { client } = rollout()
  await client.call('POST', '/api/modes', { target: 'upstream:demo-openai', mode: 'observe' })
  const { token } = await accessToken(house.credentials, 'outsider')
  await openaiClient(house.credentials, token).chat.completions.create({ ...asking, model: 'demo-slow' })
  const wanted = { target: 'upstream:demo-openai', mode: 'enforce', since: new Date(Date.now() - 10_000).toISOString() }
  const seen = z.looseObject({ groupCount: z.number(), permittedSince: z.number() })
  assert.ok(seen.parse(await client.call('POST', '/api/modes/preview', wanted)).groupCount > 0)
  await house.apply({ services: { outsider: { name: 'Outsider', roles: ['inference-client'] } } })
  const after = seen.parse(await client.call('POST', '/api/modes/preview', wanted))
  assert.equal(after.groupCount, 0)
  assert.ok(after.permittedSince > 0)
  await client.call('POST', '/api/modes', { ...wanted, mode: 'unset', preview: 'any' })
})

test('nobody switches without the right to, and no agent does', async () => {
  for (const who of ['olivia', 'alice', 'research-assistant']) {
    const answer = await house.sallyport.cli('mode', 'set', 'observe', '--as', who)
    assert.equal(answer.ok, false, who)
  }
  const { stdout } = await house.sallyport.cli('mode', '--as', 'rollout')
  assert.match(stdout, /tenant +enforce/)
})

test('who cannot be identified goes through as nobody known, only while the route says so and is observed', async () => {
  const { client } = rollout()
  const call = async (headers: Record<string, string>) => {
    const answer = await fetch(`${house.credentials.gateway.openai}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(asking),
    })
    await answer.arrayBuffer()
    return answer.status
  }
  const foreign = { authorization: 'Bearer sk-an-old-key-of-the-upstream' }
  assert.equal(await call({}), 401)
  await client.call('POST', '/api/modes', { target: 'tenant', mode: 'observe' })
  assert.equal(await call(foreign), 401)
  await assert.rejects(
    client.call('POST', '/api/modes', { target: 'tenant', mode: 'observe', identify: 'optional' }),
    /only `route:models` and `route:tools` let callers through unidentified/,
  )
  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'observe', identify: 'optional' })
  for (const headers of [{}, foreign, { 'x-api-key': 'another' }]) assert.equal(await call(headers), 200)
  const key = await house.key('chat-app')
  await succeed(house.sallyport, 'suspend', 'chat-app')
  // What is ours and does not hold, or is held back, is refused as everywhere.
  assert.equal(await call({ authorization: `Bearer ${key}` }), 403)
  assert.equal(await call({ authorization: `Bearer ${key.slice(0, -4)}AAAA` }), 401)
  assert.equal(await call({ authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.' }), 401)
  assert.equal(await call({ ...foreign, 'x-api-key': 'another' }), 401)
  await assert.rejects(mcpClient(house.credentials, 'office', 'sk-nobody'))

  const [record] = await observedDenials('--principal', 'anonymous')
  assert.deepEqual(record?.body.chain, [{ kind: 'Service', id: 'anonymous' }])
  assert.equal(record?.body.authentication?.method, 'none')
  assert.deepEqual(
    record?.body.reasons.map(({ policy }) => policy),
    ['foundation/unidentified'],
  )
  const preview = await client.call('POST', '/api/modes/preview', { target: 'route:models', mode: 'enforce' })
  assert.match(JSON.stringify(preview), /Service::anonymous/)

  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'observe' })
  assert.equal(await call(foreign), 401)
  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'unset', preview: 'any' })
  await client.call('POST', '/api/modes', { target: 'tenant', mode: 'unset', preview: 'any' })
})

test('who is let through unidentified reaches nothing but the gateway, and cannot be declared', async () => {
  const { client } = rollout()
  await client.call('POST', '/api/modes', { target: 'route:tools', mode: 'observe', identify: 'optional' })
  const { issuer } = house.credentials
  for (const path of ['/api/modes', '/api/records', '/api/principals', '/access/v1/evaluation']) {
    assert.equal((await fetch(`${issuer}${path}`)).status === 200, false, path)
  }
  const client2 = await mcpClient(house.credentials, 'office', 'sk-nobody')
  assert.ok((await client2.listTools()).tools.length > 0)
  await client2.close()
  await assert.rejects(house.apply({ services: { anonymous: { name: 'Me' } } }), /whoever cannot be identified/)
  await client.call('POST', '/api/modes', { target: 'route:tools', mode: 'unset', preview: 'any' })
  await assert.rejects(mcpClient(house.credentials, 'office', 'sk-nobody'))
})

test('an evaluation over the decision API is true where denials are observed, and says what it would have been', async () => {
  const { client } = rollout()
  const olivia = apiClient(house.credentials, 'olivia')
  const question = {
    subject: { type: 'user', id: 'bob' },
    action: { name: 'model:invoke' },
    resource: { type: 'Model', id: 'demo-chat' },
  }
  const evaluation = z.object({ decision: z.boolean(), context: z.looseObject({ observed: z.unknown() }).partial() })
  const evaluate = async (asked: object = question) =>
    evaluation.parse(await olivia.call('POST', '/access/v1/evaluation', asked))
  assert.equal((await evaluate()).decision, false)
  // The gate of the gateway is none of the decision API.
  await client.call('POST', '/api/modes', { target: 'route:models', mode: 'observe' })
  assert.equal((await evaluate()).decision, false)
  await client.call('POST', '/api/modes', { target: 'tenant', mode: 'observe' })
  const answer = await evaluate()
  assert.deepEqual([answer.decision, answer.context.observed], [true, { decision: false, by: ['tenant'] }])
  // Nobody whom the directory does not know, and no administration.
  assert.equal((await evaluate({ ...question, subject: { type: 'user', id: 'nobody' } })).decision, false)
  const reading = { ...question, action: { name: 'log:read' }, resource: { type: 'Tenant', id: 'demo' } }
  assert.equal((await evaluate(reading)).decision, false)
  await client.call('POST', '/api/modes', { target: 'route:decision-point', mode: 'enforce', preview: 'any' })
  assert.equal((await evaluate()).decision, false)
  for (const target of ['tenant', 'route:models', 'route:decision-point']) {
    await client.call('POST', '/api/modes', { target, mode: 'unset', preview: 'any' })
  }
  const metrics = await (await olivia.fetch('/api/metrics')).text()
  assert.match(metrics, /sallyport_decision_seconds_count\{decision="observed-deny"\} [1-9]/)
  assert.match(metrics, /sallyport_modes_observed 0/)
})
