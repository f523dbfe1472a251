// A log among several witnesses: how many it takes, and what they know that a restored data directory does not.
import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileSource, type Log, verifyLog, verifyRecordReceipt } from '../../src/audit/index.ts'
import { decision, type LogFixture, logFixture, origin } from '../../src/audit/log-fixture.ts'
import { createWitness } from '../../src/cli/witness/serve-witness.ts'
import { openWitnessKeys } from '../../src/cli/witness/witness-key.ts'
import { openWitnessState } from '../../src/cli/witness/witness-state.ts'
import { keepWitnessed, type Witness } from '../../src/server/witnesses.ts'
import { parseCheckpoint, parseVerifierKey, type Verifier } from '../../src/translog/index.ts'
import { until } from './until.ts'

interface TestWitness extends Witness {
  /** Stops answering, until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
}

async function witness(t: TestContext, name: string, logs: readonly Verifier[]): Promise<TestWitness> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-witness-'))
  const { signers, publicKeys } = openWitnessKeys(join(directory, 'witness.key'), name, Date.now)
  const state = openWitnessState(directory)
  let server = createWitness({ logs, signers, state, report: () => {} })
  let port = 0
  const start = (): Promise<void> =>
    new Promise((resolve) => {
      server = createWitness({ logs, signers, state, report: () => {} })
      server.listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port // listening on TCP
        resolve()
      })
    })
  const stop = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  await start()
  t.after(async () => {
    await stop()
    rmSync(directory, { recursive: true })
  })
  const verifiers = publicKeys.trim().split('\n').map(parseVerifierKey)
  return { url: `http://127.0.0.1:${port}`, verifiers, stop, start }
}

const append = (log: Log, count: number) => Promise.all(Array.from({ length: count }, () => log.append(decision())))
const sizeOf = (note: string | undefined) => (note === undefined ? 0 : parseCheckpoint(note).size)

async function verified(place: LogFixture, witnesses: readonly Witness[], quorum: number, note: string | undefined) {
  const source = fileSource(place.file, place.keys.sealing)
  const report = await verifyLog(source, {
    verifiers: place.keys.verifiers,
    witnesses: witnesses.flatMap((one) => one.verifiers),
    quorum,
    ...(note === undefined ? {} : { witnessed: note }),
  })
  source.close()
  return report
}

test('a checkpoint counts as witnessed once two of three have cosigned it, whoever is away', async (t) => {
  using place = logFixture()
  const all = await Promise.all(['a', 'b', 'c'].map((name) => witness(t, `${name}.example`, place.keys.verifiers)))
  const log = await place.open({ checkpointDelay: 5 })
  await append(log, 10)
  await log.receipt(9)
  const told: string[] = []
  const witnessing = await keepWitnessed({
    log,
    witnesses: all,
    quorum: 2,
    every: 20,
    report: (what) => told.push(what),
  })
  assert.equal(sizeOf(await log.witnessed()), 10)
  assert.deepEqual(witnessing.status(), { witnesses: 3, answering: 3, size: 10 })

  await all[0]?.stop()
  await append(log, 10)
  await until(async () => sizeOf(await log.witnessed()) === 20)
  assert.equal(told.length, 1)
  assert.equal(witnessing.status().answering, 2)
  const receipt = await log.receipt(15)
  const witnesses = all.flatMap((one) => one.verifiers)
  const trusted = { origin, verifiers: place.keys.verifiers, witnesses }
  assert.deepEqual(verifyRecordReceipt(receipt, { ...trusted, quorum: 2 }).witnesses, ['b.example', 'c.example'])
  assert.throws(() => verifyRecordReceipt(receipt, { ...trusted, quorum: 3 }), /2 of the witnesses .* not 3/)

  await all[1]?.stop()
  await append(log, 10)
  await log.receipt(29).catch(() => undefined)
  await until(async () => told.length === 2)
  assert.equal(sizeOf(await log.witnessed()), 20, 'one of three is not enough')

  await all[0]?.start()
  await until(async () => sizeOf(await log.witnessed()) === 30)
  const note = await log.witnessed()
  await witnessing.close()
  await log.close()
  const report = await verified(place, all, 2, note)
  assert.deepEqual(report.problems, [])
  assert.deepEqual([report.witnesses.length, report.trusted, report.witnessedSize], [2, 3, 30])
  const wanting = await verified(place, all, 3, note)
  assert.match(
    wanting.problems[0]?.message ?? '',
    /2 of the witnesses that are trusted have cosigned this history, not 3/,
  )
})

test('a witness knows that a whole data directory was restored, also when it is met later; then the log is closed', async (t) => {
  using place = logFixture()
  const one = await witness(t, 'w.example', place.keys.verifiers)
  const options = { headFile: join(place.directory, 'head'), witnessedFile: join(place.directory, 'witnessed') }
  const backup = mkdtempSync(join(tmpdir(), 'sallyport-backup-'))
  t.after(() => rmSync(backup, { recursive: true }))
  const log = await place.open(options)
  await append(log, 50)
  await log.close()
  for (const name of readdirSync(place.directory)) copyFileSync(join(place.directory, name), join(backup, name))
  const again = await place.open(options)
  await append(again, 30)
  await again.receipt(79)
  const witnessing = await keepWitnessed({ log: again, witnesses: [one], every: 20, report: () => {} })
  assert.equal(sizeOf(await again.witnessed()), 80)
  await witnessing.close()
  await again.close()

  const restore = () => {
    rmSync(place.directory, { recursive: true })
    cpSync(backup, place.directory, { recursive: true })
  }
  restore()
  const restored = await place.open(options)
  assert.equal(restored.status().writable, true, 'from the directory alone nobody can tell')
  const asking = await keepWitnessed({ log: restored, witnesses: [one], every: 20, report: () => {} })
  await assert.rejects(restored.append(decision()), { code: 'log_restored' })
  assert.equal(restored.status().lost, 30)
  await asking.close()
  await restored.close()

  restore()
  await one.stop()
  const unseen = await place.open(options)
  const later = await keepWitnessed({ log: unseen, witnesses: [one], every: 20, report: () => {} })
  await append(unseen, 60)
  await one.start()
  await until(() => !unseen.status().writable)
  await assert.rejects(unseen.append(decision()), { code: 'log_restored' })
  await later.close()
  await unseen.close()
})

test('a witness that has known the log can only complain, not close it', async (t) => {
  using place = logFixture()
  const one = await witness(t, 'w.example', place.keys.verifiers)
  const log = await place.open({ checkpointDelay: 5 })
  await append(log, 5)
  const told: string[] = []
  const witnessing = await keepWitnessed({ log, witnesses: [one], every: 20, report: (what) => told.push(what) })
  await until(async () => sizeOf(await log.witnessed()) === 5)
  // Another log of the same name and keys goes further with the same witness: a fork.
  using fork = logFixture()
  const other = await fork.open({ keys: place.keys })
  await append(other, 9)
  await one.stop()
  await one.start()
  const forking = await keepWitnessed({ log: other, witnesses: [one], every: 20, report: () => {} })
  // The witness is asked as soon as there is something to cosign; until it has answered, nobody can know.
  const found = async () => {
    const failure = await other.append(decision()).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (failure === undefined) return false
    assert.equal(failure instanceof Error && 'code' in failure ? failure.code : failure, 'log_restored')
    return true
  }
  await until(found)
  await append(log, 5)
  await until(async () => sizeOf(await log.witnessed()) === 10)
  assert.equal(log.status().writable, true)
  await forking.close()
  await witnessing.close()
  await other.close()
  await log.close()
})
