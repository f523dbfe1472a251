import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openHouse } from '../../src/access/revisions/test-house.ts'
import { parseTenantId } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const KILLS = 4

test('after kills at any moment what is active is one whole, and every whole that decided is known', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-activations-'))
  t.after(() => rmSync(place, { recursive: true, force: true }))
  const [data, file] = [join(place, 'data'), join(place, 'decided')]
  writeFileSync(file, '')
  for (let kill = 0; kill < KILLS; kill++) {
    await runAndKill([data, file])
    const stores = openStores(data)
    try {
      const { revisions, access } = await openHouse({
        store: await stores.tenant(parseTenantId('demo') ?? assert.fail()),
      })
      const decided = readFileSync(file, 'utf8').trimEnd().split('\n')
      const active = await revisions.whole(access.revision())
      const [last] = await revisions.activations({ limit: 1 })
      // Everything that one activation changed is there, or nothing of it.
      assert.equal(last?.whole ?? access.revision(), access.revision())
      assert.deepEqual(active?.revisions, revisions.active().revisions)
      for (const line of new Set(decided)) {
        const [whole = '', read, write] = line.split(' ')
        const known = await revisions.whole(whole)
        assert.ok(known !== undefined, `${whole} decided, and nobody knows it`)
        const candidate = await access.prepare(known.files)
        assert.equal(candidate.revision, whole)
        const texts = known.files.map(({ text }) => text).join()
        assert.deepEqual(
          [read, write],
          ['data:read', 'data:write'].map((action) => (texts.includes(action) ? 'allow' : 'deny')),
        )
      }
      // The whole that decided last is active, or the one that was on its way when the process ended.
      const wholes = (await revisions.activations({ limit: 2 })).map(({ whole }) => whole)
      const previous = decided.at(-1)?.split(' ')[0] ?? ''
      assert.ok(wholes.length === 0 || wholes.includes(previous) || previous === access.revision())
    } finally {
      await stores.close()
    }
  }
  const decisions = readFileSync(file, 'utf8').trimEnd().split('\n')
  assert.ok(decisions.length > 2 * KILLS, `${decisions.length} decisions`)
})

async function runAndKill(args: readonly string[]): Promise<void> {
  const script = join(import.meta.dirname, 'activation-child.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  while (!output.startsWith('open\n') && child.exitCode === null) await sleep(2)
  await sleep(400 + Math.random() * 1600)
  child.kill('SIGKILL')
  await ended
  assert.equal(child.signalCode, 'SIGKILL', 'the process ended by itself')
}
