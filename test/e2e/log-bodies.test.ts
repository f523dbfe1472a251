// Reading what stands in records is an action of its own; without it a reader sees what the leaves show.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { apiClient } from '../../src/cli/client.ts'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'

const DEMO = readFileSync(join(import.meta.dirname, '../../foundation/demo/policies/demo.cedar'), 'utf8')
const OUTSIDER = `
@id("outsider/leaves")
@title("the outsider sees when there was a record")
permit (principal == Service::"outsider", action == Action::"log:read", resource == Tenant::"demo");
@id("outsider/apply")
@title("the outsider applies manifests")
permit (principal == Service::"outsider", action == Action::"tenant:apply", resource == Tenant::"demo");
`

let house: House
before(async () => {
  house = await openHouse()
  await house.apply({}, { 'demo.cedar': DEMO, 'outsider.cedar': OUTSIDER })
  const { token } = await accessToken(house.credentials, 'inference-client')
  const ask = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }
  await openaiClient(house.credentials, token).chat.completions.create(ask)
})
after(() => house?.close())

interface Seen {
  readonly index: number
  readonly kind: string
  readonly txn?: string
  readonly body?: { readonly action: string; readonly detail?: { readonly bodies?: boolean } }
  readonly withheld?: boolean
}

async function get(path: string): Promise<{ readonly status: number; readonly records: readonly Seen[] }> {
  const answer = await apiClient(house.credentials, 'outsider').fetch(path)
  const body = (await answer.json()) as { records?: Seen[] } & Seen
  return { status: answer.status, records: body.records ?? [body] }
}

test('who may only read metadata gets kinds and times, and no body, however they ask', async () => {
  for (const path of [
    '/api/records?limit=20',
    '/api/records?kind=decision',
    '/api/records/3',
    '/api/records?bodies=false',
  ]) {
    const { status, records } = await get(path)
    assert.equal(status, 200, path)
    assert.ok(records.length > 0)
    for (const record of records) {
      assert.deepEqual(
        Object.keys(record).filter((name) => !['index', 'kind', 'tenant', 'at', 'of', 'erased'].includes(name)),
        ['withheld'],
        path,
      )
    }
  }
})

test('who may not read bodies may not find records by what stands in them', async () => {
  for (const path of ['principal=alice', 'text=hello', 'decision=deny', 'action=model:invoke', 'bodies=true']) {
    assert.equal((await get(`/api/records?${path}`)).status, 403, path)
  }
  assert.equal((await get('/api/records/3?bodies=true')).status, 403)
})

test('a tail shows them leaves only', async () => {
  const stop = new AbortController()
  const answer = await apiClient(house.credentials, 'outsider').fetch('/api/records/tail', { signal: stop.signal })
  assert.equal(answer.status, 200)
  let text = ''
  const decoder = new TextDecoder()
  const next = await openaiClient(
    house.credentials,
    (await accessToken(house.credentials, 'inference-client')).token,
  ).models.list()
  assert.ok(next.data.length > 0)
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (/^data: .*\n\n/m.test(text)) break
  }
  stop.abort()
  assert.match(text, /"withheld":true/)
  assert.doesNotMatch(text, /"body"/)
})

test('each reading is on record as what it was: of bodies, or of leaves, and how many', async () => {
  await get('/api/records?limit=5')
  const mine = await succeed(house.sallyport, 'log', 'search', '--principal', 'outsider', '--json')
  const actions = (JSON.parse(mine) as { records: Seen[] }).records.map(({ body }) => body?.action)
  assert.ok(actions.includes('log:read') && actions.includes('log:read_body'), actions.join())
  const own = JSON.parse(await succeed(house.sallyport, 'log', 'search', '--action', 'log:read_body', '--json'))
  const read = (own as { records: Seen[] }).records.find(({ body }) => body?.action === 'log:read_body')
  assert.ok(read?.txn !== undefined)
  const outcome = (await house.records(read.txn)).find(({ kind }) => kind === 'outcome')
  assert.ok(outcome !== undefined)
})

test('records leave by an export only with the consent of whoever may let them', async () => {
  const manifest = "exports: { siem: { kind: ocsf-file, path: 'events.jsonl' } }"
  const body = JSON.stringify({ manifests: [{ name: 'exports.yaml', text: manifest }] })
  const headers = { 'content-type': 'application/json' }
  const outsider = apiClient(house.credentials, 'outsider')
  const answer = await outsider.fetch('/api/apply', { method: 'POST', headers, body })
  assert.equal(answer.status, 403)
  assert.equal(await succeed(house.sallyport, 'log', 'export', 'list'), 'nothing is exported\n')
  const harmless = JSON.stringify({ manifests: [{ name: 'empty.yaml', text: 'retention: {}' }] })
  assert.equal((await outsider.fetch('/api/apply', { method: 'POST', headers, body: harmless })).status, 200)
  for (const [method, path] of [
    ['POST', '/api/exports/siem/retry'],
    ['POST', '/api/exports/siem/skip'],
    ['DELETE', '/api/exports/siem'],
  ] as const) {
    assert.equal((await outsider.fetch(path, { method })).status, 403, path)
  }
  await house.apply({ exports: { siem: { kind: 'ocsf-file', path: 'events.jsonl' } } })
  assert.match(await succeed(house.sallyport, 'log', 'export', 'refused', 'siem'), /has refused nothing/)
  assert.equal(await succeed(house.sallyport, 'log', 'export', 'remove', 'siem'), '`siem` is removed\n')
  assert.equal((await house.sallyport.cli('log', 'export', 'skip', 'siem')).ok, false)
  const denied = await succeed(
    house.sallyport,
    'log',
    'search',
    '--action',
    'log:export',
    '--decision',
    'deny',
    '--json',
  )
  assert.ok((JSON.parse(denied) as { records: Seen[] }).records.length >= 4)
})
