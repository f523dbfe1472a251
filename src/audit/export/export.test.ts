import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseSections } from '../../identity/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import type { Log } from '../log.ts'
import { decision, type LogFixture, logFixture, origin, outcome } from '../log-fixture.ts'
import { exportsOf, receiver, secret, sequencesOf, until } from './export-fixture.ts'
import { exportSections } from './export-sections.ts'
import type { Exports } from './open-exports.ts'

interface House {
  readonly place: LogFixture
  readonly log: Log
  readonly store: ReturnType<typeof memoryTenantStore>
  open(...manifests: string[]): Promise<Exports>
  append(count: number): Promise<void>
}

async function house(t: TestContext): Promise<House> {
  const place = logFixture()
  const log = await place.open()
  const store = memoryTenantStore()
  const open: Exports[] = []
  t.after(async () => {
    for (const exports of open) await exports.close()
    await log.close()
    await store.close()
    place[Symbol.dispose]()
  })
  return {
    place,
    log,
    store,
    async open(...manifests) {
      const exports = await exportsOf(place, log, store, ...manifests)
      open.push(exports)
      return exports
    },
    append: async (count) => void (await Promise.all(Array.from({ length: count }, () => log.append(decision())))),
  }
}

const hook = (url: string, more = '') =>
  `exports: { hook: { kind: webhook, url: '${url}', credential: { env: SALLYPORT_EXPORT_SECRET }${more} } }`
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const isCaughtUp = async (exports: Exports, id: string) =>
  (await exports.list()).some((target) => target.id === id && target.lag === 0 && target.state === 'idle')

test('a webhook gets every record once, in order, in bodies that its secret verifies', async (t) => {
  const { open, append } = await house(t)
  const there = await receiver()
  t.after(there.close)
  await append(300)
  const exports = await open(hook(`${there.url}/in?from=sallyport`))
  await append(300)
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(sequencesOf(there.received), numbers(600))
  for (const { headers, body, url } of there.received) {
    assert.equal(url, '/in?from=sallyport')
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['sallyport-signature'])) ?? []
    assert.equal(mac, createHmac('sha256', secret).update(`${time}.${body}`).digest('hex'))
    assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 60)
  }
})

test('a receiver that fails gets the same records again, and each is there in the end', async (t) => {
  const { open, append } = await house(t)
  let calls = 0
  const accepted: number[] = []
  const there = await receiver((response, received) => {
    if (calls++ % 3 !== 2) return void response.writeHead(calls % 2 === 0 ? 500 : 302, { location: '/else' }).end()
    accepted.push(...sequencesOf([received]))
    response.end()
  })
  t.after(there.close)
  const exports = await open(hook(there.url))
  await append(700)
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(accepted, numbers(700))
  assert.ok(there.received.every(({ url }) => url === '/'))
  assert.ok((await exports.list()).some(({ failed }) => failed > 1))
})

test('a receiver that is gone is tried until it is back', async (t) => {
  const { open, append } = await house(t)
  const before = await receiver()
  const exports = await open(hook(before.url))
  await append(10)
  await until(() => isCaughtUp(exports, 'hook'))
  await before.close()
  await append(10)
  await until(async () => (await exports.list()).some(({ state }) => state === 'failing'))
  const [status] = await exports.list()
  assert.equal(status?.lag, 10)
  assert.ok(status?.error)
  const after = await receiver(undefined, before.port)
  t.after(after.close)
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(sequencesOf(before.received), numbers(10))
  assert.deepEqual([...new Set(sequencesOf(after.received))], numbers(20).slice(10))
})

test('a target goes on after a restart where it was, and one that was switched off keeps its place', async (t) => {
  const { open, append } = await house(t)
  const there = await receiver()
  t.after(there.close)
  const first = await open(hook(there.url))
  await append(20)
  await until(() => isCaughtUp(first, 'hook'))
  await first.close()
  await append(20)
  const second = await open()
  await until(() => isCaughtUp(second, 'hook'))
  assert.deepEqual(sequencesOf(there.received), numbers(40))
  await second.close()
  const third = await open(hook(there.url, ', enabled: false'))
  await append(20)
  assert.deepEqual(
    (await third.list()).map(({ state, lag, next }) => ({ state, lag, next })),
    [{ state: 'off', lag: 20, next: 40 }],
  )
  await third.close()
  const fourth = await open(hook(there.url, ', enabled: true'))
  await until(() => isCaughtUp(fourth, 'hook'))
  assert.deepEqual(sequencesOf(there.received), numbers(60))
})

test('one target that hangs holds up neither the others nor an append', async (t) => {
  const { open, append } = await house(t)
  const stuck = await receiver(() => {})
  const there = await receiver()
  t.after(stuck.close)
  t.after(there.close)
  const exports = await open(
    `exports: { stuck: { kind: webhook, url: '${stuck.url}', credential: { value: ${secret} } } }`,
    hook(there.url),
  )
  await append(10)
  await until(() => stuck.received.length > 0)
  const started = performance.now()
  await append(500)
  assert.ok(performance.now() - started < 2000)
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(sequencesOf(there.received), numbers(510))
  const [, slow] = await exports.list()
  assert.equal(slow?.lag, 510)
  assert.equal(stuck.received.length, 1)
})

test('a receiver that is late is given up after its timeout, and the batch comes again', async (t) => {
  const { open, append } = await house(t)
  let calls = 0
  const there = await receiver(async (response) => {
    if (calls++ === 0) await sleep(300)
    response.end()
  })
  t.after(there.close)
  const exports = await open(hook(there.url, ', timeout: 50'))
  await append(5)
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(sequencesOf(there.received), [...numbers(5), ...numbers(5)])
})

test('a file has one event a line, survives rotation, and loses the half line that a crash left', async (t) => {
  const { open, append, place } = await house(t)
  const manifest = 'exports: { siem: { kind: ocsf-file, path: siem/events.jsonl } }'
  const file = join(place.directory, 'exports', 'siem', 'events.jsonl')
  const sequences = (path: string) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).metadata.sequence)
  const first = await open(manifest)
  await append(300)
  await until(() => isCaughtUp(first, 'siem'))
  assert.deepEqual(sequences(file), numbers(300))
  await first.close()
  appendFileSync(file, `{"metadata":{"sequence":300,"${'x'.repeat(100_000)}`)
  await append(1)
  const second = await open()
  await until(() => isCaughtUp(second, 'siem'))
  assert.deepEqual(sequences(file), numbers(301))
  renameSync(file, `${file}.1`)
  await append(1)
  await until(() => isCaughtUp(second, 'siem'))
  assert.deepEqual(sequences(file), [301])
})

test('a file cannot lead out of its directory', async (t) => {
  const { open, append, place } = await house(t)
  for (const path of ['../events', '/etc/events', 'a/../../b', 'a//b', '.hidden']) {
    await assert.rejects(open(`exports: { siem: { kind: ocsf-file, path: '${path}' } }`), /must be a path below/)
  }
  mkdirSync(join(place.directory, 'exports'))
  symlinkSync(place.directory, join(place.directory, 'exports', 'out'))
  const exports = await open('exports: { siem: { kind: ocsf-file, path: out/events.jsonl } }')
  await append(1)
  await until(async () => (await exports.list()).some(({ state }) => state === 'failing'))
  rmSync(join(place.directory, 'exports', 'out'))
  await until(() => isCaughtUp(exports, 'siem'))
})

test('a collector gets the records as OpenTelemetry logs, with the credential that was declared', async (t) => {
  const { open, append, log } = await house(t)
  const there = await receiver()
  t.after(there.close)
  const exports = await open(
    `exports: { otel: { kind: otlp, url: '${there.url}/v1/logs', credential: { env: SALLYPORT_EXPORT_SECRET } } }`,
  )
  await append(2)
  await until(() => isCaughtUp(exports, 'otel'))
  const { headers, url, body } = there.received[0] ?? assert.fail('nothing came')
  assert.equal(url, '/v1/logs')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers.authorization, `Bearer ${secret}`)
  const { resource, scopeLogs } = JSON.parse(body).resourceLogs[0]
  assert.deepEqual(resource.attributes[0], { key: 'service.name', value: { stringValue: 'sallyport' } })
  const [first] = scopeLogs[0].logRecords
  const record = await log.read(0)
  assert.equal(first.traceId, record?.erased === false && record.trace)
  assert.equal(first.timeUnixNano, String(BigInt(record?.at ?? 0) * 1_000_000n))
  assert.equal(first.eventName, 'sallyport.decision')
  const uid = first.attributes.find(({ key }: { key: string }) => key === 'log.record.uid')
  assert.equal(uid.value.stringValue, `${origin}/0`)
  const classUid = first.body.kvlistValue.values.find(({ key }: { key: string }) => key === 'class_uid')
  assert.equal(Number(classUid.value.intValue), 6003)
})

test('what a collector refused for good is told, and not sent again', async (t) => {
  const { open, append } = await house(t)
  const there = await receiver((response) => void response.end('{"partialSuccess":{"rejectedLogRecords":"2"}}'))
  t.after(there.close)
  const exports = await open(`exports: { otel: { kind: otlp, url: '${there.url}' } }`)
  await append(2)
  await until(() => isCaughtUp(exports, 'otel'))
  assert.equal((await exports.list())[0]?.error, 'the collector refused 2 records')
})

test('a filter chooses, and a target may begin with what comes from now on', async (t) => {
  const { open, append, log } = await house(t)
  const there = await receiver()
  t.after(there.close)
  await append(3)
  const exports = await open(hook(there.url, ', from: now, filter: { decision: deny, kinds: [decision] }'))
  await append(2)
  const denied = decision({ decision: 'deny' })
  const index = await log.append(denied)
  await log.append(outcome(index, denied.txn))
  await until(() => isCaughtUp(exports, 'hook'))
  assert.deepEqual(sequencesOf(there.received), [5])
})

test('a record that was forgotten goes out as one that was', async (t) => {
  const { open, log } = await house(t)
  await log.append(decision({ person: 'carol' }))
  await log.forgetPerson('carol')
  const there = await receiver()
  t.after(there.close)
  const exports = await open(hook(there.url))
  await until(() => isCaughtUp(exports, 'hook'))
  assert.equal(there.received.length, 1)
  assert.ok(!there.received[0]?.body.includes('carol'))
  assert.deepEqual(JSON.parse(there.received[0]?.body ?? '').events[0].unmapped, { kind: 'decision', erased: true })
})

test('credentials come from variables for exports only, are stored sealed, and stay with their server', async (t) => {
  const { open, store } = await house(t)
  await assert.rejects(open(hook('http://169.254.169.254/latest')), /an address where no receiver can be/)
  await assert.rejects(open(hook('http://127.0.0.1:1').replace('EXPORT_SECRET', 'MASTER_KEY')), /must be named/)
  await assert.rejects(open(hook('http://127.0.0.1:1').replace('SECRET', 'OTHER')), /is not set/)
  await assert.rejects(open('exports: { hook: { kind: webhook, url: http://127.0.0.1:1 } }'), /needs the secret/)
  const exports = await open(hook('http://127.0.0.1:1/a'))
  const [row] = await store.read((q) => q.selectFrom('exports').selectAll().execute())
  assert.ok(row?.sealed_credential instanceof Uint8Array)
  assert.ok(!Buffer.from(row.sealed_credential).includes(secret))
  assert.ok(!JSON.stringify([row.settings, await exports.list()]).includes(secret))
  await open('exports: { hook: { kind: webhook, url: http://127.0.0.1:1/b } }')
  await assert.rejects(
    open('exports: { hook: { kind: webhook, url: http://127.0.0.1:2/b } }'),
    /another server needs its `credential` to be given anew/,
  )
})

test('applying again changes nothing', async (t) => {
  const { open } = await house(t)
  const manifest = hook('http://127.0.0.1:1', ', filter: { actions: [tool:call], kinds: [decision] }')
  const exports = await open(manifest)
  const again = await exports.apply(parseSections(manifest, 'exports.yaml', exportSections))
  assert.deepEqual(again, [{ kind: 'Export', id: 'hook', effect: 'unchanged', fields: [] }])
})
