import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, renameSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newTxn, parseTenantId } from '../kernel/index.ts'
import { openSqlite } from '../store/index.ts'
import {
  createVerifier,
  formatTilePath,
  leafHash,
  parseEntryBundle,
  parseReceipt,
  TreeBuilder,
  verifyCheckpoint,
} from '../translog/index.ts'
import { fileSource } from './file-source.ts'
import { parseLeaf } from './leaf.ts'
import { decision, freshKeys, logFixture, origin, outcome, tenant } from './log-fixture.ts'
import type { StoredRecord } from './record.ts'
import { verifyRecordReceipt } from './record-receipt.ts'
import { verifyLog } from './verify.ts'

const wholeTile = (n: number, width: number) => ({ kind: 'tile', level: 0, n, width }) as const

test('records get their indices in the order of the calls, and are read back as they were', async () => {
  using place = logFixture()
  const log = await place.open()
  const records = Array.from({ length: 700 }, (_, i) => decision({ tool: `files/${i}` }))
  const indices = await Promise.all(records.map((record) => log.append(record)))
  assert.deepEqual(
    indices,
    records.map((_, i) => i),
  )
  const stored = await log.read(513)
  assert.ok(stored !== undefined && !stored.erased)
  assert.deepEqual(stored.body, records[513]?.body)
  assert.equal(stored.txn, records[513]?.txn)
  assert.equal(stored.trace, records[513]?.trace)
  assert.equal(stored.tenant, tenant)
  assert.equal(await log.read(700), undefined)
  await log.close()
})

test('of a long request the last records are found without the others', async () => {
  using place = logFixture()
  const log = await place.open()
  const txn = newTxn(place.clock.now())
  for (const at of [1000, 2000, 3000, 2500, 4000]) await log.append({ ...decision({ txn }), at })
  const found = async (since: number) => (await log.byTxn(txn, since)).map(({ index }) => index)
  assert.deepEqual(await found(2500), [2, 3, 4])
  assert.deepEqual(await found(0), [0, 1, 2, 3, 4])
  assert.deepEqual(await found(5000), [])
  await log.close()
})

test('the records of one request are found by its txn, with how it ended', async () => {
  using place = logFixture()
  const log = await place.open()
  const txn = newTxn(place.clock.now())
  const first = await log.append(decision({ txn }))
  await log.append(decision())
  assert.deepEqual((await log.read(first))?.outcome, { status: 'pending' })
  await log.append(outcome(first, txn))
  const second = await log.append(decision({ txn }))
  const records = await log.byTxn(txn)
  assert.deepEqual(
    records.map((record) => [record.index, record.kind, record.outcome]),
    [
      [0, 'decision', { status: 'ok', index: 2 }],
      [2, 'outcome', undefined],
      [3, 'decision', { status: 'pending' }],
    ],
  )
  await log.close()

  const again = await place.open()
  assert.deepEqual((await again.read(second))?.outcome, { status: 'unknown' })
  assert.deepEqual((await again.read(first))?.outcome, { status: 'ok', index: 2 })
  await again.close()
})

test('a reopened log goes on with the same tree', async () => {
  using place = logFixture()
  let log = await place.open()
  const tree = new TreeBuilder()
  for (const count of [0, 1, 255, 1, 300, 1024]) {
    await Promise.all(Array.from({ length: count }, () => log.append(decision())))
    await log.close()
    log = await place.open()
    const { size, root } = verifyCheckpoint(await log.checkpoint(), place.keys.verifiers)
    for (let index = tree.size; index < size; index += 1) {
      const leaf = Buffer.from(parseReceipt(await log.receipt(index)).extra ?? [])
      tree.append(leafHash(leaf))
    }
    assert.deepEqual(root, Buffer.from(tree.root()))
  }
  assert.equal(log.status().size, 1581)
  await log.close()
})

test('a checkpoint covers every record within a second', async () => {
  using place = logFixture()
  const log = await place.open()
  await log.append(decision())
  await sleep(900)
  const checkpoint = verifyCheckpoint(await log.checkpoint(), place.keys.verifiers)
  assert.equal(checkpoint.size, 1)
  assert.equal(checkpoint.origin, origin)
  await log.close()
})

test('tiles and entry bundles hold what the checkpoint covers, and nothing beyond it', async () => {
  using place = logFixture()
  const log = await place.open({ checkpointDelay: 1000 })
  await Promise.all(Array.from({ length: 300 }, () => log.append(decision())))
  assert.equal(await log.resource(wholeTile(0, 256)), undefined)
  await log.receipt(299)
  const hashes = Buffer.from((await log.resource(wholeTile(0, 256))) ?? [])
  const bundle = await log.resource({ kind: 'entries', n: 0, width: 256 })
  const entries = parseEntryBundle(bundle ?? Buffer.alloc(0), 256)
  assert.deepEqual(Buffer.concat(entries.map(leafHash)), hashes)
  assert.equal((await log.resource(wholeTile(1, 44)))?.length, 44 * 32)
  assert.equal((await log.resource(wholeTile(1, 10)))?.length, 10 * 32)
  assert.equal((await log.resource({ kind: 'tile', level: 1, n: 0, width: 1 }))?.length, 32)
  for (const path of [wholeTile(1, 45), wholeTile(2, 1), { kind: 'entries', n: 1, width: 45 } as const]) {
    assert.equal(await log.resource(path), undefined, formatTilePath(path))
  }
  await log.close()
})

test('a receipt proves a record with the public key alone, and its opening shows the body', async () => {
  using place = logFixture()
  const log = await place.open()
  const indices = await Promise.all(Array.from({ length: 600 }, () => log.append(decision())))
  for (const index of indices.filter((i) => i % 97 === 0)) {
    const [receipt, opening] = await Promise.all([log.receipt(index), log.opening(index)])
    const known = { origin, verifiers: place.keys.verifiers }
    const proven = verifyRecordReceipt(receipt, known, opening)
    assert.deepEqual([proven.index, proven.size, proven.witnesses], [index, 600, []])
    assert.deepEqual(proven.content?.body, decision().body)
    const other = await log.opening((index + 1) % 600)
    assert.throws(() => verifyRecordReceipt(receipt, known, other), { code: 'record_invalid' })
    assert.throws(() => verifyRecordReceipt(receipt, { origin, verifiers: freshKeys().verifiers }), {
      code: 'note_unverified',
    })
  }
  await assert.rejects(log.receipt(600), { code: 'record_unknown' })
  await log.close()
})

test('a leaf says when and of which kind, and nothing else that could be guessed', async () => {
  using place = logFixture()
  const log = await place.open()
  const same = decision()
  const [a, b] = await Promise.all([log.append(same), log.append(same)])
  const leaves = await Promise.all([a, b].map(async (i) => parseReceipt(await log.receipt(i)).extra ?? Buffer.alloc(0)))
  const [first, second] = leaves.map(parseLeaf)
  assert.equal(first?.at, same.at)
  assert.equal(first?.kind, 'decision')
  assert.notDeepEqual(first?.commitment, second?.commitment)
  await log.close()
})

test('another process that holds the write lock closes the log at once, and opens it again when it lets go', async () => {
  using place = logFixture()
  const log = await place.open()
  await log.append(decision())
  const other = openSqlite(place.file)
  other.exec('BEGIN IMMEDIATE')
  const before = performance.now()
  await assert.rejects(log.append(decision()), { name: 'AuditError', code: 'log_unavailable' })
  assert.ok(performance.now() - before < 100, `took ${performance.now() - before} ms`)
  assert.equal(log.status().writable, false)
  assert.equal((await log.read(0))?.index, 0)
  other.exec('ROLLBACK')
  other.close()
  await sleep(300)
  assert.equal(log.status().writable, true)
  assert.equal(await log.append(decision()), 1)
  await log.close()
})

test('an append that comes first after the lock is gone already succeeds', async () => {
  using place = logFixture()
  const log = await place.open()
  const other = openSqlite(place.file)
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(log.append(decision()), { code: 'log_unavailable' })
  other.exec('ROLLBACK')
  other.close()
  await sleep(10)
  assert.equal(await log.append(decision()), 0)
  assert.equal(log.status().writable, true)
  await log.close()
})

test('a file that was made read-only, moved away or deleted closes the log until it is back', async () => {
  using place = logFixture()
  const log = await place.open()
  await log.append(decision())
  chmodSync(place.file, 0o444)
  await assert.rejects(log.append(decision()), { code: 'log_unavailable' })
  assert.match(log.status().reason ?? '', /read-only/)
  chmodSync(place.file, 0o600)
  await sleep(300)
  assert.equal(await log.append(decision()), 1)

  renameSync(place.file, `${place.file}.away`)
  await assert.rejects(log.append(decision()), { code: 'log_unavailable' })
  await sleep(300)
  assert.equal(log.status().writable, false)
  renameSync(`${place.file}.away`, place.file)
  await sleep(300)
  assert.equal(await log.append(decision()), 2)
  await log.close()
})

test('a log whose file lost acknowledged records stays closed', async () => {
  using place = logFixture()
  const log = await place.open()
  await Promise.all([log.append(decision()), log.append(decision())])
  const other = openSqlite(place.file)
  other.exec('DELETE FROM records WHERE idx = 1')
  other.close()
  await assert.rejects(log.append(decision()), { code: 'log_corrupt' })
  assert.equal(log.status().writable, false)
  await log.close()
})

test('somebody else who writes to the file does not make the log fork', async () => {
  using place = logFixture()
  const log = await place.open()
  await log.append(decision())
  const second = await place.open()
  assert.equal(await second.append(decision()), 1)
  assert.equal(await log.append(decision()), 2)
  assert.equal(await second.append(decision()), 3)
  await second.close()
  await log.close()
})

test('more than the queue holds is refused, and what it holds is written', async () => {
  using place = logFixture()
  const log = await place.open({ queueLimit: 10 })
  const results = await Promise.allSettled(Array.from({ length: 15 }, () => log.append(decision())))
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...Array.from({ length: 5 }, () => 'log_overloaded')],
  )
  await log.close()
})

test('what cannot be a record is refused by itself and spoils no other', async () => {
  using place = logFixture()
  const log = await place.open()
  const circular: { self?: unknown } = {}
  circular.self = circular
  const good = decision()
  const wrong = [
    { ...good, at: -1 },
    { ...good, at: 1.5 },
    { ...good, kind: 'change', body: circular } as const,
    { ...outcome(2 ** 50, good.txn) },
    { ...good, tenant: parseTenantId('other') ?? tenant },
    { ...good, trace: 'two\nlines' },
  ]
  const results = await Promise.allSettled([...wrong, good].map((record) => log.append(record)))
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code)),
    [...wrong.map(() => 'record_invalid'), 0],
  )
  await log.close()
})

test('a body of several hundred kilobytes is kept, beside a leaf of always the same size', async () => {
  using place = logFixture()
  const log = await place.open()
  const body = { reasoning: 'because – '.repeat(60_000) }
  const index = await log.append({ ...decision(), kind: 'change', body })
  const stored = await log.read(index)
  assert.ok(stored?.erased === false)
  assert.deepEqual(stored.body, body)
  await log.close()
})

test('whoever follows the log gets each record that matches once it is durable', async () => {
  using place = logFixture()
  const log = await place.open()
  const seen: StoredRecord[] = []
  const stop = log.tail((record) => seen.push(record), { decision: 'deny' })
  log.tail(() => {
    throw new Error('a listener that fails')
  })
  await Promise.all([log.append(decision()), log.append(decision({ decision: 'deny' })), log.append(decision())])
  stop()
  await log.append(decision({ decision: 'deny' }))
  assert.deepEqual(
    seen.map((record) => record.index),
    [1],
  )
  assert.deepEqual({ ...seen[0] }, { ...(await log.read(1)) })
  await log.close()
})

test('a log with a key for ML-DSA-44 signs every checkpoint twice, and verifies only with both', async () => {
  using place = logFixture()
  const quantumSigner = generateKeyPairSync('ml-dsa-44')
  const log = await place.open({ keys: { ...place.keys, quantumSigner } })
  await Promise.all(Array.from({ length: 300 }, () => log.append(decision())))
  await log.close()
  const quantum = createVerifier(origin, 'ml-dsa-44-cosignature', quantumSigner.publicKey)
  const verifiers = [...place.keys.verifiers, quantum]
  const report = async (trusted: readonly (typeof quantum)[]) => {
    const source = fileSource(place.file, place.keys.sealing)
    const { problems } = await verifyLog(source, { verifiers: trusted, origin })
    source.close()
    return problems
  }
  assert.deepEqual(await report(verifiers), [])
  assert.match((await report(place.keys.verifiers))[0]?.message ?? '', /signature of an unknown key/)
})
