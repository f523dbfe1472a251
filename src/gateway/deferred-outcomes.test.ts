import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewRecord } from '../audit/index.ts'
import { newTxn, parseTenantId } from '../kernel/index.ts'
import { deferOutcomes } from './deferred-outcomes.ts'

const tenant = parseTenantId('demo') ?? assert.fail()

function record(kind: 'outcome' | 'alert'): NewRecord {
  const frame = { tenant, txn: newTxn(0), trace: '', at: 0 }
  return kind === 'alert' ? { ...frame, kind, body: {} } : { ...frame, kind, body: { of: 1, status: 'ok', ms: 1 } }
}

test('an outcome is written together with what comes next, and before it', async () => {
  const written: string[] = []
  const log = deferOutcomes({ append: async ({ kind }) => written.push(kind) })
  const outcome = log.append(record('outcome'))
  // Not a turn later: its time may be over by then.
  assert.deepEqual(written, [])
  await Promise.all([log.append(record('alert')), outcome])
  assert.deepEqual(written, ['outcome', 'alert'])
})

test('an outcome that nothing follows is written soon by itself, or at once when it is asked for', async () => {
  const written: string[] = []
  const log = deferOutcomes({ append: async ({ kind }) => written.push(kind) })
  assert.equal(await log.append(record('outcome')), 1)
  const second = log.append(record('outcome'))
  log.flush()
  assert.equal(await second, 2)
})

test('whoever asked hears that an outcome could not be written', async () => {
  const log = deferOutcomes({ append: () => Promise.reject(new Error('full')) })
  await assert.rejects(log.append(record('outcome')), /full/)
})
