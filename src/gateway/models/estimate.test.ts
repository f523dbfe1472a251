import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completionEstimate, embeddingEstimate } from './estimate.ts'

const user = (content: string | readonly object[]) => ({ messages: [{ role: 'user', content }] as never })

test('an answer is estimated by the larger of its bounds, for each choice', () => {
  const output = (body: object) => completionEstimate({ ...user('hi'), ...body }).output_tokens
  assert.equal(output({}), 4_096)
  assert.equal(output({ max_tokens: 100 }), 100)
  assert.equal(output({ max_completion_tokens: 50, max_tokens: 100 }), 100)
  assert.equal(output({ max_tokens: 100, n: 3 }), 300)
  for (const unbounded of [-1, null, '7', Number.NaN]) assert.equal(output({ max_tokens: unbounded }), 4_096)
  assert.equal(output({ max_tokens: 100, n: 0 }), 100)
})

test('a prompt is estimated by its length, whatever it consists of', () => {
  const input = (body: Parameters<typeof completionEstimate>[0]) => completionEstimate(body).input_tokens ?? 0
  assert.ok(input(user('x'.repeat(3_000))) >= 1_000)
  assert.ok(input(user('x'.repeat(3_000))) < 1_100)
  assert.ok(input(user('漢'.repeat(1_000))) >= 1_000, 'a character of three bytes is a token')
  const parts = [{ type: 'text', text: 'x'.repeat(3_000) }]
  assert.ok(input(user(parts)) >= 1_000)
  const tools = [{ type: 'function', function: { name: 'f', description: 'y'.repeat(3_000) } }]
  assert.ok(input({ ...user('hi'), tools }) >= 1_000)
  assert.ok(input({ ...user('hi'), system: 'z'.repeat(3_000) }) >= 1_000)
  assert.ok((embeddingEstimate({ input: ['x'.repeat(3_000)] }).input_tokens ?? 0) >= 1_000)
})

test('an attachment counts as one, and text that pretends to be one counts as text', () => {
  const input = (body: Parameters<typeof completionEstimate>[0]) => completionEstimate(body).input_tokens ?? 0
  const picture = `data:image/png;base64,${'A'.repeat(900_000)}`
  const seen = input(user([{ type: 'image_url', image_url: { url: picture } }]))
  assert.ok(seen >= 2_000 && seen < 2_100, String(seen))
  const block = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(900_000) } }
  assert.ok(input(user([block])) < 2_100)
  assert.ok(input(user([{ type: 'text', text: picture }])) > 290_000)
  assert.ok(input(user([{ type: 'text', text: 'hi', data: 'a b '.repeat(10_000) }])) > 13_000)
})
