import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { apiClient } from '../../src/cli/client.ts'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

const read = (principal: string): Promise<Response> => apiClient(house.credentials, principal).fetch('/api/metrics')
const ask = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }

test('an auditor reads what was measured, in the text format of Prometheus', async () => {
  const { token } = await accessToken(house.credentials, 'inference-client')
  await openaiClient(house.credentials, token).chat.completions.create(ask)
  await openaiClient(house.credentials, 'wrong').chat.completions.create(ask).catch(assert.ok)
  const stranger = await accessToken(house.credentials, 'outsider')
  await openaiClient(house.credentials, stranger.token).chat.completions.create(ask).catch(assert.ok)
  const answer = await read('alice')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  assert.match(text, /^sallyport_gateway_requests_total\{protocol="openai",outcome="ok"\} 1$/m)
  assert.match(text, /^sallyport_gateway_requests_total\{protocol="openai",outcome="unauthenticated"\} 1$/m)
  assert.match(text, /^sallyport_gateway_requests_total\{protocol="openai",outcome="(?:denied|refused)"\} 1$/m)
  assert.match(text, /^sallyport_decision_seconds_count\{decision="allow"\} [1-9]/m)
  assert.match(text, /^sallyport_log_writable 1$/m)
  const total = Number(/^sallyport_log_appends_total (\d+)$/m.exec(text)?.[1])
  const size = Number(/^sallyport_log_size_records (\d+)$/m.exec(text)?.[1])
  assert.ok(total > 0 && total <= size)
})

test('nobody else reads it', async () => {
  assert.equal((await read('inference-client')).status, 403)
  const url = new URL('/t/demo/api/metrics', house.credentials.issuer)
  assert.equal((await fetch(url)).status, 401)
  assert.equal((await fetch(new URL('/metrics', house.credentials.issuer))).status, 404)
})
