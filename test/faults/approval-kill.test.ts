import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const KILLS = 4

test('after kills at any moment no approval was used twice', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-approvals-'))
  t.after(() => rmSync(place, { recursive: true, force: true }))
  const key = randomBytes(32).toString('base64')
  const actions = join(place, 'actions')
  writeFileSync(actions, '')
  let begun = 0
  for (let kill = 0; kill < KILLS; kill++) begun = await runAndKill([join(place, 'data'), key, actions, String(begun)])
  const used = readFileSync(actions, 'utf8').trimEnd().split('\n')
  assert.ok(used.length > KILLS, `${used.length} actions`)
  assert.equal(new Set(used).size, used.length)
  // Whatever was begun was done, or its approval was lost with the process: at most one for each kill.
  assert.ok(used.length >= begun - 2 * KILLS, `${used.length} actions of ${begun}`)
})

/** Resolves with the number of requests that were begun so far. */
async function runAndKill(args: readonly string[]): Promise<number> {
  const script = join(import.meta.dirname, 'approval-child.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  while (!output.startsWith('open\n') && child.exitCode === null) await sleep(2)
  await sleep(50 + Math.random() * 300)
  child.kill('SIGKILL')
  await ended
  assert.equal(child.signalCode, 'SIGKILL', 'the process ended by itself')
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  return last === 'open' ? Number(args.at(-1)) : Number(last) + 1
}
