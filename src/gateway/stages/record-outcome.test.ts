import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTxn, parsePrincipalId } from '../../kernel/index.ts'
import { openTestRooms } from '../test-rooms.ts'
import { recordOutcome } from './record-outcome.ts'

test('what a model wrote for a person is forgotten with the person; outcomes without it say nothing of anybody', async (t) => {
  const rooms = await openTestRooms(t, { people: 'users: { alice: {} }', upstreams: '', policies: '', maxBody: 1000 })
  const clock = { now: () => Date.now() }
  const ctx = {
    tenant: rooms.tenant,
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'User' as const, id: parsePrincipalId('alice') ?? assert.fail() }] as const,
      delegation: undefined,
      authentication: { method: 'gateway_key' as const, at: 0 },
      scope: undefined,
      credential: 'c',
      expiresAt: 0,
    },
  }
  const ports = { log: rooms.log, report: () => assert.fail() }
  recordOutcome(ctx, 0, clock.now(), { status: 'ok' }, ports)
  recordOutcome(ctx, 1, clock.now(), { status: 'ok', reasoning: 'Alice is ill.' }, ports)
  const before = await rooms.settledRecords()
  assert.deepEqual(
    before.map((record) => !record.erased && record.body.reasoning),
    [undefined, 'Alice is ill.'],
  )
  await rooms.log.forgetPerson('alice')
  assert.deepEqual(
    (await rooms.settledRecords()).map(({ erased }) => erased),
    [false, true],
  )
})
