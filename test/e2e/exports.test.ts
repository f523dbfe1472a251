import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { receiver, sequencesOf } from '../../src/audit/export/export-fixture.ts'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'
import { until } from './until.ts'

const credential = { value: 'a-secret-of-the-receiver' }

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

type Listed = { readonly id: string; readonly state: string; readonly lag: number; readonly next: number }
const list = async (): Promise<readonly Listed[]> =>
  JSON.parse(await succeed(house.sallyport, 'log', 'export', 'list', '--json'))

test('what is declared in a manifest gets the log of the tenant, and the operator sees how far it is', async (t) => {
  assert.equal(await succeed(house.sallyport, 'log', 'export', 'list'), 'nothing is exported\n')
  const there = await receiver()
  t.after(there.close)
  await house.apply({
    exports: {
      hook: { kind: 'webhook', url: there.url, credential },
      siem: { kind: 'ocsf-file', path: 'events.jsonl', filter: { kinds: ['decision'] } },
    },
  })
  const { token } = await accessToken(house.credentials, 'inference-client')
  const ask = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }
  const { response } = await openaiClient(house.credentials, token).chat.completions.create(ask).withResponse()
  const index = Number(response.headers.get('sallyport-record'))
  await until(() => sequencesOf(there.received).includes(index))
  const sequences = sequencesOf(there.received)
  assert.deepEqual(
    sequences,
    sequences.map((_, i) => i),
  )
  const file = join(house.sallyport.data, 'tenants', 'demo.exports', 'events.jsonl')
  const events = (): { readonly class_uid: number; readonly metadata: { readonly sequence: number } }[] =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  await until(() => events().some(({ metadata }) => metadata.sequence === index))
  assert.ok(events().every((event) => event.class_uid === 6003))
  const all = await list()
  assert.deepEqual(
    all.map(({ id }) => id),
    ['hook', 'siem'],
  )
  assert.ok(all.every(({ next, lag }) => next + lag > index))
  assert.match(await succeed(house.sallyport, 'log', 'export', 'list'), /^target +kind +to +state +behind/)
})

test('who may not read the log may not see where it goes', async () => {
  const { ok, stderr } = await house.sallyport.cli('--as', 'inference-client', 'log', 'export', 'list')
  assert.equal(ok, false)
  assert.match(stderr, /denied|no policy/)
})

test('the manifests that the how-to page shows can be applied', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/export-to-a-siem.md'), 'utf8')
  const blocks = [...page.matchAll(/^ *```yaml\n([\s\S]*?)^ *```/gm)].map(([, text = '']) => text)
  assert.ok(blocks.length >= 3)
  for (const text of blocks) {
    const own = text.replaceAll(/\{ env: \w+ \}/g, `{ value: ${credential.value} }`)
    // The receivers of the page are not there.
    await house.apply(parse(own.replaceAll(/https:\/\/[^/\s]+/g, 'http://127.0.0.1:9')))
  }
})
