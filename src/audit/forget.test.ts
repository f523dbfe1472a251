import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileSource } from './file-source.ts'
import type { Log } from './log.ts'
import { decision, type LogFixture, logFixture, origin } from './log-fixture.ts'
import { verifyRecordReceipt } from './record-receipt.ts'
import { fileTombstones } from './tombstones.ts'
import { verifyLog } from './verify.ts'

const DAY = 86_400_000
const people = ['alice', 'bob', 'carol']

async function fill(log: Log, place: LogFixture, count: number): Promise<void> {
  const at = place.clock.now()
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      log.append(decision({ at, person: people[i % 3] ?? '', tool: `files/${i % 3}` })),
    ),
  )
}

async function verified(place: LogFixture) {
  const source = fileSource(place.file, place.keys.sealing)
  const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin })
  source.close()
  assert.deepEqual(report.problems, [])
  return report.bodies
}

test('a person is forgotten in every record at once, while every proof still verifies', async () => {
  using place = logFixture()
  const log = await place.open()
  await fill(log, place, 1500)
  assert.deepEqual(await log.forgetPerson('bob'), { keys: 1, records: 500 })
  assert.deepEqual(await log.forgetPerson('bob'), { keys: 0, records: 0 })
  for (const index of [1, 1024, 1499]) {
    const record = await log.read(index)
    assert.equal(record?.erased, index % 3 === 1)
    const { leaf } = verifyRecordReceipt(await log.receipt(index), { origin, verifiers: place.keys.verifiers })
    assert.equal(leaf.at, record?.at)
    assert.equal((await log.opening(index)) === undefined, index % 3 === 1)
  }
  assert.deepEqual((await log.search({ principal: 'bob' })).records, [])
  assert.deepEqual((await log.search({ resource: 'Tool::files/1' })).records, [])
  assert.equal((await log.search({ principal: 'carol' }, { limit: 1000 })).records.length, 500)
  await log.append(decision({ person: 'bob' }))
  assert.equal((await log.search({ principal: 'bob' })).records.length, 1)
  await log.close()
  assert.deepEqual(await verified(place), { readable: 1001, erased: 500 })
})

test('records that come in while a person is being forgotten are forgotten too, or readable as a new person', async () => {
  using place = logFixture()
  const log = await place.open()
  await fill(log, place, 3000)
  const forgetting = log.forgetPerson('alice')
  await Promise.all([fill(log, place, 2500), forgetting])
  const { records } = await forgetting
  const left = await log.search({ principal: 'alice' }, { limit: 1000 })
  assert.ok(records >= 1000)
  for (const { index } of left.records) assert.ok(index >= 3000, `record ${index}`)
  await log.close()
  const bodies = await verified(place)
  assert.equal(bodies?.erased, records)
})

test('what was forgotten is not in the file any more', async () => {
  using place = logFixture()
  const log = await place.open()
  await fill(log, place, 30)
  const namesBob = () => readFileSync(place.file).includes(Buffer.from('bob'))
  // The first time, so that the file holds everything that was only in its write-ahead log.
  await log.forgetPerson('carol')
  assert.equal(namesBob(), true)
  await log.forgetPerson('bob')
  assert.equal(namesBob(), false)
  await log.close()
})

test('bodies are forgotten when their time is over, class by class, unless they are held', async () => {
  using place = logFixture()
  const log = await place.open()
  await fill(log, place, 30)
  place.clock.advance(40 * DAY)
  await fill(log, place, 30)
  assert.deepEqual(await log.applyRetention({ decision: { days: 30, hold: true }, token: { days: 1 } }), {
    keys: 0,
    records: 0,
  })
  assert.deepEqual(await log.applyRetention({ decision: { days: 30 } }), { keys: 1, records: 30 })
  assert.equal((await log.read(0))?.erased, true)
  assert.equal((await log.read(30))?.erased, false)
  await log.close()
  assert.deepEqual(await verified(place), { readable: 30, erased: 30 })
})

test('a restored backup forgets again what was forgotten since', async () => {
  using place = logFixture()
  const tombstones = fileTombstones(join(place.directory, 'tombstones'))
  const log = await place.open({ tombstones })
  await fill(log, place, 60)
  await log.close()
  const backup = join(place.directory, 'backup')
  copyFileSync(place.file, backup)
  const again = await place.open({ tombstones })
  assert.equal((await again.forgetPerson('alice')).records, 20)
  await again.close()

  copyFileSync(backup, place.file)
  const restored = await place.open({ tombstones })
  assert.equal((await restored.read(0))?.erased, true)
  assert.equal((await restored.read(1))?.erased, false)
  await restored.close()
})
