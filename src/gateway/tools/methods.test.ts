import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import type { ArgumentOrigins } from '../ports.ts'
import type { JsonObject } from './json-rpc.ts'
import { questionsFor } from './methods.ts'

const upstream = { id: 'office', tools: {} } as unknown as Upstream // as far as questions look at it
const originsOf = (_: Json): ArgumentOrigins => ({
  arguments: {},
  origin: { user: [], system: [], trusted: [], untrusted: [], model: [] },
  sources: [],
})

function described(params: JsonObject): Json | undefined {
  const called = { upstream, method: 'tools/call', tool: undefined, generation: 'stateless' as const, originsOf }
  const [question] = questionsFor({ ...called, params: { name: 'send', arguments: { to: 'x' }, ...params } })
  return question.described
}

test('what reaches a server beside the arguments is part of what somebody agrees to', () => {
  assert.deepEqual(described({ inputResponses: { q1: { action: 'accept' } } }), {
    inputResponses: { q1: { action: 'accept' } },
  })
  assert.deepEqual(described({ requestState: 's', task: { ttl: 1 } }), { requestState: 's', task: { ttl: 1 } })
  assert.deepEqual(described({ _meta: { progressToken: 1, 'example.com/force': true } }), {
    _meta: { 'example.com/force': true },
  })
})

test('what the protocol adds to every attempt makes no other call of it', () => {
  assert.equal(described({}), undefined)
  const meta = {
    progressToken: 7,
    traceparent: '00-1-2-01',
    'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  }
  assert.equal(described({ _meta: meta }), undefined)
})
