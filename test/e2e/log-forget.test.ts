import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { accessToken, openaiClient } from './clients.ts'
import { succeed } from './house.ts'

let sallyport: Sallyport
before(async () => {
  sallyport = await startSallyport()
})
after(() => sallyport?.remove())

const ASK = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }

test('a person is forgotten by whoever may, at once, and the log stays whole', async () => {
  const { token } = await accessToken(sallyport.credentials, 'alice')
  await openaiClient(sallyport.credentials, token).chat.completions.create(ASK).catch(assert.ok)
  const found = async (): Promise<number> => {
    const text = await succeed(sallyport, 'log', 'search', '--principal', 'alice', '--json')
    return (JSON.parse(text) as { records: unknown[] }).records.length
  }
  assert.ok((await found()) > 0)

  const refused = await sallyport.cli('--as', 'alice', 'log', 'forget', '--person', 'alice')
  assert.equal(refused.ok, false)
  const text = await succeed(sallyport, 'log', 'forget', '--person', 'alice')
  assert.match(text, /^`alice` is forgotten: [1-9]\d* bodies were erased; all proofs stay\n$/)
  assert.equal(await found(), 0)
  assert.equal(await succeed(sallyport, 'log', 'forget', '--person', 'alice'), 'no readable record names `alice`\n')
  const changes = JSON.parse(await succeed(sallyport, 'log', 'search', '--text', 'log:forget', '--json')) as {
    records: { kind: string; body: { person?: string } }[]
  }
  assert.ok(changes.records.some(({ kind, body }) => kind === 'change' && body.person === 'alice'))

  const tombstones = join(sallyport.data, 'tenants', 'demo.log.tombstones')
  assert.equal(statSync(tombstones).mode & 0o777, 0o600)
  assert.equal(readFileSync(tombstones, 'utf8').trim().split('\n').length, 1)
  const verified = await succeed(sallyport, 'log', 'verify', '--file', join(sallyport.data, 'tenants', 'demo.log.db'))
  assert.match(verified, /^the log is whole[\s\S]*, [1-9]\d* erased/)
})

test('retention is declared in a manifest; applying it again changes nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-retention-'))
  try {
    const file = join(directory, 'retention.yaml')
    writeFileSync(file, 'retention:\n  decision: { days: 365 }\n  outcome: { days: 365 }\n  change: { hold: true }\n')
    const changes = async (): Promise<string[]> => {
      const { changes } = JSON.parse(await succeed(sallyport, 'apply', '-f', file, '--json'))
      return changes.map(({ id, effect }: { id: string; effect: string }) => `${id} ${effect}`)
    }
    assert.deepEqual(await changes(), ['decision created', 'outcome created', 'change created'])
    assert.deepEqual(await changes(), ['decision unchanged', 'outcome unchanged', 'change unchanged'])
    writeFileSync(file, 'retention:\n  decisions: { days: 1 }\n')
    assert.match((await sallyport.cli('apply', '-f', file)).stderr, /retention/)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
