// Every write of the log × what can happen to it: afterwards the log opens and goes on by itself, verifies from the
// first record, holds every acknowledged record exactly once, and has signed no two states of one size.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileSource, type Log, verifyLog } from '../../src/audit/index.ts'
import { openLogDatabase } from '../../src/audit/log-database.ts'
import { decision, type LogFixture, logFixture, origin } from '../../src/audit/log-fixture.ts'
import { parseCheckpoint } from '../../src/translog/index.ts'
import { FAULTS, type Fault, type FaultName, faultyDatabases, WRITES, type Write } from './log-faulty-database.ts'
import { runAndKill, stillThere } from './log-kill.ts'

// As many as it takes for the write to come up as often as it has to: a tile at 256, a segment at 1024.
const recordsFor = (write: Write) => (write.startsWith('the search') ? 1100 : write === 'the tile' ? 800 : 250)
const writes = Object.keys(WRITES) as Write[]
const faults = Object.keys(FAULTS) as FaultName[]

for (const write of writes) {
  for (const name of faults.filter((fault) => !fault.includes('killed'))) {
    test(`${write} ${name}: the log recovers by itself and has lost nothing`, async () => {
      for (const occurrence of occurrencesOf(write)) await meetFault(write, occurrence, FAULTS[name])
    })
  }
  test(`the clock jumps back at ${write}: the log goes on`, async () => {
    for (const occurrence of occurrencesOf(write)) {
      await meetFault(write, occurrence, { after: () => {} }, (place) => place.clock.set(0))
    }
  })
  test(`the process is killed at ${write}: the log opens by itself and has lost nothing`, async () => {
    for (const name of faults.filter((fault) => fault.includes('killed'))) {
      using place = logFixture()
      const acknowledged = await runAndKill(place, { write, occurrence: occurrencesOf(write).at(-1) ?? 1, fault: name })
      await stillThere(place, acknowledged, [])
    }
  })
}

// The first time, and once in the middle, where there is more than one.
function occurrencesOf(write: Write): number[] {
  // While it is opened, with its first checkpoint, and of groups of records.
  if (write === 'the sync') return [1, 2, 3, 4, 9]
  const once: readonly Write[] = ['the origin', 'the search times', 'the seal']
  return once.includes(write) ? [1] : [1, 3]
}

async function meetFault(
  write: Write,
  occurrence: number,
  fault: Fault,
  also: (place: LogFixture) => void = () => {},
): Promise<void> {
  using place = logFixture()
  const happening = {
    ...fault,
    after: () => {
      also(place)
      fault.after?.()
    },
  }
  const { happened, ...opening } = faultyDatabases(write, occurrence, happening, openLogDatabase)
  const records = recordsFor(write)
  const acknowledged = new Map<number, string>()
  const signed = new Map<number, string>()
  const noteCheckpoint = async (log: Log) => {
    const note = await log.checkpoint().catch(() => undefined)
    if (note === undefined) return
    const { size } = parseCheckpoint(note)
    assert.equal(signed.get(size) ?? note, note, `two checkpoints of size ${size}`)
    signed.set(size, note)
  }

  // A fault while the log is begun is reported; opening it again is all it takes.
  const log = await place.open({ ...opening, checkpointDelay: 1 }).catch(() => place.open(opening))
  for (let round = 0; round < records / 50; round++) {
    await Promise.allSettled(Array.from({ length: 50 }, () => appendNoting(log, place, acknowledged)))
    await noteCheckpoint(log)
    if (!log.status().writable) await untilWritable(log)
    if (round % 5 === 0) await sleep(3)
  }
  assert.ok(happened(), `${write} did not come ${occurrence} times`)
  assert.equal(log.status().writable, true)
  assert.ok(acknowledged.size >= records - 100, `only ${acknowledged.size} were acknowledged`)
  await log.receipt(log.status().size - 1)
  await noteCheckpoint(log)
  await log.close()
  await stillThere(place, [...acknowledged], [...signed.values()])
  const source = fileSource(place.file)
  const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin, kept: [...signed.values()] })
  source.close()
  assert.deepEqual(report.problems, [])
}

async function appendNoting(log: Log, place: LogFixture, acknowledged: Map<number, string>): Promise<void> {
  const record = decision({ at: place.clock.now() })
  const index = await log.append(record)
  assert.ok(!acknowledged.has(index), `record ${index} was acknowledged twice`)
  acknowledged.set(index, record.txn)
}

async function untilWritable(log: Log): Promise<void> {
  for (let waited = 0; waited < 2000 && !log.status().writable; waited += 10) await sleep(10)
}
