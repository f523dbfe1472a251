import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { startTestGateway, type TestGateway, type Upstream } from './test-gateway.ts'

const MESSAGES = [{ role: 'user' as const, content: 'write to carol@example.com' }]

/** Answers with exactly these bytes. */
function answerWith(body: string, type = 'text/event-stream'): Upstream {
  return (_, response) => {
    response.writeHead(200, { 'content-type': type })
    response.end(body)
  }
}

const CALLS = [{ index: 0, id: 'a', type: 'function', function: { name: 'wipe', arguments: '{}' } }]
const CHUNK = JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: CALLS }, finish_reason: 'tool_calls' }] })
const WHOLE = JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', tool_calls: CALLS } }] })
const TEXT = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Hello.' } }] })}\n\n`
const DONE = 'data: [DONE]\n\n'

// What some reader of streams takes for data, and another one does not.
const HIDDEN: Readonly<Record<string, string>> = {
  'behind a byte order mark': `\ufeffdata: ${CHUNK}\n\n${DONE}`,
  'behind a byte order mark in the middle': `${TEXT}\ufeffdata: ${CHUNK}\n\n${DONE}`,
  'behind a space': `${TEXT} data: ${CHUNK}\n\n${DONE}`,
  'in capitals': `${TEXT}DATA: ${CHUNK}\n\n${DONE}`,
  'in a comment that a line separator ends': `${TEXT}: ping\u2028data: ${CHUNK}\n\n${DONE}`,
  'in an id that a form feed ends': `${TEXT}id: 1\fdata: ${CHUNK}\n\n${DONE}`,
  'in a comment': `${TEXT}: ${CHUNK}\n\n${DONE}`,
  'that is no stream at all': WHOLE,
  'that is no stream at all, in lines': `\n\n${JSON.stringify(JSON.parse(WHOLE), null, 1)}\n\n`,
  'under a key with a letter of another alphabet': `data: ${CHUNK.replace('tool_calls', 'tool_call\u017f')}\n\n${DONE}`,
}

function openAi(gateway: TestGateway, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/openai/v1`, apiKey, maxRetries: 0 })
}

for (const [how, body] of Object.entries(HIDDEN)) {
  test(`a forbidden call ${how} does not get through`, async (t) => {
    const gateway = await startTestGateway(t, answerWith(body))
    for (const stream of [true, false]) {
      const answer = await gateway.post('openai/v1/chat/completions', { model: 'chat', messages: MESSAGES, stream })
      const text = await answer.text()
      assert.ok(!text.replaceAll('local/wipe', '').includes('wipe'), text)
      assert.notEqual((await gateway.records()).at(-1)?.body.status, 'ok')
    }
  })
}

test('nor does one reach a published client behind a byte order mark', async (t) => {
  const gateway = await startTestGateway(t, answerWith(HIDDEN['behind a byte order mark'] ?? ''))
  const read = async (): Promise<void> => {
    const client = openAi(gateway, await gateway.key('helper'))
    const stream = await client.chat.completions.create({ model: 'chat', messages: MESSAGES, stream: true })
    for await (const { choices } of stream) assert.equal(choices[0]?.delta.tool_calls, undefined)
  }
  await assert.rejects(read, OpenAI.APIError)
})

const BLOCK = { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', name: 'wipe', input: {} } }
const START = {
  type: 'message_start',
  message: { id: 'm', type: 'message', role: 'assistant', content: [], usage: { input_tokens: 1, output_tokens: 1 } },
}
const event = (value: { readonly type: string }) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`

test('nor behind one in the protocol of Anthropic', async (t) => {
  const gateway = await startTestGateway(
    t,
    answerWith(event(START) + event(BLOCK).replace('data:', '\ufeffdata:') + event({ type: 'message_stop' })),
  )
  const read = async (): Promise<void> => {
    const client = new Anthropic({
      baseURL: `${gateway.url}/anthropic`,
      apiKey: await gateway.key('helper'),
      maxRetries: 0,
    })
    const stream = await client.messages.create({ model: 'claude', max_tokens: 9, messages: MESSAGES, stream: true })
    for await (const { type } of stream) assert.notEqual(type, 'content_block_start')
  }
  await assert.rejects(read, Anthropic.APIError)
})
