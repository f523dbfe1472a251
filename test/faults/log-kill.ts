// Kills a process that appends under load, again and again on one log, and checks what is left after each kill.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileSource, openLog, verifyLog } from '../../src/audit/index.ts'
import { type LogFixture, origin, tenant } from '../../src/audit/log-fixture.ts'
import type { FaultName, Write } from './log-faulty-database.ts'

export interface KillRun {
  readonly kills: number
  readonly acknowledged: number
  readonly records: number
}

/** Throws where an acknowledged record is lost, doubled or changed, or the log does not open or verify. */
export async function killUnderLoad(
  place: LogFixture,
  kills: number,
  onKill: (done: KillRun) => void = () => {},
): Promise<KillRun> {
  const acknowledged = new Map<number, string>()
  const checkpoints: string[] = []
  let records = 0
  for (let kill = 1; kill <= kills; kill++) {
    const fresh = await runAndKill(place)
    for (const [index, txn] of fresh) {
      assert.ok(!acknowledged.has(index), `record ${index} was acknowledged twice`)
      acknowledged.set(index, txn)
    }
    records = await stillThere(place, fresh, checkpoints)
    onKill({ kills: kill, acknowledged: acknowledged.size, records })
  }
  return { kills, acknowledged: acknowledged.size, records }
}

/** Where the process is to kill itself; at a random moment where left out. */
export interface KillPoint {
  readonly write: Write
  readonly occurrence: number
  readonly fault: FaultName
}

/** Runs the appending process until it is dead; returns what it acknowledged. */
export async function runAndKill(place: LogFixture, at?: KillPoint): Promise<ReadonlyArray<readonly [number, string]>> {
  const { signer, sealing } = place.keys
  const pem = Buffer.from(signer.privateKey.export({ format: 'pem', type: 'pkcs8' })).toString('base64')
  const args = [join(import.meta.dirname, 'log-child.ts'), place.file, sealing.export().toString('hex'), pem]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(at === undefined ? {} : { SALLYPORT_KILL_AT: JSON.stringify(at) }) },
  })
  let output = ''
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  if (at === undefined) {
    while (!output.startsWith('open\n') && child.exitCode === null) await sleep(2)
    await sleep(Math.random() * 120)
    child.kill('SIGKILL')
  }
  await ended
  assert.equal(child.signalCode, 'SIGKILL', 'the appending process ended by itself')
  // The last line may be cut short by the kill; it was then never read by anybody.
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n')
  return lines.flatMap((line) => {
    const [index = '', txn = ''] = line.split(' ')
    return /^\d+$/.test(index) && txn.length === 30 ? [[Number(index), txn] as const] : []
  })
}

/** Throws unless the log opens, verifies, and holds each acknowledged record exactly once; returns its size. */
export async function stillThere(
  place: LogFixture,
  acknowledged: ReadonlyArray<readonly [number, string]>,
  kept: string[],
): Promise<number> {
  const log = await openLog({ ...place, tenant, origin })
  const { size } = log.status()
  for (const [index, txn] of acknowledged) {
    const record = await log.read(index)
    assert.ok(record !== undefined && !record.erased, `record ${index} was acknowledged and is gone`)
    assert.equal(record.txn, txn)
    if (record.kind !== 'decision') continue
    assert.notEqual(record.outcome?.status, 'pending')
    const sameTxn = (await log.byTxn(record.txn)).filter((other) => other.kind === 'decision')
    assert.equal(sameTxn.length, 1, `record ${index} is in the log ${sameTxn.length} times`)
  }
  kept.push(await log.checkpoint())
  await log.close()
  const source = fileSource(place.file, place.keys.sealing)
  const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin, kept })
  source.close()
  assert.deepEqual(report.problems, [])
  assert.equal(report.size, size)
  return size
}
