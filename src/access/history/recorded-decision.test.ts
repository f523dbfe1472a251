import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RecordedDecision, recordedDecisions } from './recorded-decision.ts'

const body = {
  chain: [
    { kind: 'User', id: 'alice' },
    { kind: 'Agent', id: 'scout' },
  ],
  credential: 'c1',
  authentication: { method: 'private_key_jwt', at: 1000 },
  action: 'tool:call',
  resource: { type: 'Tool', id: 'office/send' },
  context: { now: { __extn: { fn: 'datetime', arg: '2026-11-21T10:00:00.000Z' } }, chainLength: 2 },
  decision: 'deny',
  reasons: [{ policy: 'no-mail', principal: 'Agent::scout::x' }],
  errors: ['odd: type error'],
  revision: 'abc',
  state: 7,
  arguments: { '/to': 'bob@example.org' },
  stated: { proposed: true },
}

test('a record with one question is one decision', () => {
  const [only, ...more] = read(body)
  assert.equal(more.length, 0)
  assert.equal(only?.action, 'tool:call')
  assert.deepEqual(only?.reasons, [{ policy: 'no-mail', principal: { type: 'Agent', id: 'scout::x' } }])
  assert.deepEqual(only?.arguments, { '/to': 'bob@example.org' })
  assert.equal(only?.isProposed, true)
  assert.equal(only?.state, 7)
  assert.equal(only?.unreplayable, undefined)
})

test('each question of several has the context of the one before it, with what differs', () => {
  const question = { action: 'tool:call', resource: body.resource, decision: 'allow', reasons: [] }
  const found = read({
    ...body,
    questions: [question, { ...question, context: { chainLength: null, purpose: 'x' }, state: 8 }, question],
  })
  assert.deepEqual(
    found.map(({ place, state, context }) => [place, state, Object.keys(context)]),
    [
      [0, 7, ['now', 'chainLength']],
      [1, 8, ['now', 'purpose']],
      [2, 7, ['now', 'purpose']],
    ],
  )
})

test('whoever asks about others is decided on too', () => {
  const asked = { chain: [{ kind: 'User', id: 'bob' }], action: 'model:invoke', resource: { type: 'Model', id: 'm' } }
  const found = read({ ...body, answered: true, questions: [{ ...asked, decision: 'allow', reasons: [] }] })
  assert.deepEqual(
    found.map(({ chain }) => chain[0].id),
    ['alice', 'bob'],
  )
})

test('why a decision cannot be made again is said', () => {
  const { state: _, ...older } = body
  const why = (record: object) => read(record)[0]?.unreplayable
  assert.equal(why(older), 'state_unrecorded')
  assert.equal(why({ ...body, context: {} }), 'not_decided')
  assert.equal(why({ ...body, refusal: 'body_invalid' }), 'not_decided')
  assert.equal(why({ ...body, unreplayable: 'other_question' }), 'other_question')
  const frame = { index: 3, at: 5, kind: 'decision', erased: false }
  assert.deepEqual(recordedDecisions({ ...frame, erased: true }), { index: 3, at: 5, why: 'erased' })
  for (const odd of [undefined, null, 4, [], {}, { ...body, chain: [] }, { ...body, reasons: 'x' }]) {
    assert.deepEqual(recordedDecisions({ ...frame, body: odd }), { index: 3, at: 5, why: 'unreadable' })
  }
})

test('records of other kinds have no decisions', () => {
  assert.deepEqual(recordedDecisions({ index: 1, at: 1, kind: 'outcome', erased: false, body: {} }), [])
})

function read(given: object): readonly RecordedDecision[] {
  const found = recordedDecisions({ index: 3, at: 5, kind: 'decision', erased: false, txn: 't', body: given })
  assert.ok(!('why' in found))
  return found
}
