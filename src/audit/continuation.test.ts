import assert from 'node:assert/strict'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createVerifier, parseCheckpoint, parseTilePath } from '../translog/index.ts'
import { fileSource } from './file-source.ts'
import type { Log, LogOptions } from './log.ts'
import { decision, freshKeys, type LogFixture, logFixture, origin } from './log-fixture.ts'
import { remoteSource } from './log-source.ts'
import { verifyRecordReceipt } from './record-receipt.ts'
import { verifyLog } from './verify.ts'

const headOf = (place: LogFixture) => join(place.directory, 'demo.log.head')
const open = (place: LogFixture, options: Partial<LogOptions> = {}) =>
  place.open({ headFile: headOf(place), ...options })
const append = (log: Log, count: number) => Promise.all(Array.from({ length: count }, () => log.append(decision())))

function verifiersOf(place: LogFixture, ...names: string[]) {
  return [origin, ...names].map((name) => createVerifier(name, 'ed25519', place.keys.signer.publicKey))
}

/** A log of 300 records, restored from a backup of its first 200. */
async function restoredLog(place: LogFixture) {
  const log = await open(place)
  await append(log, 200)
  const early = await log.receipt(150)
  await log.close()
  const backup = join(place.directory, 'backup')
  copyFileSync(place.file, backup)
  const again = await open(place)
  await append(again, 100)
  const lost = { receipt: await again.receipt(299), checkpoint: await again.checkpoint() }
  await again.close()
  copyFileSync(backup, place.file)
  for (const more of ['-wal', '-shm']) rmSync(place.file + more, { force: true })
  return { early, lost }
}

async function verify(place: LogFixture, names: string[], kept: string[] = [], withKey = true) {
  const source = fileSource(place.file, withKey ? place.keys.sealing : undefined)
  try {
    return await verifyLog(source, { verifiers: verifiersOf(place, ...names), kept })
  } finally {
    source.close()
  }
}

test('a restored log is recognised, appends and signs nothing under its old name, and can still be read', async () => {
  using place = logFixture()
  const { early } = await restoredLog(place)
  const log = await open(place)
  await assert.rejects(log.append(decision()), { code: 'log_restored' })
  const { writable, reason, lost } = log.status()
  assert.deepEqual({ writable, lost }, { writable: false, lost: 100 })
  assert.match(reason ?? '', /holds 200 records where 300 records were signed.*sallyport log continue/)
  assert.equal((await log.read(7))?.erased, false)
  assert.equal(await log.receipt(150), early)
  assert.equal(parseCheckpoint(await log.checkpoint()).size, 200)
  await log.close()
  // It stays so until somebody decides.
  const again = await open(place)
  await assert.rejects(again.append(decision()), { code: 'log_restored' })
  await again.close()
})

test('a restored log goes on under a new name, whose first record names the last checkpoint of the old one', async () => {
  using place = logFixture()
  const { early, lost } = await restoredLog(place)
  const log = await open(place)
  const continued = await log.continue('the disk of Friday')
  assert.deepEqual({ ...continued, to: '' }, { from: { origin, size: 200 }, to: '', lost: 100, record: 200 })
  assert.match(continued.to, new RegExp(`^${origin}/\\d{4}-\\d\\d-\\d\\d-[0-9a-f]{8}$`))
  assert.equal(log.origin, continued.to)
  const first = await log.read(200)
  assert.ok(first !== undefined && !first.erased && first.kind === 'change')
  assert.equal(first.body.after, lost.checkpoint)
  assert.equal(first.body.reason, 'the disk of Friday')
  await append(log, 50)
  assert.equal(
    parseCheckpoint(await log.receipt(225).then((text) => text.slice(text.indexOf('\n\n') + 2))).origin,
    log.origin,
  )

  // Receipts from before stay what they were, also of records that are lost; new ones prove old records too.
  const verifiers = verifiersOf(place)
  assert.equal(verifyRecordReceipt(early, { origin, verifiers }).index, 150)
  assert.equal(verifyRecordReceipt(lost.receipt, { origin, verifiers }).size, 300)
  const renewed = await log.receipt(150)
  const successor = { origin: log.origin, verifiers: verifiersOf(place, log.origin) }
  assert.equal(verifyRecordReceipt(renewed, successor).size, 251)
  await log.close()

  const again = await open(place)
  assert.equal(again.origin, continued.to)
  await append(again, 1)
  await again.close()
  const report = await verify(place, [continued.to])
  assert.deepEqual(report.problems, [])
  assert.deepEqual(report.continued, [{ origin: continued.to, first: 200, after: { origin, size: 300 } }])
})

test('verify tells an auditor who kept a checkpoint which records are lost', async () => {
  using place = logFixture()
  const { early, lost } = await restoredLog(place)
  const log = await open(place)
  const { to } = await log.continue('restored')
  await log.close()
  const old = early.slice(early.indexOf('\n\n') + 2)
  assert.deepEqual((await verify(place, [to], [old])).problems, [])
  const { problems } = await verify(place, [to], [lost.checkpoint])
  assert.equal(problems.length, 1)
  assert.match(problems[0]?.message ?? '', /of size 300 covers records that are lost: .* was restored to 200 records/)

  const source = remoteSource(async (path) => {
    if (path === 'checkpoint') return Buffer.from(await served.checkpoint())
    if (path === 'origins') return Buffer.from(JSON.stringify({ origins: await served.origins() }))
    const parsed = parseTilePath(path)
    return parsed && (await served.resource(parsed))
  })
  const served = await open(place)
  const remote = await verifyLog(source, { verifiers: verifiersOf(place, to), kept: [lost.checkpoint] })
  assert.match(remote.problems[0]?.message ?? '', /covers records that are lost/)
  assert.equal(remote.continued[0]?.first, 200)
  await served.close()
})

test('a log that goes on twice, each time from the same backup, never signs under the same name again', async () => {
  using place = logFixture()
  await restoredLog(place)
  const backup = join(place.directory, 'backup')
  const names: string[] = []
  for (let i = 0; i < 2; i++) {
    copyFileSync(backup, place.file)
    const log = await open(place)
    await assert.rejects(log.append(decision()), { code: 'log_restored' })
    names.push((await log.continue('again')).to)
    await append(log, 10)
    await log.close()
  }
  assert.notEqual(names[0], names[1])
  const report = await verify(place, names)
  assert.deepEqual(report.problems, [])
  // The second time, the last thing known was signed under the first new name.
  assert.deepEqual(report.continued, [{ origin: names[1], first: 200, after: { origin: names[0], size: 211 } }])
})

test('a log whose file is gone is not begun anew in silence', async () => {
  using place = logFixture()
  const log = await open(place)
  await append(log, 5)
  await log.close()
  rmSync(place.file)
  rmSync(headOf(place))
  const empty = await open(place, { begun: true })
  await assert.rejects(empty.append(decision()), { code: 'log_restored' })
  assert.equal((await empty.continue('the disk is gone')).record, 0)
  await append(empty, 1)
  await empty.close()
  const report = await verify(place, [empty.origin])
  assert.deepEqual(report.problems, [])
  assert.equal(report.size, 2)
})

test('a witness that has seen another history closes the log, and only a new name opens it', async () => {
  using place = logFixture()
  const log = await open(place)
  await append(log, 5)
  const waiting = log.append(decision())
  log.contradicted({ url: 'https://witness.example', size: 900 })
  await assert.rejects(waiting, { code: 'log_restored' })
  await assert.rejects(log.append(decision()), { code: 'log_restored' })
  await assert.rejects(log.receipt(99), { code: 'record_unknown' })
  const continued = await log.continue('restored as a whole')
  assert.equal(continued.lost, 895)
  const first = await log.read(continued.record)
  assert.ok(first !== undefined && !first.erased)
  assert.deepEqual(first.body.witnesses, [{ url: 'https://witness.example', size: 900 }])
  await append(log, 3)
  await log.close()
})

test('what lies beside the log closes it only where the log itself has signed it', async () => {
  using place = logFixture()
  const log = await open(place)
  await append(log, 3)
  await log.close()
  using other = logFixture()
  const forger = await other.open({ keys: freshKeys(), headFile: join(other.directory, 'head') })
  await append(forger, 20)
  const forged = await forger.checkpoint()
  await forger.close()
  for (const text of [forged, 'torn', '']) {
    writeFileSync(headOf(place), text)
    const again = await open(place)
    await append(again, 1)
    await again.close()
  }
})

test('what the file says of its names cannot be changed unnoticed', async () => {
  using place = logFixture()
  await restoredLog(place)
  const log = await open(place)
  const { to } = await log.continue('restored')
  await log.close()
  const { DatabaseSync } = await import('node:sqlite')
  for (const change of ['first = 199', 'after = NULL', "after = replace(after, '300', '200')", 'first = 0']) {
    const copy = join(place.directory, 'copy.db')
    copyFileSync(place.file, copy)
    const db = new DatabaseSync(copy)
    db.exec(`UPDATE origins SET ${change} WHERE id = 2`)
    db.close()
    const source = fileSource(copy, place.keys.sealing)
    const report = await verifyLog(source, { verifiers: verifiersOf(place, to) })
    source.close()
    assert.ok(report.problems.length > 0, change)
  }
})
