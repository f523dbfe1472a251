// What records of a running house hold: the schemas of their kinds, and what a replay needs.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bodySchemas, type RecordKind } from '../../src/audit/index.ts'
import { accessToken, mcpClient, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

const ASK = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }

test('a decision holds roles and levels, the state of the resource, and the reasons that the agent gave', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const { response } = await openaiClient(house.credentials, token)
    .chat.completions.create(ASK, { headers: { 'sallyport-reasoning': 'the report needs a summary' } })
    .withResponse()
  const records = await house.records(response.headers.get('sallyport-txn') ?? '')
  const decided = records.find(({ kind, body }) => kind === 'decision' && body.action === 'model:invoke')
  assert.ok(decided !== undefined)
  const { permissions, reasoning, chain } = decided.body as {
    permissions: Record<string, { status?: string; in?: string[] }>
    reasoning: string
    chain: { kind: string; id: string }[]
  }
  assert.equal(reasoning, 'the report needs a summary')
  assert.deepEqual(
    Object.keys(permissions),
    chain.map(({ kind, id }) => `${kind}::${id}`),
  )
  assert.equal(permissions['Agent::research-assistant']?.status, 'active')
  const seen = house.model.received().map(({ headers }) => JSON.stringify(headers))
  assert.ok(seen.length > 0)
  for (const headers of seen) assert.doesNotMatch(headers, /needs a summary|sallyport-reasoning/i)
})

test('every record that a house has written is of the schema of its kind', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const mcp = await mcpClient(house.credentials, 'office', token)
  await mcp.listTools()
  await mcp.callTool({ name: 'list_files', arguments: {} })
  await mcp.close()
  await succeed(house.sallyport, 'log', 'forget', '--person', 'carol')
  await accessToken(house.credentials, 'outsider').catch(() => undefined)
  const kinds = new Map<string, number>()
  for (let cursor = ''; ; ) {
    const args = ['log', 'search', '--limit', '500', '--json', ...(cursor === '' ? [] : ['--cursor', cursor])]
    const page = JSON.parse(await succeed(house.sallyport, ...args)) as {
      records: { index: number; kind: RecordKind; erased: boolean; body: object }[]
      cursor?: string
    }
    for (const { index, kind, erased, body } of page.records) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      if (erased) continue
      const { error } = bodySchemas[kind].safeParse(body)
      assert.equal(error, undefined, `record ${index} (${kind}): ${error?.message} ${JSON.stringify(body)}`)
    }
    if (page.cursor === undefined) break
    cursor = page.cursor
  }
  for (const kind of ['decision', 'outcome', 'token', 'change']) assert.ok((kinds.get(kind) ?? 0) > 0, kind)
})
