import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { APIError } from 'openai'
import { accessToken, anthropicClient, mcpClient, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'
import { until } from './until.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

const COUNT = [{ role: 'user' as const, content: 'count to 300' }]

test('suspending the sponsor cuts open streams of the agent, fails its next call and its next token; resuming heals it', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const openai = openaiClient(house.credentials, token)
  const mcp = await mcpClient(house.credentials, 'office', token)
  const stream = await openai.chat.completions.create({ model: 'demo-slow', messages: COUNT, stream: true })
  const message = anthropicClient(house.credentials, token).messages.stream({
    model: 'claude-demo-slow',
    max_tokens: 1000,
    messages: COUNT,
  })
  const started = new Promise((resolve) => message.once('text', resolve))
  const second = message.finalMessage().then(
    () => 'complete',
    (error: unknown) => error,
  )
  await started
  let words = 0
  let cutAt = 0
  let suspendedAt = 0
  const failure = await (async () => {
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) words++
      if (words === 3 && suspendedAt === 0) {
        suspendedAt = Date.now()
        void succeed(house.sallyport, 'suspend', 'alice').then(() => {
          cutAt = Date.now()
        })
      }
    }
    return 'complete'
  })().catch((error: unknown) => error)
  assert.ok(failure instanceof Error, 'the OpenAI stream ends with an error')
  assert.ok((await second) instanceof Error, 'the Anthropic stream ends with an error')
  assert.ok(words < 100)
  await until(() => cutAt > 0)

  const next = await openai.chat.completions
    .create({ model: 'demo-chat', messages: COUNT })
    .catch((error: unknown) => error)
  assert.ok(next instanceof APIError && (next.status === 401 || next.status === 403), String(next))
  await assert.rejects(mcp.callTool({ name: 'list_files', arguments: {} }))
  await assert.rejects(accessToken(house.credentials, 'research-assistant'))
  await until(() =>
    house.model
      .received()
      .filter(({ path }) => path !== '')
      .every(({ end }) => end !== 'open'),
  )

  await succeed(house.sallyport, 'resume', 'alice')
  const healed = openaiClient(house.credentials, (await accessToken(house.credentials, 'research-assistant')).token)
  await healed.chat.completions.create({ model: 'demo-chat', messages: [{ role: 'user', content: 'Say: back' }] })
  await mcp.close()
})

test('the cut streams stand in the log as cut', async () => {
  const log = await succeed(house.sallyport, 'log', 'search', '--principal', 'research-assistant', '--json')
  assert.match(log, /"status":\s*"cut"/)
})

test('a revoked gateway key ends', async () => {
  const issued = JSON.parse(await succeed(house.sallyport, 'keys', 'issue', 'chat-app', '--json')) as {
    id: string
    secret: string
  }
  const openai = openaiClient(house.credentials, issued.secret)
  await openai.models.list()
  await succeed(house.sallyport, 'keys', 'revoke', issued.id)
  await assert.rejects(openai.models.list(), { status: 401 })
})

test('a gateway key is as narrow as it was issued', async () => {
  const tools = openaiClient(house.credentials, await house.key('inference-client', ['tools']))
  await assert.rejects(tools.chat.completions.create({ model: 'demo-chat', messages: COUNT }), (error) => {
    return error instanceof APIError && (error.status === 403 || error.status === 404)
  })
})
