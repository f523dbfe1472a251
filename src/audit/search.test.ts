import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { newTxn, type Txn } from '../kernel/index.ts'
import type { Log } from './log.ts'
import { decision, type LogFixture, logFixture, outcome } from './log-fixture.ts'
import type { NewRecord, StoredRecord } from './record.ts'
import type { RecordFilter } from './search.ts'

const COUNT = 3000
const start = Date.UTC(2026, 5, 1)
const people = ['alice', 'bob', 'carol']
const agents = ['research-assistant', 'inference-client']

let place: LogFixture & Disposable
let log: Log
const appended: NewRecord[] = []
const txns: Txn[] = []

before(async () => {
  place = logFixture()
  log = await place.open()
  for (let i = 0; i < COUNT; i++) {
    const at = start + i * 1000
    const txn = i % 5 === 4 ? (txns[i - 1] ?? newTxn(at)) : newTxn(at)
    txns.push(txn)
    const asked = decision({
      txn,
      at,
      person: people[i % 3] ?? '',
      agent: agents[(i >> 2) % 2] ?? '',
      tool: `files/${i % 40}`,
      decision: i % 50 === 0 ? 'deny' : 'allow',
    })
    appended.push(i % 5 === 4 ? outcome(i - 1, txn, at) : asked)
  }
  await Promise.all(appended.map((record) => log.append(record)))
})
after(async () => {
  await log.close()
  place[Symbol.dispose]()
})

async function all(filter: RecordFilter, limit = 100): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  let cursor: string | undefined
  do {
    const page = await log.search(filter, { limit, ...(cursor === undefined ? {} : { cursor }) })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return records
}

// The same question asked of the records themselves.
function expected(filter: RecordFilter): number[] {
  const indices: number[] = []
  for (const [index, record] of appended.entries()) {
    const body = record.kind === 'decision' ? record.body : undefined
    if (filter.kind !== undefined && record.kind !== filter.kind) continue
    if (filter.principal !== undefined && !body?.chain.some((link) => link.id === filter.principal)) continue
    if (filter.subject !== undefined && body?.chain[0]?.id !== filter.subject) continue
    if (filter.action !== undefined && body?.action !== filter.action) continue
    if (filter.resource !== undefined && `${body?.resource.type}::${body?.resource.id}` !== filter.resource) continue
    if (filter.decision !== undefined && body?.decision !== filter.decision) continue
    if (filter.policy !== undefined && !body?.reasons.some((reason) => reason.policy === filter.policy)) continue
    if (filter.from !== undefined && record.at < filter.from) continue
    if (filter.to !== undefined && record.at >= filter.to) continue
    if (filter.txn !== undefined && record.txn !== filter.txn) continue
    indices.unshift(index)
  }
  return indices
}

describe('search', () => {
  test('finds exactly the records that match, the newest first, page after page', async () => {
    const maybe = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined })
    const filters = fc.record({
      kind: maybe('decision' as const, 'outcome' as const),
      principal: maybe('alice', 'inference-client', 'nobody'),
      subject: maybe('bob', 'research-assistant'),
      action: maybe('tool:call', 'model:invoke'),
      resource: maybe('Tool::files/7', 'Tool::files/77'),
      decision: maybe('allow' as const, 'deny' as const),
      policy: maybe('foundation.tools.read'),
      from: maybe(start + 500_000, start + 1_100_000),
      to: maybe(start + 2_000_000),
    })
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 200 }), async (options, limit) => {
        // Only what was chosen, as `exactOptionalPropertyTypes` wants it.
        const filter = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
        const found = await all(filter, limit)
        assert.deepEqual(
          found.map((record) => record.index),
          expected(filter),
        )
      }),
      { numRuns: 30 },
    )
  })

  test('finds by txn, and by words in the body', async () => {
    const txn = txns[2004]
    assert.ok(txn)
    assert.deepEqual(
      (await all({ txn })).map((record) => record.index),
      expected({ txn }),
    )
    const found = await all({ text: 'FILES/38', from: start + 2_900_000 })
    assert.ok(found.length > 0)
    for (const { index } of found) assert.equal(index % 40, 38)
  })

  test('a cursor stays valid while the log grows', async () => {
    const filter = { principal: 'carol' }
    const before = expected(filter)
    const first = await log.search(filter, { limit: 10 })
    await Promise.all(Array.from({ length: 30 }, () => log.append(decision({ person: 'carol' }))))
    const second = await log.search(filter, { limit: 10, cursor: first.cursor ?? '' })
    assert.deepEqual(
      [...first.records, ...second.records].map((record) => record.index),
      before.slice(0, 20),
    )
  })

  test('finds the same after the log was opened again', async () => {
    const filter = { principal: 'carol', decision: 'deny' } as const
    const found = await all(filter)
    await log.close()
    log = await place.open()
    assert.deepEqual(await all(filter), found.map(settled))
  })

  test('refuses a cursor, a limit and a kind that it does not know', async () => {
    for (const page of [{ cursor: 'x' }, { cursor: '-1' }, { limit: 0 }, { limit: 1001 }, { limit: 1.5 }]) {
      await assert.rejects(log.search({}, page), { code: 'search_invalid' })
    }
  })
})

// What was pending when the log was closed is unknown now.
function settled(record: StoredRecord): StoredRecord {
  return record.outcome?.status === 'pending' ? { ...record, outcome: { status: 'unknown' } } : record
}
