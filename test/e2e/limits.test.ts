import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { McpError } from '@modelcontextprotocol/sdk/types.js'
import OpenAI, { RateLimitError } from 'openai'
import { z } from 'zod'
import { apiClient } from '../../src/cli/client.ts'
import { accessToken, anthropicClient, mcpClient, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'
import { until } from './until.ts'

const LIMITS = `
  @id("calm") @title("two calls a second") @limit("2/second")
  permit (principal == Service::"chat-app", action == Action::"model:invoke", resource);

  @id("claude") @limit("1/hour")
  permit (principal == User::"carol", action == Action::"model:invoke", resource == Model::"demo-claude");

  @id("tokens") @budget("2000 tokens/day") @notify("50%")
  permit (principal == Service::"inference-client", action == Action::"model:invoke", resource);

  @id("cuts") @budget("100000 tokens/day") @per("principal, resource")
  permit (principal == User::"carol", action == Action::"model:invoke", resource);

  @id("tools") @title("three tool calls an hour") @limit("3/hour")
  permit (principal == Agent::"research-assistant", action == Action::"tool:call", resource);

  @id("tail") @limit("1/hour")
  permit (principal == User::"alice", action in [Action::"log:read", Action::"log:read_body"], resource);

  @id("rows") @budget("1000 rows/day")
  permit (principal == Agent::"dispatcher", action == Action::"model:invoke", resource);
`

let house: House
before(async () => {
  house = await openHouse()
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-limits-'))
  try {
    writeFileSync(join(directory, 'limits.cedar'), LIMITS)
    const demo = join(import.meta.dirname, '../../foundation/demo/policies/demo.cedar')
    writeFileSync(join(directory, 'demo.cedar'), readFileSync(demo, 'utf8'))
    const manifest = { policies: ['demo.cedar', { file: 'limits.cedar', as: 'limits' }] }
    writeFileSync(join(directory, 'tenant.yaml'), JSON.stringify(manifest))
    await succeed(house.sallyport, 'apply', '-f', join(directory, 'tenant.yaml'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
after(() => house?.close())

const ask = (model = 'demo-chat', more: object = {}) => ({
  model,
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Say: hello' }],
  ...more,
})

const Shown = z.object({
  limits: z.array(
    z.object({
      id: z.string(),
      allowances: z.array(
        z.object({ allowance: z.string(), used: z.array(z.object({ key: z.string(), used: z.number() })) }),
      ),
    }),
  ),
})

/** What a key has used of the first allowance of a limit. */
async function used(id: string, key: string): Promise<number> {
  const { limits } = Shown.parse(JSON.parse(await succeed(house.sallyport, 'limits', '--json').then(wrapped)))
  const allowance = limits.find((limit) => limit.id === id)?.allowances[0]
  return allowance?.used.find((one) => one.key === key)?.used ?? 0
}

const wrapped = (text: string): string => (text.trimStart().startsWith('[') ? `{"limits":${text}}` : text)

test('an OpenAI client is told to wait in its own words, and one that retries gets its answer', async () => {
  const secret = await house.key('chat-app')
  const openai = openaiClient(house.credentials, secret)
  await openai.chat.completions.create(ask())
  await openai.chat.completions.create(ask())
  const before = house.model.received().length
  const refused = await openai.chat.completions.create(ask()).catch((error: unknown) => error)
  assert.ok(refused instanceof RateLimitError, String(refused))
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(refused.type, 'rate_limit_error')
  assert.match(refused.message, /two calls a second; wait 1 second/)
  assert.equal(house.model.received().length, before, 'it never reached the upstream')
  const records = await house.records(refused.headers.get('sallyport-txn') ?? '')
  assert.deepEqual(
    records.map(({ kind, body }) => [kind, body.decision, body.reasons?.map(({ policy }) => policy)]),
    [['decision', 'deny', ['calm']]],
  )
  const patient = new OpenAI({ baseURL: house.credentials.gateway.openai, apiKey: secret, maxRetries: 2 })
  for (let i = 0; i < 4; i++) {
    const answer = await patient.chat.completions.create(ask())
    assert.equal(answer.choices[0]?.message.content, 'hello')
  }
})

test('an Anthropic client is told to wait in its own words', async () => {
  const anthropic = anthropicClient(house.credentials, await house.key('carol'))
  const first = await anthropic.messages.create(ask('demo-claude'))
  const total = first.usage.input_tokens + first.usage.output_tokens
  assert.equal(await used('cuts', 'User::"carol" Model::"demo-claude"'), total)
  const refused = await anthropic.messages.create(ask('demo-claude')).catch((error: unknown) => error)
  assert.ok(refused instanceof Anthropic.RateLimitError, String(refused))
  assert.ok(Number(refused.headers.get('retry-after')) > 3_000)
  assert.match(JSON.stringify(refused.error), /"type":"rate_limit_error"/)
})

test('an MCP client is told to wait as a denial, with the seconds', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const client = await mcpClient(house.credentials, 'office', token)
  const call = () => client.callTool({ name: 'read_file', arguments: { path: 'notes/q3.txt' } })
  for (let i = 0; i < 3; i++) await call()
  const refused = await call().catch((error: unknown) => error)
  assert.ok(refused instanceof McpError && refused.code === -32001, String(refused))
  const { retryAfter, policies } = refused.data as { retryAfter: number; policies: readonly string[] }
  assert.ok(retryAfter > 3_000)
  assert.deepEqual(policies, ['tools'])
  // What a model wants to call counts as well.
  const openai = openaiClient(house.credentials, token)
  const tools = [{ type: 'function' as const, function: { name: 'read_file', parameters: { type: 'object' } } }]
  const messages = [{ role: 'user' as const, content: 'Please read notes/q3.txt' }]
  const within = await openai.chat.completions.create({ ...ask(), messages, tools }).catch((error: unknown) => error)
  assert.ok(within instanceof RateLimitError, String(within))
  await client.close()
})

test('many requests at once never spend more than the budget', async () => {
  const openai = openaiClient(house.credentials, await house.key('inference-client'))
  const before = house.model.received().length
  const hanging = Array.from({ length: 40 }, () =>
    openai.chat.completions.create(ask('demo-hang', { max_tokens: 300 })),
  )
  const answers = await Promise.allSettled(hanging)
  const refused = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  // Each reserves 300 for its answer and some for its prompt, and what it used nobody ever says: there are six in 2,000.
  assert.equal(house.model.received().length - before, 6)
  assert.equal(refused.filter((reason) => reason instanceof RateLimitError).length, 34)
  const total = await used('tokens', 'Service::"inference-client"')
  assert.ok(total > 1_800 && total <= 2_000, String(total))
  const alerts = await succeed(house.sallyport, 'log', 'search', '--text', 'limit_used', '--json')
  assert.equal(alerts.match(/"limit_used"/g)?.length, 1, 'once for the day')
  assert.match(alerts, /"limit": "tokens",[^}]*"share": 50,/)
})

test('a stream is settled with its usage, and one that the client gives up at what was reserved', async () => {
  const openai = openaiClient(house.credentials, await house.key('carol'))
  const stream = await openai.chat.completions.create({ ...ask('demo-chat'), stream: true })
  for await (const chunk of stream) assert.equal(chunk.usage ?? undefined, undefined)
  await until(async () => (await used('cuts', 'User::"carol" Model::"demo-chat"')) === 3)
  const slow = await openai.chat.completions.create({ ...ask('demo-slow', { max_tokens: 500 }), stream: true })
  for await (const _ of slow) break
  await until(async () => (await used('cuts', 'User::"carol" Model::"demo-slow"')) >= 500)
})

test('a stream without a bound that the client gives up is settled at what came, where that is more', async () => {
  const openai = openaiClient(house.credentials, await house.key('carol'))
  const key = 'User::"carol" Model::"demo-chat"'
  const before = await used('cuts', key)
  const messages = [{ role: 'user' as const, content: 'count to 20000' }]
  const endless = await openai.chat.completions.create({ model: 'demo-chat', messages, stream: true })
  let pieces = 0
  for await (const _ of endless) if (++pieces === 6_000) break
  await until(async () => (await used('cuts', key)) - before >= 6_000)
})

test('an upstream that refuses, or is not there, uses no tokens', async () => {
  const openai = openaiClient(house.credentials, await house.key('carol'))
  await openai.chat.completions.create(ask('demo-busy')).catch(() => undefined)
  await openai.chat.completions.create(ask('demo-nobody')).catch(() => undefined)
  await openai.chat.completions.create(ask('demo-fail')).catch(() => undefined)
  await until(async () => (await used('cuts', 'User::"carol" Model::"demo-fail"')) > 100)
  assert.equal(await used('cuts', 'User::"carol" Model::"demo-busy"'), 0)
  assert.equal(await used('cuts', 'User::"carol" Model::"demo-nobody"'), 0)
})

test('what asks for more than the whole budget is denied, and not told to wait', async () => {
  const openai = openaiClient(house.credentials, await house.key('inference-client'))
  const refused = await openai.chat.completions.create(ask('demo-chat', { max_tokens: 5_000 })).catch((e: unknown) => e)
  assert.ok(refused instanceof OpenAI.PermissionDeniedError, String(refused))
  assert.match(refused.message, /2000 tokens a day is all there is; ask for less at once/)
})

test('an administrator forgets what was used, and that is recorded', async () => {
  const openai = openaiClient(house.credentials, await house.key('carol'))
  assert.match(await succeed(house.sallyport, 'limits', 'reset', 'cuts'), /^cuts: [1-9]\d* counts forgotten\n$/)
  assert.equal(await used('cuts', 'User::"carol" Model::"demo-slow"'), 0)
  await openai.chat.completions.create(ask())
  assert.match(
    await succeed(house.sallyport, 'log', 'search', '--action', 'limit:reset', '--json'),
    /limits\/:limit\/reset/,
  )
  const { ok, stderr } = await house.sallyport.cli('limits', 'reset', 'nothing')
  assert.equal(ok, false)
  assert.match(stderr, /no limit `nothing`/)
  assert.equal((await apiClient(house.credentials, 'inference-client').fetch('/api/limits')).status, 403)
})

test('an enforcement point elsewhere reserves, and settles with what was used', async () => {
  const api = apiClient(house.credentials, 'olivia')
  const question = {
    principal: 'dispatcher',
    action: 'model:invoke',
    resource: { type: 'Model', id: 'demo-chat' },
    amounts: { rows: 800 },
  }
  const key = 'Agent::"dispatcher"'
  const reserved = z
    .object({ decision: z.literal(true), id: z.string() })
    .parse(await api.call('POST', '/api/reservations', question))
  assert.equal(await used('rows', key), 800)
  const refused = z
    .object({
      decision: z.literal(false),
      reasons: z.array(z.object({ policy: z.string() })),
      advice: z.array(z.object({ kind: z.string() })),
    })
    .parse(await api.call('POST', '/api/reservations', question))
  assert.deepEqual([refused.reasons[0]?.policy, refused.advice[0]?.kind], ['rows', 'wait'])
  await api.call('POST', `/api/reservations/${reserved.id}/settle`, { used: { rows: 100 } })
  assert.equal(await used('rows', key), 100)
  await assert.rejects(
    async () => api.call('POST', `/api/reservations/${reserved.id}/settle`, {}),
    /no such reservation/,
  )
  const short = z.object({ id: z.string() }).parse(await api.call('POST', '/api/reservations', { ...question, ttl: 1 }))
  assert.equal(await used('rows', key), 900)
  await until(async () => {
    const answer = await api.fetch(`/api/reservations/${short.id}`, { method: 'DELETE' })
    return answer.status === 404
  })
  const given = z
    .object({ id: z.string() })
    .parse(await api.call('POST', '/api/reservations', { ...question, amounts: { rows: 50 } }))
  await api.call('DELETE', `/api/reservations/${given.id}`)
})

test('a stream that was let through stays open when its limit is used up', async () => {
  const alice = apiClient(house.credentials, 'alice')
  const stream = await alice.fetch('/api/records/tail')
  assert.equal(stream.status, 200)
  const again = await alice.fetch('/api/records/tail')
  assert.equal(again.status, 429)
  assert.ok(Number(again.headers.get('retry-after')) > 3_000)
  assert.match(await again.text(), /"code":"limit_reached"/)
  // Whoever has an open stream is decided about again when anything changes in the directory.
  await succeed(house.sallyport, 'suspend', 'bob')
  await succeed(house.sallyport, 'resume', 'bob')
  let text = ''
  assert.ok(stream.body !== null)
  for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes('principal:resume')) break
  }
  assert.match(text, /principal:resume/)
})

test('a statement that is wrong is refused with everything that is wrong, and where', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-limits-'))
  writeFileSync(
    join(directory, 'l.cedar'),
    '@id("a") @limit("60/fortnight")\npermit (principal, action, resource);\n@budget("5 apples/day") @pre("x")\npermit (principal, action, resource);\n',
  )
  writeFileSync(join(directory, 'tenant.yaml'), 'policies: [{ file: l.cedar, as: limits }]\n')
  const { ok, stderr } = await house.sallyport.cli('apply', '-f', join(directory, 'tenant.yaml'))
  rmSync(directory, { recursive: true, force: true })
  assert.equal(ok, false)
  for (const found of [
    /l\.cedar:1: `a`: @limit: .*`fortnight` is no window/,
    /l\.cedar:3: .*`apples` is no unit/,
    /needs an @id/,
    /@pre is no annotation/,
  ]) {
    assert.match(stderr, found)
  }
})
