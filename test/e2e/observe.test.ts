import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { z } from 'zod'
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
      observed: z.object({ by: z.array(z.string()), at: z.array(z.string()) }).optional(),
    }),
    outcome: z.looseObject({ status: z.string() }).optional(),
  }),
)

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

  await succeed(house.sallyport, 'mode', 'set', 'enforce', '--as', 'rollout')
  await assert.rejects(openai.chat.completions.create(asking))
  await assert.rejects(mcpClient(house.credentials, 'office', token))
})
