import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { accessToken, openaiClient } from './clients.ts'
import { type House, openHouse, succeed } from './house.ts'
import { until } from './until.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

const ASK = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }

test('everything of one request can be shown, as text and as JSON, and as a trace', async () => {
  const { token } = await accessToken(house.credentials, 'research-assistant')
  const { response } = await openaiClient(house.credentials, token).chat.completions.create(ASK).withResponse()
  const txn = response.headers.get('sallyport-txn') ?? ''
  const records = await house.records(txn)
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ['token', 'decision', 'outcome'],
  )
  const text = await succeed(house.sallyport, 'log', 'show', '--request', txn)
  assert.match(text, /demo\/assistant-models/)
  const trace = await succeed(house.sallyport, 'trace', txn)
  assert.match(trace, /research-assistant[\s\S]*model:invoke[\s\S]*demo-chat/)
})

test('the log is verified, and of a copy that was changed verification names the record', async () => {
  await succeed(house.sallyport, 'log', 'verify')
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-copy-'))
  try {
    const original = new DatabaseSync(join(house.sallyport.data, 'tenants', 'demo.log.db'), { readOnly: true })
    const copy = join(directory, 'copy.log.db')
    original.exec(`VACUUM INTO '${copy}'`)
    original.close()
    const forged = new DatabaseSync(copy)
    const { leaf } = forged.prepare('SELECT leaf FROM records WHERE idx = 2').get() ?? {}
    assert.ok(leaf instanceof Uint8Array)
    const changed = Uint8Array.from(leaf, (byte, at) => (at === leaf.length - 1 ? byte ^ 1 : byte))
    forged.prepare('UPDATE records SET leaf = ? WHERE idx = 2').run(changed)
    forged.close()
    const keys = join(house.sallyport.data, 'tenants', 'demo.log.keys')
    const result = await house.sallyport.cli('log', 'verify', '--file', copy, '--keys', keys)
    assert.equal(result.ok, false)
    assert.match(result.stdout + result.stderr, /record 2\b/)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('the log can be followed while it is written', async () => {
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const env = { ...process.env, SALLYPORT_CREDENTIALS: join(house.sallyport.data, 'demo', 'credentials.json') }
  const tail = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'log', 'tail', '--json'], {
    env,
  })
  try {
    const line = new Promise<string>((resolve, reject) => {
      let text = ''
      tail.once('exit', () => reject(new Error('log tail has ended')))
      tail.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part
        const found = text.split('\n').find((candidate) => candidate.includes('model:invoke'))
        if (found !== undefined) resolve(found)
      })
    })
    const openai = openaiClient(house.credentials, house.credentials.principals['chat-app']?.gateway_key ?? '')
    const asking = setInterval(() => void openai.chat.completions.create(ASK).catch(() => undefined), 100)
    const found = JSON.parse(await line) as { kind: string }
    clearInterval(asking)
    assert.equal(found.kind, 'decision')
  } finally {
    tail.kill('SIGKILL')
  }
})

test('killed under load, it has every record that it had acknowledged, and the log is whole', async () => {
  const first = await startSallyport()
  try {
    const { credentials } = first
    const openai = openaiClient(credentials, credentials.principals['chat-app']?.gateway_key ?? '')
    const acknowledged: { readonly txn: string; readonly record: number }[] = []
    // this one is under way when the end comes
    const unfinished = await openai.chat.completions
      .create({ ...ASK, model: 'demo-slow', stream: true, messages: [{ role: 'user', content: 'count to 1000' }] })
      .withResponse()
    let running = true
    const load = Array.from({ length: 16 }, async () => {
      while (running) {
        try {
          const { response } = await openai.chat.completions.create(ASK).withResponse()
          const record = Number(response.headers.get('sallyport-record'))
          acknowledged.push({ txn: response.headers.get('sallyport-txn') ?? '', record })
        } catch {
          return // it is dead
        }
      }
    })
    await until(() => acknowledged.length > 100, 30_000)
    await first.stop('SIGKILL')
    running = false
    await Promise.all(load)
    const second = await startSallyport({ home: first.home })
    try {
      await succeed(second, 'log', 'verify')
      const decisions = await allDecisions(second)
      const lost = acknowledged.filter(({ txn, record }) => decisions.get(record) !== txn)
      assert.deepEqual(lost, [])
      const open = await succeed(
        second,
        'log',
        'show',
        unfinished.response.headers.get('sallyport-record') ?? '',
        '--json',
      )
      assert.equal((JSON.parse(open) as { outcome?: { status: string } }[])[0]?.outcome?.status, 'unknown')
    } finally {
      await second.stop()
    }
  } finally {
    await first.remove()
  }
})

async function allDecisions(
  sallyport: Awaited<ReturnType<typeof startSallyport>>,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  const text = await succeed(sallyport, 'log', 'search', '--action', 'model:invoke', '--limit', '1000', '--json')
  const { records } = JSON.parse(text) as { records: { index: number; txn: string }[] }
  for (const { index, txn } of records) found.set(index, txn)
  return found
}
