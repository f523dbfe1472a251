import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invoke, testLimits } from '../limits/test-limits.ts'
import type { Decision, Question } from '../question.ts'
import { mayGoOn, verdictOf } from '../withheld.ts'

const RATE = `@id("rate") @limit("2/hour") permit (principal, action == Action::"model:invoke", resource);`
const BUDGET = `@id("budget") @budget("250 tokens/day") permit (principal, action == Action::"model:invoke", resource);`

type House = Awaited<ReturnType<typeof testLimits>>

/** Decides and takes, as an enforcement point does; what came of it. */
async function run(house: House, question: Question = invoke()): Promise<Decision> {
  const ctx = house.ctx('User::alice')
  const decided = house.access.decide(ctx, question)
  if (!mayGoOn(decided)) return decided
  const reserved = await house.access.reserve(ctx, [question], [decided])
  reserved.settle()
  return reserved.refused?.[0] ?? reserved.decisions?.[0] ?? decided
}

function usedOf(house: House, id: string): number {
  const found = house.access.limits.list(house.clock.now()).find((one) => one.id === id)
  return found?.allowances[0]?.used[0]?.used ?? 0
}

for (const [name, text, each] of [
  ['rate', RATE, 1],
  ['budget', BUDGET, 100],
] as const) {
  test(`an exhausted ${name} is counted in observe, and not refused`, async () => {
    const house = await testLimits()
    await house.put(text)
    house.access.setModes(new Map([['tenant', 'observe']]))
    const verdicts = []
    for (let i = 0; i < 5; i++) verdicts.push(verdictOf(await run(house)))
    assert.deepEqual(verdicts, ['allow', 'allow', 'observed-deny', 'observed-deny', 'observed-deny'])
    assert.equal(usedOf(house, name), 5 * each)
    const last = await run(house)
    assert.deepEqual(
      last.reasons.map(({ policy }) => policy),
      [name],
    )
    assert.deepEqual([last.withheld, last.observed?.by], ['limit', ['tenant']])

    house.access.setModes(new Map())
    const enforced = await run(house)
    assert.deepEqual([enforced.decision, enforced.observed], ['deny', undefined])
    assert.equal(usedOf(house, name), 6 * each)
  })
}

test('of many at once that were all allowed, those that do not fit any more become observed denials', async () => {
  const house = await testLimits()
  await house.put(RATE)
  house.access.setModes(new Map([['tenant', 'observe']]))
  const ctx = house.ctx('User::alice')
  const decided = Array.from({ length: 5 }, () => house.access.decide(ctx, invoke()))
  assert.ok(decided.every(({ decision }) => decision === 'allow'))
  const reserved = await Promise.all(decided.map((one) => house.access.reserve(ctx, [invoke()], [one])))
  assert.ok(reserved.every(({ refused }) => refused === undefined))
  const became = reserved.map(({ decisions }, index) => verdictOf(decisions?.[0] ?? decided[index] ?? assert.fail()))
  assert.deepEqual(became.sort(), ['allow', 'allow', 'observed-deny', 'observed-deny', 'observed-deny'])
})

test('what the policies refuse is counted by no limit that is only observed', async () => {
  const house = await testLimits()
  const forbid = '@id("no") forbid (principal, action, resource);'
  await house.put(RATE, { name: 'no.cedar', text: forbid })
  house.access.setModes(new Map([['tenant', 'observe']]))
  for (let i = 0; i < 4; i++) assert.equal(verdictOf(await run(house)), 'observed-deny')
  assert.equal(usedOf(house, 'rate'), 0)
})

test('a layer in observe refuses by none of its limits, and those of others refuse and count', async () => {
  const house = await testLimits()
  const own = { name: 'own.cedar', text: RATE.replaceAll('rate', 'own'), as: 'limits' } as const
  await house.put(RATE.replace('2/hour', '4/hour'), { ...own, layer: { kind: 'project', id: 'churn' } })
  house.access.setModes(new Map([['layer:project:churn', 'observe']]))
  const verdicts = []
  for (let i = 0; i < 6; i++) verdicts.push(verdictOf(await run(house)))
  assert.deepEqual(verdicts, ['allow', 'allow', 'observed-deny', 'observed-deny', 'deny', 'deny'])
  assert.equal(usedOf(house, 'rate'), 4)
  const third = { name: 'no.cedar', text: '@id("no") forbid (principal, action, resource);' }
  await house.put(RATE.replace('2/hour', '4/hour'), { ...third, layer: { kind: 'project', id: 'churn' } })
  // A forbid of the layer lets it pass, and the limit of the tenant still refuses.
  assert.equal(verdictOf(await run(house)), 'deny')
})

test('a limit of the tenant counts what goes on past a forbid that is only observed', async () => {
  const house = await testLimits()
  const forbid = { name: 'no.cedar', text: '@id("no") forbid (principal, action, resource);' }
  await house.put(RATE, { ...forbid, layer: { kind: 'project', id: 'churn' } })
  house.access.setModes(new Map([['layer:project:churn', 'observe']]))
  const verdicts = []
  for (let i = 0; i < 4; i++) verdicts.push(verdictOf(await run(house)))
  assert.deepEqual(verdicts, ['observed-deny', 'observed-deny', 'deny', 'deny'])
  assert.equal(usedOf(house, 'rate'), 2)
})

test('a cost that nobody knows is let through in observe and counts nothing', async () => {
  const house = await testLimits()
  await house.put(`@id("money") @budget("5 EUR/day") permit (principal, action == Action::"model:invoke", resource);`)
  house.access.setModes(new Map([['tenant', 'observe']]))
  assert.equal(verdictOf(await run(house)), 'observed-deny')
  assert.equal(usedOf(house, 'money'), 0)
})
