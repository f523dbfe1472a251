import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { memoryTenantStore } from '../../store/index.ts'
import { decision, logFixture } from '../log-fixture.ts'
import { exportsOf, type Received, receiver, sequencesOf, until } from './export-fixture.ts'
import type { Exports } from './open-exports.ts'

const hook = (url: string) =>
  `exports: { hook: { kind: webhook, url: '${url}', credential: { env: SALLYPORT_EXPORT_SECRET } } }`

/** A log of 40 records and a receiver that refuses with `status` whatever `refuses` says. */
async function house(t: TestContext, status: number, refuses: (sequences: readonly number[]) => boolean) {
  const place = logFixture()
  const log = await place.open()
  const store = memoryTenantStore()
  const taken: Received[] = []
  const there = await receiver((response, received) => {
    const isRefused = refuses(sequencesOf([received]))
    if (!isRefused) taken.push(received)
    response.writeHead(isRefused ? status : 200).end()
  })
  await Promise.all(Array.from({ length: 40 }, () => log.append(decision())))
  const opened: Exports[] = []
  t.after(async () => {
    for (const exports of opened) await exports.close()
    await there.close()
    await log.close()
    await store.close()
    place[Symbol.dispose]()
  })
  const open = async (...manifests: string[]) => {
    const exports = await exportsOf(place, log, store, ...manifests)
    opened.push(exports)
    return exports
  }
  const statusOf = async (exports: Exports) => (await exports.list())[0] ?? assert.fail()
  return { log, open, there, sequences: () => sequencesOf(taken), statusOf }
}

const all = Array.from({ length: 40 }, (_, i) => i)
const but = (...out: number[]) => all.filter((one) => !out.includes(one))

test('a record that is refused for ever is set aside, and every other one arrives, in order', async (t) => {
  const { open, there, sequences, statusOf } = await house(t, 422, (some) => some.includes(7) || some.includes(23))
  const exports = await open(hook(there.url))
  await until(async () => (await statusOf(exports)).lag === 0)
  assert.deepEqual(sequences(), but(7, 23))
  // Each of them was tried five times by itself before it was given up.
  const alone = there.received.filter((one) => sequencesOf([one]).join() === '7')
  assert.equal(alone.length, 5)
  const refused = await exports.refused('hook')
  assert.deepEqual(
    refused.map(({ first, last, count, reason }) => ({ first, last, count, reason })),
    [7, 23].map((index) => ({ first: index, last: index, count: 1, reason: 'the receiver answered 422' })),
  )
  assert.equal((await statusOf(exports)).refused, 2)
})

test('what was set aside survives a restart, and is sent again or skipped when the operator says so', async (t) => {
  let isStubborn = true
  const { open, there, sequences, statusOf } = await house(
    t,
    400,
    (some) => isStubborn && some.some((i) => i % 20 === 3),
  )
  const first = await open(hook(there.url))
  await until(async () => (await statusOf(first)).lag === 0)
  await first.close()
  const exports = await open()
  assert.equal((await statusOf(exports)).refused, 2)
  assert.equal(await exports.retry('hook'), 2)
  await until(() => there.received.filter((one) => sequencesOf([one]).join() === '23').length === 6)
  assert.equal((await statusOf(exports)).refused, 2)
  isStubborn = false
  await exports.retry('hook')
  await until(async () => (await statusOf(exports)).refused === 0)
  assert.deepEqual(
    [...sequences()].sort((a, b) => a - b),
    all,
  )
  assert.deepEqual(await exports.refused('hook'), [])
})

test('skipping gives up what was set aside, and removing a target everything of it', async (t) => {
  const { open, there, statusOf } = await house(t, 413, (some) => some.includes(39))
  const exports = await open(hook(there.url))
  await until(async () => (await statusOf(exports)).refused === 1)
  assert.equal(await exports.skip('hook'), 1)
  assert.equal((await statusOf(exports)).refused, 0)
  await exports.remove('hook')
  assert.deepEqual(await exports.list(), [])
  for (const ask of [exports.refused, exports.retry, exports.skip, exports.remove]) {
    await assert.rejects(ask('hook'), { code: 'export_unknown' })
  }
})

test('a credential that is refused sets nothing aside: the target waits until it is set right', async (t) => {
  let isRight = false
  const { open, there, sequences, statusOf } = await house(t, 401, () => !isRight)
  const exports = await open(hook(there.url))
  await until(async () => (await statusOf(exports)).failed > 7)
  assert.deepEqual(await exports.refused('hook'), [])
  assert.equal((await statusOf(exports)).next, 0)
  isRight = true
  await until(async () => (await statusOf(exports)).lag === 0)
  assert.deepEqual(sequences(), all)
})

test('a receiver that refuses everything is not emptied into: after some records in a row it stands still', async (t) => {
  const { open, there, statusOf } = await house(t, 400, () => true)
  const exports = await open(hook(there.url))
  await until(async () => /nothing more is set aside/.test((await statusOf(exports)).error ?? ''))
  const { refused, next, state } = await statusOf(exports)
  assert.deepEqual({ refused, next, state }, { refused: 12, next: 12, state: 'failing' })
})
