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

// As published in the OCSF schema: what objects require, of which attributes they need one, and the activities.
const OBJECTS: Readonly<Record<string, readonly string[]>> = {
  metadata: ['product', 'version'],
  api: ['operation'],
  finding_info: ['uid', 'title'],
}
const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  actor: ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid'],
  src_endpoint: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid', 'interface_uid', 'interface_name'],
  user: ['account', 'name', 'uid'],
  entity: ['name', 'uid'],
  service: ['name', 'uid'],
}
const LAST_ACTIVITY: Readonly<Record<number, number>> = { 6003: 4, 3002: 5, 3001: 11, 3004: 4, 2004: 3 }

for (const [name, classUid, , record] of cases) {
  test(`${name} keeps the constraints that OCSF publishes for its objects and activities`, () => {
    const event = ocsfEvent(record, origin)
    const members = (attribute: string) => event[attribute] as JsonObject // each of these is an object in OCSF
    for (const [attribute, required] of Object.entries(OBJECTS)) {
      if (!(attribute in event)) continue
      for (const one of required) assert.ok(one in members(attribute), `${attribute}.${one}`)
    }
    for (const [attribute, choices] of Object.entries(ONE_OF)) {
      if (attribute in event)
        assert.ok(
          choices.some((one) => one in members(attribute)),
          attribute,
        )
    }
    const activity = Number(event.activity_id)
    assert.ok(activity === 99 || (activity >= 0 && activity <= (LAST_ACTIVITY[classUid] ?? 0)))
    // An activity that OCSF has no number for is named.
    if (activity === 99 && classUid !== 6003) assert.equal(typeof event.activity_name, 'string')
  })
}

test('whoever was changed is not who did it', () => {
  const change = { action: 'principal:suspend', principal: 'bob' }
  const event = ocsfEvent(stored('change', change), origin)
  assert.deepEqual(event.actor, { app_name: 'sallyport' })
  assert.deepEqual(event.user, { uid: 'bob', name: 'bob' })
})

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

test('a denial that was only observed is neither allowed nor denied: observed, and logged', () => {
  const observed = { by: ['tenant'], at: ['route:tools'] }
  const { body } = decision()
  const event = ocsfEvent(stored('decision', { ...body, decision: 'observed-deny', observed }), origin)
  assert.deepEqual([event.status_id, event.action_id, event.disposition_id], [1, 3, 17])
  assert.deepEqual((event.unmapped as JsonObject).observed, observed)
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
