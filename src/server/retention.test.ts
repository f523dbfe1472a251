import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAccess, openWorldJournal, type WorldJournal } from '../access/index.ts'
import { declareRetention, type Log, openLog } from '../audit/index.ts'
import { fakeClock, newTxn, parseTenantId } from '../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../keys/index.ts'
import { memoryTenantStore, type TenantStore } from '../store/index.ts'
import { readFoundation } from './foundation.ts'
import { applyRetention } from './retention.ts'

const DAY = 86_400_000
const tenant = parseTenantId('demo') ?? assert.fail()

interface Place {
  readonly log: Log
  readonly journal: WorldJournal
  readonly store: TenantStore
  readonly clock: ReturnType<typeof fakeClock>
}

async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-retention-'))
  try {
    const clock = fakeClock()
    const store = memoryTenantStore()
    const ring = await openKeyRing(store, openMasterKey({ directory, environment: undefined }), tenant, clock)
    const keys = { signer: ring.logSigner(), sealing: ring.logSealing() }
    const log = await openLog({ file: join(directory, 'x.log.db'), tenant, origin: 'a.example/log', keys, clock })
    const access = openAccess(readFoundation(), tenant)
    const journal = await openWorldJournal({ store, access, clock, report: (error) => assert.ifError(error) })
    await work({ log, journal, store, clock })
    await journal.close()
    await log.close()
    await store.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function append({ log, clock }: Place, kind: 'token' | 'alert'): Promise<number> {
  const at = clock.now()
  return log.append({ kind, tenant, txn: newTxn(at), trace: '0'.repeat(32), at, body: { text: 'something' } })
}

const deps = (place: Place) => ({ ...place, tenant, report: (error: unknown) => assert.ifError(error) })

test('bodies are destroyed when their days are over, and the log says so', async () => {
  await inPlace(async (place) => {
    const [token, alert] = [await append(place, 'token'), await append(place, 'alert')]
    await declareRetention(place.store, { token: { days: 30, hold: false } })
    place.clock.advance(30 * DAY)
    assert.equal((await applyRetention(deps(place))).records, 0)
    place.clock.advance(DAY)
    assert.equal((await applyRetention(deps(place))).records, 1)
    assert.equal((await place.log.read(token))?.erased, true)
    assert.equal((await place.log.read(alert))?.erased, false)
    const { records } = await place.log.search({ kind: 'change' })
    assert.equal(records.length, 1)
    assert.equal((await applyRetention(deps(place))).keys, 0)
  })
})

test('under legal hold nothing is destroyed, and a manifest that does not name it does not end it', async () => {
  await inPlace(async (place) => {
    const token = await append(place, 'token')
    await declareRetention(place.store, { token: { days: 30, hold: true } })
    place.clock.advance(400 * DAY)
    await applyRetention(deps(place))
    await declareRetention(place.store, { alert: { days: 1, hold: false } })
    await applyRetention(deps(place))
    assert.equal((await place.log.read(token))?.erased, false)
    const [change] = await declareRetention(place.store, { token: { days: 30, hold: false } })
    assert.deepEqual(change, { kind: 'Retention', id: 'token', effect: 'updated', fields: ['hold'] })
    await applyRetention(deps(place))
    assert.equal((await place.log.read(token))?.erased, true)
  })
})
