import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTxn } from '../../kernel/index.ts'
import { decision, origin, outcome, tenant } from '../log-fixture.ts'
import type { JsonObject, ReadableRecord, RecordKind } from '../record.ts'
import { OCSF_VERSION, ocsfEvent } from './ocsf.ts'

const at = Date.UTC(2026, 5, 1)
const chain = [
  { kind: 'User', id: 'alice' },
  { kind: 'Agent', id: 'research-assistant' },
]

function stored(kind: RecordKind, body: object): ReadableRecord {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  // JSON, as a record that is read has it
  const json = JSON.parse(JSON.stringify(body)) as JsonObject
  return { index: 7, kind, tenant, at, erased: false, txn: newTxn(at), trace, body: json }
}

// OCSF 1.4.0, the attributes that each class requires beside those of every event.
const REQUIRED: Readonly<Record<number, readonly string[]>> = {
  6003: ['actor', 'api', 'src_endpoint'],
  3002: ['user', 'service'],
  3001: ['user'],
  3004: ['entity'],
  2004: ['finding_info'],
}
const OF_EVERY_EVENT = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid']

const token = { event: 'issued', client: 'chat-app', token: 'tok_1', chain, scope: ['models'], audience: 'gw' }
const cases: readonly (readonly [name: string, classUid: number, activity: number, record: ReadableRecord])[] = [
  ['an allowed call', 6003, 99, stored('decision', decision().body)],
  ['a reading', 6003, 2, stored('decision', { ...decision().body, action: 'log:read' })],
  ['an outcome', 6003, 99, stored('outcome', outcome(3, newTxn(at)).body)],
  ['a token', 3002, 3, stored('token', token)],
  ['a refused token', 3002, 1, stored('token', { event: 'refused', client: 'chat-app', error: 'invalid_client' })],
  ['a sign-in', 3002, 1, stored('signin', { principal: 'alice' })],
  ['a suspension', 3001, 5, stored('change', { chain, action: 'principal:suspend', principal: 'bob' })],
  ['a new upstream', 3004, 1, stored('change', { action: 'upstream:create', resource: { type: 'Upstream', id: 'u' } })],
  ['an alert', 2004, 1, stored('alert', { alert: 'tool_quarantined', server: 'office' })],
]

for (const [name, classUid, activity, record] of cases) {
  test(`${name} is an event of class ${classUid} with everything that the class requires`, () => {
    const event = ocsfEvent(record, origin)
    assert.equal(event.class_uid, classUid)
    assert.equal(event.activity_id, activity)
    assert.equal(event.category_uid, Math.floor(classUid / 1000))
    assert.equal(event.type_uid, classUid * 100 + activity)
    assert.equal(event.time, at)
    for (const attribute of [...OF_EVERY_EVENT, ...(REQUIRED[classUid] ?? [])]) {
      assert.notEqual(event[attribute], undefined, attribute)
    }
    assert.equal(event.metadata.uid, `${origin}/7`)
    assert.equal(event.metadata.version, OCSF_VERSION)
    assert.equal(event.metadata.correlation_uid, record.txn)
  })
}

test('a denial says who was stopped, at what, on whose behalf and by which policy', () => {
  const event = ocsfEvent(stored('decision', { ...decision({ decision: 'deny' }).body, remedy: 'ask bob' }), origin)
  assert.deepEqual(event.actor, {
    user: { uid: 'research-assistant', name: 'research-assistant', type_id: 99, type: 'Agent' },
  })
  assert.deepEqual(event.api, { operation: 'tool:call' })
  assert.deepEqual(event.resources, [{ uid: 'files/read', name: 'files/read', type: 'Tool' }])
  assert.deepEqual([event.status_id, event.action_id, event.disposition_id], [2, 2, 2])
  assert.equal(event.status_detail, 'ask bob')
  assert.deepEqual(event.metadata.profiles, ['security_control'])
  const { chain: whole, reasons } = event.unmapped as JsonObject // an object, as written
  assert.deepEqual(whole, chain)
  assert.deepEqual(reasons, [{ policy: 'foundation.tools.read', principal: 'research-assistant' }])
})

test('the address of a caller, where it is known, is the source of the event', () => {
  const context = { network: { address: { __extn: { fn: 'ip', arg: '203.0.113.7' } } } }
  const event = ocsfEvent(stored('decision', { ...decision().body, context }), origin)
  assert.deepEqual(event.src_endpoint, { ip: '203.0.113.7', name: 'research-assistant' })
})

test('whatever a body holds, an event can be made of it', () => {
  for (const kind of ['decision', 'outcome', 'token', 'signin', 'change', 'alert'] as const) {
    for (const body of [{}, { chain: 'x', resource: 1, questions: [1, null] }, { action: 4, context: [] }]) {
      const event = ocsfEvent(stored(kind, body), origin)
      for (const attribute of REQUIRED[event.class_uid] ?? []) assert.notEqual(event[attribute], undefined, attribute)
    }
  }
})
