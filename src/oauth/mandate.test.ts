import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeJwt } from 'jose'
import { MANDATE_TYPE, narrowMandate } from './mandate.ts'
import { startTestServer } from './test-server.ts'

const churn = { type: 'Project', id: 'churn' }
const details = (entry: object): { authorization_details: string } => ({
  authorization_details: JSON.stringify([{ type: MANDATE_TYPE, actions: ['models'], resources: [churn], ...entry }]),
})

test('a subject narrows its token to a mandate, and whoever takes over stands under it', async (t) => {
  const { token, exchange, server, gw, clock } = await startTestServer(t)
  const mine = await exchange('alice', await token('alice'), details({ purpose: 'churn report', expires_in: 60 }))
  const mandate = {
    actions: ['models'],
    resources: [churn],
    purpose: 'churn report',
    expiresAt: clock.now() + 60_000,
  }
  const own = await server().verifyAccessToken(mine.access_token, gw)
  assert.deepEqual(own.caller.mandate, mandate)
  assert.deepEqual(decodeJwt(mine.access_token).authorization_details, [
    { type: MANDATE_TYPE, actions: ['models'], resources: [churn], purpose: 'churn report' },
  ])

  const taken = await exchange('helper', mine.access_token)
  const { caller } = await server().verifyAccessToken(taken.access_token, gw)
  assert.deepEqual(
    caller.chain.map(({ id }) => id),
    ['alice', 'helper'],
  )
  assert.deepEqual(caller.mandate, mandate, 'also without being asked for')

  const further = await exchange('scout', taken.access_token, details({ actions: ['tools'], expires_in: 3600 }))
  const last = await server().verifyAccessToken(further.access_token, gw)
  assert.deepEqual(last.caller.mandate, { ...mandate, actions: ['tools'], within: mandate }, 'both have to cover')
})

test('nobody but the subject says what for, and nobody says it twice', async (t) => {
  const { token, exchange } = await startTestServer(t)
  const error = 'invalid_authorization_details'
  await assert.rejects(exchange('helper', await token('alice'), details({ purpose: 'payroll' })), { error })
  const mine = await exchange('alice', await token('alice'), details({ purpose: 'churn report' }))
  await assert.rejects(exchange('alice', mine.access_token, details({ purpose: 'payroll' })), { error })
  await assert.rejects(exchange('helper', mine.access_token, details({ purpose: 'payroll' })), { error })
  const same = await exchange('helper', mine.access_token, details({ purpose: 'churn report' }))
  assert.ok(same.access_token)
  const unsaid = await exchange('alice', await token('alice'), details({}))
  const later = await exchange('helper', unsaid.access_token)
  await assert.rejects(exchange('scout', later.access_token, details({ purpose: 'payroll' })), { error })
})

test('details that are not one mandate are refused', async (t) => {
  const { token, exchange } = await startTestServer(t)
  const subject = await token('alice')
  const entry = { type: MANDATE_TYPE, actions: ['models'], resources: [churn] }
  const wrong = [
    'x',
    '{}',
    '[]',
    JSON.stringify([entry, entry]),
    JSON.stringify([{ ...entry, type: 'payment' }]),
    JSON.stringify([{ ...entry, actions: [] }]),
    JSON.stringify([{ ...entry, resources: [] }]),
    JSON.stringify([{ ...entry, more: 1 }]),
    JSON.stringify([{ ...entry, expires_in: 0 }]),
    JSON.stringify([{ ...entry, purpose: 'x'.repeat(300) }]),
  ]
  for (const authorization_details of wrong) {
    await assert.rejects(
      exchange('alice', subject, { authorization_details }),
      { error: 'invalid_authorization_details' },
      authorization_details.slice(0, 80),
    )
  }
})

test('each mandate stands within the one before, and ends no later', () => {
  const entry = fc.record({
    actions: fc.array(fc.constantFrom('models', 'tools'), { minLength: 1, maxLength: 2 }),
    expires_in: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 500_000 }), (list, left) => {
      let before: ReturnType<typeof narrowMandate>
      for (const one of list) {
        const asked = details(one).authorization_details
        const next = narrowMandate(asked, { before, bySubject: false, now: 0, endsAt: left })
        assert.ok(next !== undefined && next.expiresAt <= Math.min(left, before?.expiresAt ?? left))
        assert.equal(next.within, before)
        before = next
      }
    }),
  )
})
