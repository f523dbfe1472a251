import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestGateway } from './test-gateway.ts'
import { reply, startHostile } from './test-upstream.ts'

const MEMBER = 'io.sallyport/reasoning'
const TOOLS = [{ name: 'read', inputSchema: { type: 'object' } }]

test('reasons in _meta of a request are recorded, and go no further', async (t) => {
  const upstream = await startHostile(t, (request, response) =>
    reply(request, response, request.message.method === 'tools/list' ? { tools: TOOLS } : {}),
  )
  const gateway = await startTestGateway(
    t,
    `upstreams: { lab: { kind: mcp, url: '${upstream.url}', acceptFirst: true } }`,
  )
  const token = await gateway.token('helper')
  const ask = (method: string, params: object) => gateway.ask('lab', token, { jsonrpc: '2.0', id: 1, method, params })
  await ask('tools/list', { _meta: { [MEMBER]: 'to have a look' } })
  await ask('tools/call', { name: 'read', _meta: { [MEMBER]: 'Alice asked\nfor her mail.', progressToken: 7 } })
  await ask('tools/call', { name: 'read' })
  const odd = await ask('tools/call', { name: 'read', _meta: { [MEMBER]: { why: 'because' } } })
  assert.match(odd.messages[0]?.error?.message ?? '', /`io\.sallyport\/reasoning` of `_meta` is not a text/)

  const decisions = (await gateway.records('decision')).filter((record) => !record.erased)
  const stated = decisions.map(({ body }) => body.reasoning).filter((reasoning) => reasoning !== undefined)
  assert.deepEqual(stated, ['to have a look', 'Alice asked\nfor her mail.'])
  const calls = upstream.received.filter(({ message }) => message.method === 'tools/call')
  assert.deepEqual(
    calls.map(({ message }) => message.params),
    [{ name: 'read', _meta: { progressToken: 7 } }, { name: 'read' }],
  )
  assert.doesNotMatch(JSON.stringify(upstream.received), /io\.sallyport|Alice asked|to have a look/)
})
