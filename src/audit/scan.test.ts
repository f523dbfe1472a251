import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { decision, logFixture, outcome } from './log-fixture.ts'
import type { LogScan, ScannedRecord } from './scan.ts'

const start = Date.UTC(2026, 5, 1)

test('a scan reads every record of a span as a reader would, the oldest first', async () => {
  using fixture = logFixture()
  const log = await fixture.open()
  for (let i = 0; i < 2500; i++) void log.append(decision({ at: start + i, agent: `a${i}` }))
  await log.append(decision({ at: start + 2500 }))
  const found = all(log.scan())
  assert.equal(found.length, 2501)
  assert.deepEqual(
    found.map(({ index }) => index),
    found.map((_, index) => index),
  )
  const { index, kind, at, erased, txn, body } = (await log.read(1700)) as ScannedRecord
  assert.deepEqual(found[1700], { index, kind, at, erased, txn, body })
  assert.deepEqual(
    all(log.scan({ from: start + 1000, to: start + 1010 })).map((one) => one.at - start),
    [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009],
  )
  assert.equal(all(log.scan({ first: 2400, below: 2410 })).length, 10)
  assert.deepEqual(all(log.scan({ first: 9000 })), [])
  await log.close()
})

test('only records of the wanted kinds are read', async () => {
  using fixture = logFixture()
  const log = await fixture.open()
  const record = decision()
  const of = await log.append(record)
  await log.append(outcome(of, record.txn))
  assert.deepEqual(
    all(log.scan({ kinds: ['outcome'] })).map(({ kind }) => kind),
    ['outcome'],
  )
  await log.close()
})

test('what was forgotten has no body, also where it is forgotten while somebody reads', async () => {
  using fixture = logFixture()
  const log = await fixture.open({ queueLimit: 20_000 })
  for (let i = 0; i < 17_000; i++) void log.append(decision({ person: i % 2 === 0 ? 'alice' : 'bob' }))
  await log.append(decision({ person: 'bob' }))
  const scan = log.scan()
  assert.ok(scan.next()?.every(({ erased }) => !erased))
  await log.forgetPerson('alice')
  const last = all(scan).slice(-100)
  assert.ok(last.filter(({ index }) => index % 2 === 0 && index < 17_000).every(erasedOf))
  assert.ok(last.filter(({ index }) => index % 2 === 1).every((one) => !erasedOf(one)))
  assert.equal(all(log.scan()).filter(erasedOf).length, 8500)
  await log.close()
})

test('a body that was changed is one that cannot be read, and nothing else', async () => {
  using fixture = logFixture()
  const log = await fixture.open()
  for (let i = 0; i < 3; i++) await log.append(decision())
  await log.close()
  const db = new DatabaseSync(fixture.file)
  db.exec("UPDATE records SET body = zeroblob(200) WHERE idx = 1; UPDATE records SET body = x'00' WHERE idx = 2")
  db.close()
  const opened = await fixture.open()
  assert.deepEqual(
    all(opened.scan()).map(({ erased, body }) => [erased, body !== undefined]),
    [
      [false, true],
      [false, false],
      [false, false],
    ],
  )
  await opened.close()
})

function all(scan: LogScan): readonly ScannedRecord[] {
  const found: ScannedRecord[] = []
  for (let some = scan.next(); some !== undefined; some = scan.next()) found.push(...some)
  assert.equal(scan.done, scan.total)
  scan.close()
  return found
}

function erasedOf({ erased }: ScannedRecord): boolean {
  return erased
}
