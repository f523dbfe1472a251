import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCheckpoint } from '../../src/translog/index.ts'
import { consoleBlocks, isAsShown } from './console-blocks.ts'
import { type House, openHouse, succeed } from './house.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/how-to/verify-the-log-as-an-auditor.md'), 'utf8')

const house: House = await openHouse()
after(() => house.close())
beforeEach(() => succeed(house.sallyport, 'log', 'public', 'off'))

const NAMES = ['checkpoint', 'keys', 'origins', 'tile/entries/000.p/1', 'tile/0/000.p/1']
const { issuer } = house.credentials

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${issuer}/${path}`, init)
const statuses = (paths: readonly string[]): Promise<number[]> =>
  Promise.all(
    paths.map(async (path) => {
      const answer = await get(path)
      await answer.arrayBuffer()
      return answer.status
    }),
  )
/** What the checkpoint says that covers everything until now. */
const settledSize = async (): Promise<number> => {
  await sleep(1_000)
  return parseCheckpoint(await (await get('log/checkpoint')).text()).size
}
// From outside: nothing of this machine but the URL.
const stranger = (...args: readonly string[]) => house.sallyport.cli('--credentials', '/nowhere', ...args)

test('a stranger verifies a log that the tenant made public, and no other', async () => {
  assert.deepEqual(new Set(await statuses(NAMES.map((name) => `log/${name}`))), new Set([401]))
  const refused = await stranger('log', 'verify', '--url', issuer)
  assert.equal(refused.ok, false)

  await succeed(house.sallyport, 'log', 'public', 'on')
  assert.deepEqual(new Set(await statuses(NAMES.map((name) => `log/${name}`))), new Set([200]))
  const verified = await stranger('log', 'verify', '--url', issuer)
  assert.match(verified.stdout, /^the log is whole: \d+ records\n/, verified.stderr)

  await succeed(house.sallyport, 'log', 'public', 'off')
  assert.deepEqual(new Set(await statuses(NAMES.map((name) => `log/${name}`))), new Set([401]))
})

test('what stands in records, and everything else of the tenant, stays closed in a public log', async () => {
  await succeed(house.sallyport, 'log', 'public', 'on')
  const closed = ['records', 'records?text=alice', 'records/0', 'records/0/receipt', 'records/tail', 'log/public']
  assert.deepEqual(new Set(await statuses([...closed.map((path) => `api/${path}`), 'api/principals'])), new Set([401]))
  for (const path of ['log/tile/../../api/records', 'log/tile/..%2fkeys', 'log/checkpoint/x', 'log']) {
    assert.notEqual((await get(path)).status, 200, path)
  }
})

test('strangers leave no records, and their tiles may be kept by whoever carries them, for ever', async () => {
  await succeed(house.sallyport, 'log', 'public', 'on')
  const size = await settledSize()
  for (let i = 0; i < 20; i++) await (await get('log/tile/entries/000.p/1')).arrayBuffer()
  assert.equal((await stranger('log', 'verify', '--url', issuer)).ok, true)
  assert.equal(await settledSize(), size)

  const cached = async (name: string) => (await get(`log/${name}`)).headers.get('cache-control')
  assert.equal(await cached('tile/entries/000.p/1'), 'public, max-age=31536000, immutable')
  assert.equal(await cached('checkpoint'), 'public, max-age=1')
  assert.equal(await cached('tile/0/999'), 'no-store')
})

test('what carries the log between must not keep it for others while it is not public', async () => {
  const { stdout } = await house.sallyport.cli('token', '--audience', 'api')
  const headers = { authorization: `Bearer ${stdout.trim()}` }
  const tile = await get('log/tile/0/000.p/1', { headers })
  assert.equal(tile.headers.get('cache-control'), 'private, max-age=31536000, immutable')
  assert.equal((await get('log/checkpoint', { headers })).headers.get('cache-control'), 'no-store')
})

test('a credential that is worth nothing does not close what is open to everybody', async () => {
  await succeed(house.sallyport, 'log', 'public', 'on')
  assert.equal((await get('log/checkpoint', { headers: { authorization: 'Bearer x' } })).status, 200)
})

test('a manifest chooses too, and who may not let records leave may not choose, either way', async () => {
  await house.apply({ log: { public: true } })
  assert.equal((await get('log/checkpoint')).status, 200)
  await house.apply({})
  assert.equal((await get('log/checkpoint')).status, 200)
  await house.apply({ log: { public: false } })
  assert.equal((await get('log/checkpoint')).status, 401)

  const forbid = `@id("nothing-leaves")
forbid (principal, action == Action::"log:export", resource);`
  const page = readFileSync(join(import.meta.dirname, '../../foundation/demo/policies/demo.cedar'), 'utf8')
  await house.apply({}, { 'demo.cedar': page, 'closed.cedar': forbid })
  await assert.rejects(house.apply({ log: { public: true } }), /sallyport apply/)
  assert.equal((await get('log/checkpoint')).status, 401)
  assert.equal((await house.sallyport.cli('log', 'public', 'on')).ok, false)
  // What is chosen already is no choice.
  await house.apply({ log: { public: false } })
  await house.apply({}, { 'demo.cedar': page })
})

test('who chose what is on record', async () => {
  assert.equal(await succeed(house.sallyport, 'log', 'public'), 'the log is verified by those who may `log:read`\n')
  await succeed(house.sallyport, 'log', 'public', 'on')
  const found = JSON.parse(await succeed(house.sallyport, 'log', 'search', '--action', 'log:export', '--json')) as {
    records: { body: { operation?: string } }[]
  }
  assert.equal(found.records[0]?.body.operation, 'POST /t/:tenant/api/log/public')
})

test('the page for auditors shows a public log as it is', async () => {
  const shown = consoleBlocks(PAGE).filter(({ command }) => /log public|--url/.test(command))
  assert.equal(shown.length, 2)
  for (const { command, output } of shown) {
    const args = command.replace(/^npm run -s sallyport -- /, '').replaceAll('http://localhost:8420/t/demo', issuer)
    const { stdout } = await house.sallyport.cli(...args.split(' '))
    const here = (line: string) =>
      line.replaceAll('http://localhost:8420/t/demo', issuer).replaceAll('localhost:8420', new URL(issuer).host)
    assert.ok(isAsShown(output.map(here), stdout), stdout)
  }
})
