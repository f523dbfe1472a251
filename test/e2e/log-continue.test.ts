// A data directory whose log was restored from a backup: closed until somebody decides, then on under a new name.
import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { accessToken, openaiClient } from './clients.ts'
import { succeed } from './house.ts'

const ASK = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }

let running: Sallyport | undefined
after(() => running?.remove())

async function ask(sallyport: Sallyport): Promise<number> {
  const { token } = await accessToken(sallyport.credentials, 'inference-client')
  const { response } = await openaiClient(sallyport.credentials, token).chat.completions.create(ASK).withResponse()
  return Number(response.headers.get('sallyport-record'))
}

test('a restored log lets nothing through until it goes on under a new name, and all receipts stay good', async () => {
  const first = await startSallyport()
  running = first
  await ask(first)
  await first.stop()
  const log = join(first.data, 'tenants', 'demo.log.db')
  const backup = join(first.home, 'backup')
  copyFileSync(log, backup)

  const second = await startSallyport({ home: first.home })
  running = second
  const index = await ask(second)
  const receipt = join(first.home, 'lost.tlog-proof')
  await succeed(second, 'log', 'receipt', String(index), '-o', receipt)
  await second.stop()
  copyFileSync(backup, log)
  for (const more of ['-wal', '-shm']) rmSync(log + more, { force: true })

  const stopped = await second.cli('log', 'continue', '--reason', 'a test', '--data', join(first.home, 'nowhere'))
  assert.match(stopped.stderr, /is not a data directory/)
  const third = await startSallyport({ home: first.home }).catch((error: unknown) => String(error))
  if (typeof third !== 'string') {
    running = third
    await assert.rejects(ask(third))
    const busy = await third.cli('log', 'continue', '--reason', 'a test', '--data', first.data)
    assert.equal(busy.ok, false)
    await third.stop()
  } else assert.match(third, /sallyport log continue/)

  const text = await succeed(second, 'log', 'continue', '--reason', 'the disk of Friday', '--data', first.data)
  assert.match(text, /^the log goes on as `localhost:\d+\/t\/demo\/log\/\d{4}-\d\d-\d\d-[0-9a-f]{8}`\n {2}before: /)
  assert.match(text, /lost: {3}\d+ records that were signed/)

  const fourth = await startSallyport({ home: first.home })
  running = fourth
  const later = await ask(fourth)
  const fresh = join(first.home, 'fresh.tlog-proof')
  await succeed(fourth, 'log', 'receipt', String(later), '-o', fresh)
  const keys = join(first.data, 'tenants', 'demo.log.keys')
  for (const file of [receipt, fresh]) await succeed(fourth, 'log', 'receipt', 'verify', file, '--keys', keys)
  for (const how of [[], ['--file', log]]) {
    const verified = await succeed(fourth, 'log', 'verify', ...how)
    assert.match(
      verified,
      /^the log is whole[\s\S]*restored at record \d+, on as localhost.*: \d+ that were signed are lost/,
    )
  }
})
