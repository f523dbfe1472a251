import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, openHouse, SEND, user } from '../approvals/test-house.ts'

test('in observe nobody is asked for an approval, and what was given is used up as always', async () => {
  const { access, context, enforce, waiting, approvals } = await openHouse()
  const ctx = context([agent('courier')])
  access.setModes(new Map([['tenant', 'observe']]))
  const { decision } = await enforce(ctx)
  assert.deepEqual([decision.decision, decision.observed?.by, decision.withheld], ['deny', ['tenant'], 'approval'])
  assert.deepEqual(await approvals.list({ limit: 10 }), [])

  access.setModes(new Map())
  const id = await waiting(ctx)
  await approvals.give(id, user('ada').id)
  access.setModes(new Map([['tenant', 'observe']]))
  const second = await enforce(ctx)
  assert.deepEqual([second.decision.decision, second.decision.approval], ['allow', id])
  second.reserved.settle()
  assert.equal((await approvals.get(id))?.state, 'used')
  assert.deepEqual((await enforce(ctx)).decision.observed?.by, ['tenant'])
})

test('where only a layer is in observe, an approval that another asks for is asked for, and lifts it', async () => {
  const { access, context, enforce, waiting, approvals } = await openHouse()
  await access.setPolicies([
    {
      name: 'tenant.cedar',
      text: `
        @id("send") permit (principal, action == Action::"tool:call", resource in ToolServer::"office");
        @id("agree") @approval("15m") forbid (principal is Agent, action == Action::"tool:call", resource);`,
    },
    {
      name: 'courier.cedar',
      text: '@id("never") forbid (principal, action == Action::"tool:call", resource);',
      layer: { kind: 'agent', type: 'Agent', id: 'courier' },
    },
  ])
  const ctx = context([agent('courier')])
  assert.deepEqual((await enforce(ctx)).decision.advice ?? [], [])
  access.setModes(new Map([['layer:agent:courier', 'observe']]))
  const id = await waiting(ctx)
  assert.equal(access.decide(ctx, SEND).observed, undefined)
  await approvals.give(id, user('ada').id)
  const { decision, reserved } = await enforce(ctx)
  assert.deepEqual([decision.decision, decision.observed?.by, decision.approval], ['deny', ['layer:agent:courier'], id])
  assert.deepEqual(decision.reasons.map(({ policy }) => policy).sort(), ['agree', 'never'])
  reserved.settle()
  assert.equal((await approvals.get(id))?.state, 'used')
  assert.equal((await enforce(ctx)).decision.observed, undefined)
})

test('an approval that is gone when it is to be used refuses nothing in observe', async () => {
  const { access, context, waiting, approvals } = await openHouse()
  const ctx = context([agent('courier')])
  const id = await waiting(ctx)
  await approvals.give(id, user('ada').id)
  access.setModes(new Map([['tenant', 'observe']]))
  const decided = access.decide(ctx, SEND)
  assert.equal(decided.approval, id)
  await approvals.revoke(id, user('ada').id, 'not now')
  const reserved = await access.reserve(ctx, [SEND], [decided])
  assert.equal(reserved.refused, undefined)
  const [became] = reserved.decisions ?? []
  assert.deepEqual([became?.decision, became?.observed?.by, became?.approval], ['deny', ['tenant'], undefined])
})
