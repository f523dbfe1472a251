import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLedger } from '../../src/access/index.ts'
import { parseTenantId, systemClock } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const RESERVED = 100
const USED = 40
const CALLERS = 32

test('a process that is killed under load loses nothing that was reserved, and keeps at full what was open', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-ledger-'))
  try {
    let before = 0
    for (let kill = 0; kill < 8; kill++) {
      const mode = kill % 2 === 0 ? 'keep' : 'settle'
      const { opened, asked, reserved, settled } = await runAndKill(directory, mode)
      assert.equal(opened, before, 'what one process leaves the next one finds')
      const next = await openAgain(directory)
      // What was acknowledged is there: as it was reserved, or at least as it was settled.
      const least = opened + reserved * (mode === 'keep' ? RESERVED : USED)
      assert.ok(next >= least, `kill ${kill}, ${mode}: ${next} are counted, and ${least} were acknowledged`)
      // What is counted too much is what was open, and what was settled and not written yet: two rounds at most.
      const unsettled = mode === 'keep' ? asked : asked - settled + 2 * CALLERS
      const most = opened + asked * USED + unsettled * (RESERVED - USED)
      assert.ok(next <= most, `kill ${kill}, ${mode}: ${next} are counted, and no more than ${most} can have been`)
      before = next
    }
    assert.ok(before > 0, 'it was killed before anything happened')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

interface Run {
  readonly opened: number
  readonly asked: number
  readonly reserved: number
  readonly settled: number
}

async function runAndKill(directory: string, mode: string, wait = 30 + Math.random() * 150): Promise<Run> {
  const child = join(import.meta.dirname, 'limits-child.ts')
  const running = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', child, directory, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const ended = new Promise((resolve) => running.once('close', resolve))
  running.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  while (!output.includes('\n') && running.exitCode === null) await sleep(2)
  await sleep(wait)
  running.kill('SIGKILL')
  await ended
  assert.equal(running.signalCode, 'SIGKILL', 'the process ended by itself')
  const count = (word: string): number => output.split('\n').filter((line) => line === word).length
  const opened = Number(/^open (\d+)$/m.exec(output)?.[1])
  return { opened, asked: count('asked'), reserved: count('reserved'), settled: count('settled') }
}

/** What a new process finds. */
async function openAgain(directory: string): Promise<number> {
  const tenant = parseTenantId('demo')
  assert.ok(tenant !== undefined)
  const stores = openStores(directory)
  const ledger = await openLedger({ store: await stores.tenant(tenant), clock: systemClock })
  const account = { statement: 'tokens', what: 'tokens/month', key: 'all' }
  const used = ledger.used(account, { start: 0, end: 9_000_000_000_000 })
  await ledger.close()
  await stores.close()
  return used
}
