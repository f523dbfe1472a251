import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, openHouse, POLICIES, user } from './test-house.ts'

const ALL = '@id("all") @approval("15m") forbid (principal is User, action in Action::"admin", resource);'

test('a policy that asks for approvals of all administration can be met', async () => {
  const { context, waiting, mayGive, access } = await openHouse({ policies: `${POLICIES} ${ALL}` })
  const id = await waiting(context([agent('courier')]))
  assert.equal((await mayGive(context([user('ada')]), id)).decision, 'allow')
  // Neither may who has no grant, nor those who are behind the request.
  assert.equal((await mayGive(context([user('tom')]), id)).decision, 'deny')
  assert.equal((await mayGive(context([user('sam')]), id)).decision, 'deny')
  const suspending = { action: 'principal:suspend', resource: { type: 'Tenant', id: 'demo' } }
  assert.deepEqual(
    access.decide(context([user('ada')]), suspending).reasons.map(({ policy }) => policy),
    ['all'],
  )
})
