import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasTooManyMembers } from './json-members.ts'
import { parseBody } from './models/model-request.ts'
import { parseClientMessage, requestIdOf } from './tools/json-rpc.ts'

const members = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',')}}`

test('members are counted, and nothing else', () => {
  assert.equal(hasTooManyMembers(Buffer.from(members(100_000))), false)
  assert.equal(hasTooManyMembers(Buffer.from(members(100_001))), true)
  assert.equal(hasTooManyMembers(Buffer.from(`[${members(60_000)},${members(60_000)}]`)), true)
  assert.equal(hasTooManyMembers(Buffer.from(`{"a":"${':'.repeat(200_000)}","b":"\\":${':'.repeat(200_000)}"}`)), false)
  assert.equal(hasTooManyMembers(Buffer.from(`[${'0,'.repeat(200_000)}0]`)), false)
  for (const broken of ['', '"', '"\\', ':::', '{"a']) assert.equal(hasTooManyMembers(Buffer.from(broken)), false)
})

test('a request of too many members is refused before it is made into an object', () => {
  const refused = { code: 'body_invalid', publicMessage: 'the body holds too many members' }
  const call = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${members(200_000)}}`)
  assert.throws(() => parseClientMessage(call), refused)
  assert.equal(requestIdOf(call), null)
  const body = Buffer.from(`{"model":"m","metadata":${members(200_000)}}`)
  const request = { method: 'POST', path: '/v1/chat/completions', query: '', headers: {}, body }
  assert.throws(() => parseBody(request), refused)
})
