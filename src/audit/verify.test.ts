import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { openSqlite } from '../store/index.ts'
import { ed25519Signer, parseTilePath, signCheckpoint } from '../translog/index.ts'
import { fileSource } from './file-source.ts'
import { decision, freshKeys, type LogFixture, logFixture, origin, outcome } from './log-fixture.ts'
import { remoteSource } from './log-source.ts'
import { verifyLog } from './verify.ts'

const COUNT = 1324
// Bytes that the property at the end changes, one after another.
const FLIPS = Number(process.env.SALLYPORT_LOG_FLIPS ?? 150)

let place: LogFixture & Disposable
before(async () => {
  place = logFixture()
  const log = await place.open()
  for (let i = 0; i < COUNT; i += 331) {
    await Promise.all(
      Array.from({ length: 331 }, (_, j) => {
        const asked = decision({ person: j % 2 === 0 ? 'alice' : 'bob', tool: `files/${j % 17}` })
        return log.append(j % 3 === 2 ? outcome(i + j - 1, asked.txn) : asked)
      }),
    )
    await log.receipt(i)
  }
  await log.close()
})
after(() => place[Symbol.dispose]())

/** Verifies a copy of the log after `tamper` has changed it; returns what is found to be wrong. */
async function findings(tamper: (db: DatabaseSync) => void, options: { withoutKey?: boolean; kept?: string[] } = {}) {
  const copy = join(place.directory, 'copy.db')
  copyFileSync(place.file, copy)
  const db = openSqlite(copy)
  db.exec('PRAGMA foreign_keys = OFF')
  tamper(db)
  db.close()
  const source = fileSource(copy, options.withoutKey === true ? undefined : place.keys.sealing)
  try {
    const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin, kept: options.kept ?? [] })
    assert.equal(report.ok, report.problems.length === 0)
    return report.problems.map((problem) => problem.message)
  } finally {
    source.close()
    rmSync(copy)
  }
}

const bytesOf = (db: DatabaseSync, sql: string): Buffer => {
  const value = Object.values(db.prepare(sql).get() ?? {})[0]
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value))
}
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (bytes[at] ?? 0) ^ 0x10
  return copy
}

describe('verify', () => {
  test('a sound log verifies from its file, with bodies and without', async () => {
    assert.deepEqual(await findings(() => {}), [])
    assert.deepEqual(await findings(() => {}, { withoutKey: true }), [])
    const source = fileSource(place.file, place.keys.sealing)
    const seen: number[] = []
    const report = await verifyLog(source, {
      verifiers: place.keys.verifiers,
      onProgress: (done, total) => seen.push(done / total),
    })
    source.close()
    assert.equal(report.size, COUNT)
    assert.deepEqual(report.bodies, { readable: COUNT, erased: 0 })
    assert.deepEqual(report.witnesses, [])
    assert.equal(seen.at(-1), 1)
  })

  test('a sound log verifies over HTTP, from what it serves alone', async () => {
    const log = await place.open()
    const source = remoteSource(async (path) => {
      if (path === 'checkpoint') return Buffer.from(await log.checkpoint())
      const parsed = parseTilePath(path)
      return parsed && (await log.resource(parsed))
    })
    const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin })
    assert.deepEqual(report.problems, [])
    assert.equal(report.size, COUNT)
    assert.equal(report.bodies, undefined)

    const altered = remoteSource(async (path) => {
      if (path === 'checkpoint') return Buffer.from(await log.checkpoint())
      const parsed = parseTilePath(path)
      const bytes = parsed && (await log.resource(parsed))
      return path === 'tile/entries/002' ? flipped(Buffer.from(bytes ?? []), 51 * 10 + 30) : bytes
    })
    const wrong = await verifyLog(altered, { verifiers: place.keys.verifiers, origin })
    assert.deepEqual(
      wrong.problems.map((problem) => problem.message),
      ['record 522 was altered'],
    )
    await log.close()
  })

  test('a tampered leaf is named, in a full tile and at the right edge', async () => {
    for (const index of [700, COUNT - 3]) {
      const messages = await findings(
        (db) => {
          const leaf = bytesOf(db, `SELECT leaf FROM records WHERE idx = ${index}`)
          db.prepare('UPDATE records SET leaf = ? WHERE idx = ?').run(flipped(leaf, 40), index)
        },
        { withoutKey: true },
      )
      assert.deepEqual(messages, [`record ${index} was altered`])
    }
  })

  test('a tampered body is named', async () => {
    const messages = await findings((db) => {
      const body = bytesOf(db, 'SELECT body FROM records WHERE idx = 700')
      db.prepare('UPDATE records SET body = ? WHERE idx = 700').run(flipped(body, 100))
    })
    assert.deepEqual(messages[0], 'the body of record 700 is not the one that its leaf commits to')
  })

  test('a body put in the place of another is named, though it is a true one', async () => {
    const messages = await findings((db) => {
      db.exec('UPDATE records SET (seal, body) = (SELECT seal, body FROM records WHERE idx = 20) WHERE idx = 22')
    })
    assert.ok(messages.includes('the body of record 22 is not the one that its leaf commits to'), messages.join())
  })

  test('missing records are named', async () => {
    assert.deepEqual(await findings((db) => db.exec('DELETE FROM records WHERE idx = 500'), { withoutKey: true }), [
      'record 500 is missing',
    ])
  })

  test('a truncated log says which records are gone', async () => {
    assert.deepEqual(await findings((db) => db.exec('DELETE FROM records WHERE idx >= 900'), { withoutKey: true }), [
      'records 900 to 1323 are missing',
    ])
  })

  test('a log that was cut together with its checkpoints is found out by one that was kept', async () => {
    const log = await place.open()
    const kept = [await log.checkpoint()]
    await log.close()
    const cut = (db: DatabaseSync) => {
      const size = Number(db.prepare('SELECT max(size) AS n FROM checkpoints WHERE size < 1000').get()?.n)
      db.exec(`DELETE FROM records WHERE idx >= ${size}`)
      db.exec(`DELETE FROM checkpoints WHERE size > ${size}`)
      db.exec(`DELETE FROM tiles WHERE (n + 1) * 256 > ${size}`)
      const width = size % 256
      const leaves = db.prepare('SELECT leaf FROM records WHERE idx >= ? ORDER BY idx').all(size - width)
      assert.equal(leaves.length, width)
      db.exec(`UPDATE edge SET size = ${size}, hashes = zeroblob(${width * 32})`)
    }
    const messages = await findings(cut, { withoutKey: true, kept })
    assert.ok(messages.includes('the checkpoint kept from earlier of size 1324 covers more records than the log has'))
  })

  test('two records that changed places are both named', async () => {
    const swap = (db: DatabaseSync) => {
      db.exec('UPDATE records SET idx = -1 WHERE idx = 3')
      db.exec('UPDATE records SET idx = 3 WHERE idx = 900')
      db.exec('UPDATE records SET idx = 900 WHERE idx = -1')
    }
    assert.deepEqual(await findings(swap, { withoutKey: true }), ['record 3 was altered', 'record 900 was altered'])
  })

  test('an altered tile is told from an altered record', async () => {
    const messages = await findings((db) => {
      const hashes = bytesOf(db, 'SELECT hashes FROM tiles WHERE level = 0 AND n = 3')
      db.prepare('UPDATE tiles SET hashes = ? WHERE level = 0 AND n = 3').run(flipped(hashes, 77))
      const leaf = bytesOf(db, 'SELECT leaf FROM records WHERE idx = 100')
      db.prepare('UPDATE records SET leaf = ? WHERE idx = 100').run(flipped(leaf, 40))
    })
    assert.deepEqual(messages.slice(0, 2).sort(), ['record 100 was altered', 'tile 0/3 was altered'])
  })

  test('a forged checkpoint is found, whether its size, its root or its signer is false', async () => {
    const state = { origin, size: COUNT, root: Buffer.alloc(32, 7) }
    const note = (changes: object, keys = place.keys) =>
      signCheckpoint({ ...state, ...changes }, [ed25519Signer({ name: origin, ...keys.signer })])
    const put = (text: string) => (db: DatabaseSync) =>
      void db.prepare('UPDATE checkpoints SET note = ? WHERE size = ?').run(text, COUNT)
    const by = freshKeys()
    assert.match((await findings(put(note({}, by)))).join(), /checkpoint of size 1324 is not one that the log signed/)
    assert.match((await findings(put(note({ size: 1323 })))).join(), /says that it is of size 1323/)
    assert.match((await findings(put(note({ origin: 'other.example/log' })))).join(), /lacks a signature of the log/)
    const rewritten = await findings(put(note({})))
    assert.deepEqual(rewritten, [
      'the checkpoint of size 1324 signs other records: something between 993 and 1323 was rewritten',
    ])
  })

  test('a history rewritten throughout is found by the checkpoints that were signed before', async () => {
    const other = logFixture()
    const log = await other.open({ keys: place.keys })
    await Promise.all(Array.from({ length: COUNT }, () => log.append(decision({ person: 'mallory' }))))
    await log.close()
    const messages = await findings((db) => {
      db.exec(`ATTACH '${other.file}' AS other`)
      db.exec('UPDATE records SET leaf = (SELECT leaf FROM other.records r WHERE r.idx = records.idx) WHERE idx > 800')
      db.exec(
        'UPDATE tiles SET hashes = (SELECT hashes FROM other.tiles t WHERE t.n = tiles.n AND t.level = 0) WHERE n > 3',
      )
      db.exec('UPDATE edge SET hashes = (SELECT hashes FROM other.edge)')
    })
    other[Symbol.dispose]()
    assert.ok(messages.length > 0)
    assert.match(messages.join(), /(record 80\d|tile 0\/3)/)
  })

  test('a large log is verified in several threads, which find what one does', async () => {
    using large = logFixture()
    const log = await large.open()
    for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 4000 }, () => log.append(decision())))
    await log.close()
    const report = async () => {
      const source = fileSource(large.file, large.keys.sealing)
      const seen: number[] = []
      const found = await verifyLog(source, {
        verifiers: large.keys.verifiers,
        onProgress: (done, total) => seen.push(done / total),
      })
      source.close()
      assert.equal(seen.at(-1), 1)
      return found
    }
    const sound = await report()
    assert.deepEqual(sound.problems, [])
    assert.deepEqual(sound.bodies, { readable: 32_000, erased: 0 })
    const db = openSqlite(large.file)
    for (const index of [5, 17_000, 31_999]) {
      const body = bytesOf(db, `SELECT body FROM records WHERE idx = ${index}`)
      db.prepare('UPDATE records SET body = ? WHERE idx = ?').run(flipped(body, 100), index)
    }
    db.exec(
      'UPDATE words SET entries = zeroblob(9) WHERE id = 64 * 12 + (SELECT min(id % 64) FROM words WHERE id / 64 = 12)',
    )
    db.close()
    const messages = (await report()).problems.map((problem) => problem.message)
    for (const index of [5, 17_000, 31_999]) {
      assert.ok(
        messages.includes(`the body of record ${index} is not the one that its leaf commits to`),
        messages.join(),
      )
    }
    assert.ok(messages.includes('words of the search index for records 12288 to 13311 were altered'), messages.join())
  })

  test('any byte that changes in any row of the file is found', async () => {
    const copy = join(place.directory, 'property.db')
    copyFileSync(place.file, copy)
    const db = openSqlite(copy)
    db.exec('PRAGMA foreign_keys = OFF')
    const cells = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all()
      .flatMap(({ name: table }) =>
        db
          .prepare(`PRAGMA table_info(${table})`)
          .all()
          .map(({ name: column }) => ({ table: String(table), column: String(column) })),
      )
    const found = async () => {
      const source = fileSource(copy, place.keys.sealing)
      const report = await verifyLog(source, { verifiers: place.keys.verifiers, origin })
      source.close()
      return report.problems
    }
    assert.deepEqual(await found(), [])
    let changed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cells),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async ({ table, column }, rowSeed, byteSeed, mask) => {
          const key = table === 'postings' ? 'term, segment' : 'rowid AS row_id'
          const rows = db.prepare(`SELECT ${key}, ${column} AS value FROM ${table}`).all()
          const row = rows[rowSeed % rows.length] ?? {}
          const mutated = mutate(row.value, byteSeed, mask)
          db.exec('BEGIN')
          try {
            const { term, segment, row_id: rowid } = row
            if (table === 'postings') {
              db.prepare(`UPDATE postings SET ${column} = ? WHERE term = ? AND segment = ?`).run(
                mutated,
                term ?? 0,
                segment ?? 0,
              )
            } else {
              db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(mutated, rowid ?? 0)
            }
          } catch {
            // The schema itself refuses this change.
            db.exec('ROLLBACK')
            return
          }
          db.exec('COMMIT')
          changed++
          const problems = await found()
          db.close()
          copyFileSync(place.file, copy)
          db.open()
          assert.ok(problems.length > 0, `${table}.${column} was changed from ${row.value} to ${mutated}`)
        },
      ),
      { numRuns: FLIPS },
    )
    assert.ok(changed > FLIPS / 2)
    db.close()
  })
})

function mutate(value: unknown, seed: number, mask: number): string | number | Uint8Array | null {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value)
    if (bytes.length === 0) return Buffer.of(mask)
    bytes[seed % bytes.length] = (bytes[seed % bytes.length] ?? 0) ^ mask
    return bytes
  }
  if (typeof value === 'string') {
    const at = seed % value.length
    return value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ (mask & 0x7f || 1)) + value.slice(at + 1)
  }
  return Number(BigInt(Number(value)) ^ (BigInt(mask) << BigInt(8 * (seed % 6))))
}
