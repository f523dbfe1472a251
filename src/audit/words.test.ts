import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Log, openLog } from './log.ts'
import { decision, type LogFixture, logFixture, origin, tenant } from './log-fixture.ts'
import { encodeOffsets, endOfOffsets, parseOffsets } from './offset-lists.ts'
import { holdsText, parseTextQuery } from './words.ts'

const VOCABULARY = ['alpha', 'Beta', 'gamma-ray', 'Δέλτα', '東京都', 'q4711', 'été', 'under_score']

async function filled(place: LogFixture, count: number): Promise<Log> {
  const log = await place.open()
  const pathOf = (i: number) => VOCABULARY.filter((_, n) => i % (n + 3) === 0).join(' ')
  await Promise.all(
    Array.from({ length: count }, (_, i) => log.append(decision({ person: `p${i % 7}`, path: `${pathOf(i)} n${i}` }))),
  )
  return log
}

async function found(log: Log, text: string): Promise<number[]> {
  const indices: number[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const page = await log.search({ text }, { limit: 1000, ...(cursor === '' ? {} : { cursor }) })
    indices.push(...page.records.map(({ index }) => index))
    cursor = page.cursor
  }
  return indices
}

test('full text finds exactly the records that hold every word, in the file and in memory', async () => {
  using place = logFixture()
  const count = 2600
  const log = await filled(place, count)
  const bodies = await Promise.all(Array.from({ length: count }, (_, i) => log.read(i)))
  const queries = ['alpha', 'BETA', 'gamma ray', 'gamma-ray', 'δέλτα', '京都', 'q4711 été', '"under_score"', 'alpha p3']
  for (const text of [...queries, 'n1700', 'alp', 'nowhere', 'ray-gamma']) {
    const query = parseTextQuery(text)
    const expected = bodies.flatMap((record) =>
      record !== undefined && !record.erased && holdsText(record.body, query) ? [record.index] : [],
    )
    assert.deepEqual(await found(log, text), expected.reverse(), text)
  }
  assert.equal((await found(log, '京都')).length, Math.ceil(count / 7))
  assert.deepEqual(await found(log, 'alp'), [])
  await log.close()
})

test('words of a person who is forgotten are found no more, and those of others still are', async () => {
  using place = logFixture()
  const log = await filled(place, 2300)
  await log.forgetPerson('p3')
  for (const text of ['alpha', 'n3', 'n2145', 'p3']) {
    for (const index of await found(log, text)) assert.notEqual(index % 7, 3)
  }
  assert.deepEqual(await found(log, 'n2150'), [2150])
  await log.close()
  const again = await openLog({ ...place, tenant, origin })
  assert.equal((await found(again, 'n2293')).length, 1)
  assert.equal((await found(again, 'p3')).length, 0)
  await again.close()
})

test('no word stands in the file, and the same word is another entry in each segment', async () => {
  using place = logFixture()
  const log = await place.open()
  await Promise.all(Array.from({ length: 2100 }, () => log.append(decision({ path: 'confidential' }))))
  await log.close()
  const bytes = readFileSync(place.file)
  assert.equal(bytes.includes('confidential'), false)
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(place.file, { readOnly: true })
  const entries = (segment: number) =>
    db
      .prepare('SELECT entries FROM words WHERE id BETWEEN ? AND ?')
      .all(segment * 64, segment * 64 + 63)
      .map((row) => Buffer.from(row.entries instanceof Uint8Array ? row.entries : []).toString('hex'))
  assert.notEqual(entries(0).length, 0)
  assert.equal(
    entries(0).some((one) => entries(1).includes(one)),
    false,
  )
  db.close()
})

test('a record of more words than are indexed is found by all of them', async () => {
  using place = logFixture()
  const log = await place.open()
  const path = Array.from({ length: 1500 }, (_, i) => `w${i}`).join(' ')
  await Promise.all(Array.from({ length: 1030 }, (_, i) => log.append(decision(i === 5 || i === 1029 ? { path } : {}))))
  assert.deepEqual(await found(log, 'w1499'), [1029, 5])
  assert.deepEqual(await found(log, 'w3'), [1029, 5])
  await log.forgetPerson('alice')
  assert.deepEqual(await found(log, 'w1499'), [])
  await log.close()
})

test('lists of offsets read back as they were written', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 1023 }), { maxLength: 1024 }), (numbers) => {
      const offsets = numbers.sort((a, b) => a - b)
      const bytes = encodeOffsets(offsets)
      assert.deepEqual(parseOffsets(bytes), offsets)
      assert.equal(endOfOffsets(bytes, 0), bytes.length)
    }),
  )
})
