// Kills a process that appends under load, again and again on one log, and checks what is left after each kill.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileSource, openLog, verifyLog } from '../../src/audit/index.ts'
import { type LogFixture, origin, tenant } from '../../src/audit/log-fixture.ts'

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
    records = await checkWhatIsLeft(place, fresh, checkpoints)
    onKill({ kills: kill, acknowledged: acknowledged.size, records })
  }
  return { kills, acknowledged: acknowledged.size, records }
}

async function runAndKill(place: LogFixture): Promise<ReadonlyArray<readonly [number, string]>> {
  const { signer, sealing } = place.keys
  const pem = Buffer.from(signer.privateKey.export({ format: 'pem', type: 'pkcs8' })).toString('base64')
  const args = [join(import.meta.dirname, 'log-child.ts'), place.file, sealing.export().toString('hex'), pem]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const ended = new Promise((resolve) => child.once('close', resolve))
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the appending process ended by itself')))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
      if (output.startsWith('open\n')) resolve()
    })
  })
  child.removeAllListeners('exit')
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 120))
  child.kill('SIGKILL')
  await ended
  // The last line may be cut short by the kill; it was then never read by anybody.
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n')
  return lines.flatMap((line) => {
    const [index = '', txn = ''] = line.split(' ')
    return /^\d+$/.test(index) && txn.length === 30 ? [[Number(index), txn] as const] : []
  })
}

async function checkWhatIsLeft(
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
