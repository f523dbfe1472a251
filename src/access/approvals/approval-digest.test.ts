import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../kernel/index.ts'
import type { Question } from '../question.ts'
import { approvalDigest } from './approval-digest.ts'
import { agent, openHouse, SEND, sending, user } from './test-house.ts'

const ASKED = { policies: ['agree'], revision: 'r1' }

test('what an enforcement point states of the resource is part of what was agreed to', async () => {
  const { context } = await openHouse()
  const ctx = context([user('uma'), agent('courier')])
  const paying = (attributes?: Question['attributes']): Question => ({
    action: 'payment:make',
    resource: { type: 'Payment', id: 'p1' },
    ...(attributes === undefined ? {} : { attributes }),
  })
  const digests = [paying(), paying({ amount: 10 }), paying({ amount: 1_000_000 })].map((question) =>
    approvalDigest(ctx, question, ASKED),
  )
  assert.equal(new Set(digests).size, 3)
  assert.equal(approvalDigest(ctx, paying({ amount: 10 }), ASKED), digests[1])
})

test('many different requests at once do not get past the bound of one principal', async () => {
  const { context, enforce, approvals } = await openHouse()
  const ctx = context([agent('courier')])
  const many = Array.from({ length: 60 }, (_, n) => sending({ '/to': 'carol@example.com', '/n': String(n) }))
  await Promise.all(many.map((question) => enforce(ctx, question)))
  assert.equal((await approvals.list({ limit: 200 })).length, 20)
})

test('who decides reads what is stated of the resource', async () => {
  const { access, context } = await openHouse()
  const wanted = access.approvalWanted(context([agent('courier')]), { ...SEND, attributes: { amount: 10 } })
  assert.deepEqual(wanted?.contents.attributes, { amount: 10 })
})

test('nobody is asked for what has no canonical form, and it stays denied', async () => {
  const { context, enforce, approvals } = await openHouse()
  let deep: Json = []
  for (let n = 0; n < 100_000; n++) deep = [deep]
  const { decision } = await enforce(context([agent('courier')]), { ...SEND, described: deep })
  assert.equal(decision.decision, 'deny')
  assert.deepEqual(await approvals.list({ limit: 10 }), [])
})
