import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportsOf, receiver, sequencesOf, until } from '../../src/audit/export/export-fixture.ts'
import { type LogFixture, logFixture, tenant } from '../../src/audit/log-fixture.ts'
import { openStores } from '../../src/store/index.ts'

const KILLS = 5

test('after kills at any moment every record is with every receiver, and what came twice can be told', async (t) => {
  using place = logFixture()
  const there = await receiver(async (response) => {
    await sleep(Math.random() * 5)
    response.end()
  })
  t.after(there.close)
  for (let kill = 0; kill < KILLS; kill++) await runAndKill(place, there.url)

  const stores = openStores(join(place.directory, 'data'))
  const log = await place.open()
  const exports = await exportsOf(place, log, await stores.tenant(tenant))
  await until(async () => (await exports.list()).every(({ lag, state }) => lag === 0 && state === 'idle'))
  await exports.close()
  const all = Array.from({ length: log.status().size }, (_, i) => i)
  await log.close()
  await stores.close()
  assert.ok(all.length >= KILLS * 20)

  const lines = readFileSync(join(place.directory, 'exports', 'events.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  const inFile = lines.map((line) => JSON.parse(line).metadata.sequence)
  assert.deepEqual(firstTimes(inFile), all)
  assert.deepEqual(firstTimes(sequencesOf(there.received)), all)
})

/** What came, in the order in which it came first. */
const firstTimes = (sequences: readonly number[]): number[] => [...new Set(sequences)]

async function runAndKill(place: LogFixture, url: string): Promise<void> {
  const { signer, sealing } = place.keys
  const pem = Buffer.from(signer.privateKey.export({ format: 'pem', type: 'pkcs8' })).toString('base64')
  const script = join(import.meta.dirname, 'export-child.ts')
  const args = [script, place.directory, url, sealing.export().toString('hex'), pem]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  while (!output.startsWith('written\n') && child.exitCode === null) await sleep(2)
  await sleep(Math.random() * 150)
  child.kill('SIGKILL')
  await ended
  assert.equal(child.signalCode, 'SIGKILL', 'the exporting process ended by itself')
}
