// When a record counts as written. What the disk has is what was in the files when the last sync that has ended began.
import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { parseCheckpoint } from '../translog/index.ts'
import { openLog } from './log.ts'
import { decision, logFixture, origin, tenant } from './log-fixture.ts'
import { createWalMover } from './wal-mover.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** A disk that takes what it is given when the test says so. */
function heldDisk() {
  const held: (() => void)[] = []
  let isHeld = false
  const opening = (path: string): WriteAheadLog => {
    const wal = openWriteAheadLog(path)
    const sync = async () => {
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve))
      await wal.sync()
    }
    return { ...wal, sync }
  }
  return {
    opening,
    hold: () => {
      isHeld = true
    },
    release: () => {
      isHeld = false
      for (const go of held.splice(0)) go()
    },
  }
}

test('a record is acknowledged when the disk has it, and until then nobody else waits', async () => {
  using place = logFixture()
  const disk = heldDisk()
  const log = await place.open({ openWriteAheadLog: disk.opening, queueLimit: 3 })
  assert.equal(await log.append(decision()), 0)
  disk.hold()
  const acknowledged: number[] = []
  const note = (index: number) => void acknowledged.push(index)
  const first = log.append(decision()).then(note)
  for (let i = 0; i < 20; i++) await turn()
  assert.deepEqual(acknowledged, [])
  assert.deepEqual([log.status().size, log.status().waiting], [1, 1])
  // These gather meanwhile, and count against the queue together with the one that is on its way.
  const more = [log.append(decision()).then(note), log.append(decision()).then(note)]
  await assert.rejects(log.append(decision()), { code: 'log_overloaded' })
  await sleep(20)
  assert.deepEqual(acknowledged, [])
  disk.release()
  await Promise.all([first, ...more])
  assert.deepEqual(acknowledged, [1, 2, 3])
  assert.deepEqual([log.status().size, log.status().waiting], [4, 0])
  await log.close()
})

test('a checkpoint is shown when the disk has it and all that it covers, of one size one, and nobody waits for it', async () => {
  using place = logFixture()
  const disk = heldDisk()
  const log = await place.open({ openWriteAheadLog: disk.opening, checkpointDelay: 1 })
  await log.append(decision())
  await sleep(20)
  const before = await log.checkpoint()
  assert.equal(parseCheckpoint(before).size, 1)
  await log.append(decision())
  disk.hold()
  await sleep(20)
  assert.equal(await log.checkpoint(), before)
  const next = log.append(decision())
  // Whoever wants a receipt now gets it up to the very checkpoint that is on its way.
  const receipt = await log.receipt(1)
  const shown = await log.checkpoint()
  assert.equal(parseCheckpoint(shown).size, 2)
  assert.ok(receipt.endsWith(shown))
  disk.release()
  await next
  await log.close()
  const again = await place.open()
  assert.equal(parseCheckpoint(await again.checkpoint()).size, 3)
  await again.close()
})

test('closing brings everything to the disk that was accepted', async () => {
  using place = logFixture()
  const disk = heldDisk()
  const log = await place.open({ openWriteAheadLog: disk.opening })
  disk.hold()
  const first = log.append(decision())
  await turn()
  await turn()
  const second = log.append(decision())
  await log.close()
  assert.deepEqual(await Promise.all([first, second]), [0, 1])
  disk.release()
  const again = await place.open()
  assert.equal(again.status().size, 2)
  await again.close()
})

test('what the disk did not take is not acknowledged, and what waits behind it is written when it takes more', async () => {
  using place = logFixture()
  let fails = false
  const log = await place.open({
    openWriteAheadLog(path) {
      const wal = openWriteAheadLog(path)
      const sync = () => (fails ? sleep(10).then(() => Promise.reject(new Error('EIO: i/o error'))) : wal.sync())
      return { ...wal, sync }
    },
  })
  await log.append(decision())
  fails = true
  const lost = log.append(decision())
  await turn()
  await turn()
  const behind = log.append(decision())
  await assert.rejects(lost, { code: 'log_unavailable' })
  assert.equal(log.status().writable, false)
  await assert.rejects(behind, { code: 'log_unavailable' })
  fails = false
  for (let waited = 0; waited < 2000 && !log.status().writable; waited += 10) await sleep(10)
  const index = await log.append(decision())
  assert.equal((await log.read(index))?.index, index)
  await log.close()
})

test('after a power failure at any moment everything is there that was acknowledged, and no checkpoint covers more', async () => {
  using place = logFixture()
  const keptBy = (wal: WriteAheadLog): WriteAheadLog => ({
    ...wal,
    async sync() {
      const disk = snapshot()
      await wal.sync()
      onDisk = disk
    },
    syncNow() {
      const disk = snapshot()
      wal.syncNow()
      onDisk = disk
    },
  })
  let copies = 0
  const snapshot = (): string => {
    const copy = join(place.directory, `copy-${copies++ % 8}.log.db`)
    for (const end of ['', '-wal']) copyFileSync(place.file + end, copy + end)
    return copy
  }
  let onDisk = ''
  const log = await place.open({ openWriteAheadLog: (path) => keptBy(openWriteAheadLog(path)), checkpointDelay: 1 })
  const acknowledged = new Map<number, string>()
  let appended = 0
  const caller = async (): Promise<void> => {
    while (appended++ < 400) {
      const record = decision()
      acknowledged.set(await log.append(record), record.txn)
    }
  }
  const load = Promise.all(Array.from({ length: 8 }, caller))
  for (let failure = 0; failure < 12; failure++) {
    await sleep(5)
    const known = [...acknowledged]
    const { size: signed } = parseCheckpoint(await log.checkpoint())
    // The lights go out here: only what had been synced is left.
    const left = await openLog({ ...place, file: onDisk, tenant, origin })
    for (const [index, txn] of known) {
      const record = await left.read(index)
      assert.equal(record !== undefined && !record.erased && record.txn, txn, `record ${index}`)
    }
    assert.ok(left.status().size >= signed, `${signed} were signed, ${left.status().size} are there`)
    await left.close()
  }
  await load
  await log.close()
})

test('a thread moves what was written into the file of the database, and appending goes on', async () => {
  using place = logFixture()
  const log = await place.open({ moveAfter: 1 })
  for (let i = 0; i < 30; i++) assert.equal(await log.append(decision()), i)
  // Without its write-ahead log the file has what was moved.
  const copy = join(place.directory, 'moved.db')
  copyFileSync(place.file, copy)
  const db = new DatabaseSync(copy)
  const { size } = db.prepare('SELECT count(*) AS size FROM records').get() ?? {}
  db.close()
  assert.ok(Number(size) >= 29, `${size} were moved`)
  await log.close()
  const again = await place.open()
  assert.equal(again.status().size, 30)
  await again.close()
})

test('what cannot be moved stays where it is: appending goes on', async () => {
  const mover = createWalMover('/nowhere/at.db')
  await mover.move()
  await mover.move()
  await mover.close()
})
