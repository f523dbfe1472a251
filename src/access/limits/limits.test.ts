import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityJson } from '../../cedar/index.ts'
import type { Decision } from '../question.ts'
import type { Reserved } from '../reserve.ts'
import { invoke, testLimits } from './test-limits.ts'

const refusal = (answer: Decision | Reserved): Decision => {
  assert.ok('decision' in answer && answer.decision === 'deny', 'it was not refused')
  return answer
}
const reserved = (answer: Decision | Reserved): Reserved => {
  assert.ok(!('decision' in answer), 'it was refused')
  return answer
}

test('a rate lets so many through in its window, and then says which limit it was and how long to wait', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("calm") @title("two calls a second") @limit("2/second") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke()))
  reserved(await take(alice, invoke()))
  const denied = refusal(await take(alice, invoke()))
  assert.deepEqual(
    denied.reasons.map(({ policy, title }) => [policy, title]),
    [['calm', 'two calls a second']],
  )
  assert.deepEqual(denied.advice, [{ kind: 'wait', seconds: 1 }])
  assert.equal(denied.withheld, 'limit')
  assert.equal(decide(ctx('User::bob'), invoke()).decision, 'allow', 'bob has a count of his own')
  await sleep(1_050)
  reserved(await take(alice, invoke()))
})

test('deciding looks and consumes nothing', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("one") @limit("1/hour") @budget("100 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  for (let i = 0; i < 10; i++) assert.equal(decide(alice, invoke(100)).decision, 'allow')
  reserved(await take(alice, invoke(100)))
  assert.equal(decide(alice, invoke(100)).decision, 'deny')
})

test('a budget is reserved in full, and what was not used comes back when it is settled', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("tokens") @budget("1000 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  const first = reserved(await take(alice, invoke(800)))
  assert.equal(decide(alice, invoke(300)).decision, 'deny')
  first.settle({ input_tokens: 50, output_tokens: 50 })
  assert.equal(decide(alice, invoke(900)).decision, 'allow')
  assert.equal(decide(alice, invoke(901)).decision, 'deny')
})

test('what nobody counted is settled at the full reservation, and what was released never was', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("tokens") @budget("1000 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(600))).settle()
  assert.equal(decide(alice, invoke(401)).decision, 'deny')
  reserved(await take(alice, invoke(400))).release()
  assert.equal(decide(alice, invoke(400)).decision, 'allow')
  for (const usage of [{ input_tokens: -5, output_tokens: 1 }, { input_tokens: Number.NaN, output_tokens: 1 }, {}]) {
    const { settle } = reserved(await take(alice, invoke(100)))
    settle(usage)
  }
  assert.equal(decide(alice, invoke(101)).decision, 'deny', 'three times 100 stand as they were reserved')
})

test('what was used beyond the reservation counts, and the next one waits for it', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("tokens") @budget("1000 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(100))).settle({ input_tokens: 5_000, output_tokens: 0 })
  const denied = decide(alice, invoke(1))
  assert.deepEqual(denied.advice, [{ kind: 'wait', seconds: 12 * 3_600 }], 'until midnight')
})

test('what asks for more than the whole budget would wait for ever, and is told so', async () => {
  const { put, decide, ctx } = await testLimits()
  await put('@id("tokens") @budget("1000 tokens/day") permit (principal, action, resource);')
  const denied = decide(ctx('User::alice'), invoke(1_200))
  assert.equal(denied.decision, 'deny')
  assert.equal(denied.advice, undefined)
  assert.equal(
    denied.remedy,
    'this needs 1200 tokens at once, and 1000 tokens a day is all there is; ask for less at once',
  )
})

test('every statement that matches applies, however broad another one is', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put(`
    @id("broad") @limit("1000/hour") permit (principal, action, resource);
    @id("narrow") @limit("1/hour") permit (principal, action, resource == Model::"small");
  `)
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke()))
  assert.deepEqual(
    refusal(await take(alice, invoke())).reasons.map(({ policy }) => policy),
    ['narrow'],
  )
  assert.equal(decide(alice, invoke(1, 'large')).decision, 'allow')
})

test('a statement that cannot be evaluated applies, and is reported', async () => {
  const { put, take, ctx } = await testLimits()
  await put(
    '@id("strange") @limit("1/hour") permit (principal, action, resource) when { context.chainLength + 9223372036854775807 > 0 };',
  )
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke()))
  const denied = refusal(await take(alice, invoke()))
  assert.deepEqual(
    denied.errors.map(({ policy }) => policy),
    ['strange'],
  )
})

test('counts are kept by whom or what the statement says', async () => {
  const chain = ['User::alice', 'Agent::scout'] as const
  const same: Readonly<Record<string, readonly [chain: readonly string[], model: string, fits: boolean][]>> = {
    principal: [
      [['User::alice'], 'large', false],
      [['Agent::scout'], 'large', false],
      [['User::bob'], 'small', true],
    ],
    subject: [
      [['User::alice', 'Agent::other'], 'large', false],
      [['User::bob', 'Agent::scout'], 'small', true],
    ],
    actor: [
      [['User::bob', 'Agent::scout'], 'large', false],
      [['User::alice', 'Agent::other'], 'small', true],
    ],
    chain: [
      [['User::alice'], 'small', true],
      [['User::alice', 'Agent::scout'], 'large', false],
    ],
    resource: [
      [['User::bob'], 'small', false],
      [['User::alice', 'Agent::scout'], 'large', true],
    ],
    project: [[['User::bob'], 'large', true]],
    tenant: [[['User::bob'], 'large', false]],
    'actor, resource': [
      [['User::bob', 'Agent::scout'], 'large', true],
      [['User::bob', 'Agent::scout'], 'small', false],
    ],
  }
  for (const [per, cases] of Object.entries(same)) {
    const { put, take, decide, ctx } = await testLimits()
    await put(`@id("l") @limit("1/hour") @per("${per}") permit (principal, action, resource);`)
    reserved(await take(ctx(...chain), invoke()))
    for (const [other, model, fits] of cases) {
      const { decision } = decide(ctx(...other), invoke(1, model))
      assert.equal(decision, fits ? 'allow' : 'deny', `${per}: ${other.join('>')} on ${model}`)
    }
  }
})

test('agents of one type share a count where the statement says so', async () => {
  const { access, put, take, decide, ctx } = await testLimits()
  const agent = (id: string): EntityJson => ({
    uid: { type: 'Agent', id },
    attrs: { name: id, status: 'active', sponsor: { __entity: { type: 'User', id: 'alice' } } },
    parents: [{ type: 'AgentType', id: 'researcher' }],
  })
  access.putEntities('directory', [agent('scout'), agent('other')])
  await put('@id("l") @limit("1/hour") @per("agentType") permit (principal is Agent, action, resource);')
  reserved(await take(ctx('Agent::scout'), invoke()))
  assert.equal(decide(ctx('Agent::other'), invoke()).decision, 'deny')
  assert.equal(decide(ctx('User::alice'), invoke()).decision, 'allow')
})

test('a layer that is about a project limits what is in it, and nothing else', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('', {
    name: 'churn.cedar',
    text: '@id("churn") @limit("1/hour") @per("project") permit (principal, action, resource);',
    as: 'limits',
    layer: { kind: 'project', id: 'churn' },
  })
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(1, 'small')))
  assert.equal(decide(alice, invoke(1, 'small')).decision, 'deny')
  assert.equal(decide(alice, invoke(1, 'large')).decision, 'allow')
})

test('money is counted by the price of the model', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("money") @budget("0.50 EUR/month") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  const price = { currency: 'EUR', input: 100, output: 400 }
  const question = { ...invoke(), amounts: { input_tokens: 1_000, output_tokens: 1_000 }, price }
  reserved(await take(alice, question)).settle({ input_tokens: 1_000, output_tokens: 500 }) // 0.30
  const small = { ...question, amounts: { input_tokens: 2_000, output_tokens: 0 } } // 0.20
  assert.equal(decide(alice, small).decision, 'allow')
  assert.equal(decide(alice, question).decision, 'deny')
  assert.equal(decide(alice, { ...invoke(100_000), amounts: { EUR: 0.21 } }).decision, 'deny')
})

test('a model of which nobody knows the price does not pass a budget of money, unless the statement says what to reserve', async () => {
  const { put, take, decide, ctx } = await testLimits()
  const alice = ctx('User::alice')
  await put('@id("m") @budget("5 EUR/day") permit (principal, action, resource);')
  const denied = decide(alice, invoke())
  assert.equal(denied.decision, 'deny')
  assert.match(denied.remedy ?? '', /what this costs in EUR is not known/)
  const dollars = { ...invoke(), price: { currency: 'USD', input: 1, output: 1 } }
  assert.equal(decide(alice, dollars).decision, 'deny')
  assert.equal(decide(alice, { action: 'model:list', resource: { type: 'Model', id: 'small' } }).decision, 'allow')
  await put('@id("m") @budget("5 EUR/day") @reserve("2 EUR") permit (principal, action, resource);')
  reserved(await take(alice, invoke())).settle({ input_tokens: 1, output_tokens: 1 })
  reserved(await take(alice, invoke()))
  refusal(await take(alice, invoke()))
})

test('what an action does not use it does not need', async () => {
  const { put, take, ctx } = await testLimits()
  await put('@id("tokens") @budget("1 tokens/day") permit (principal, action, resource);')
  const list = { action: 'model:list', resource: { type: 'Model', id: 'small' } }
  for (let i = 0; i < 3; i++) reserved(await take(ctx('User::alice'), list))
})

test('an amount that nobody states is the one of the statement, or that of the unit', async () => {
  const { put, decide, ctx } = await testLimits()
  const bare = { action: 'model:invoke', resource: { type: 'Model', id: 'small' } }
  const alice = ctx('User::alice')
  await put('@id("t") @budget("6096 tokens/day") permit (principal, action, resource);')
  assert.equal(decide(alice, bare).decision, 'allow')
  await put('@id("t") @budget("6095 tokens/day") permit (principal, action, resource);')
  assert.equal(decide(alice, bare).decision, 'deny')
  await put('@id("t") @budget("6095 tokens/day") @reserve("200 tokens") permit (principal, action, resource);')
  assert.equal(decide(alice, bare).decision, 'allow')
})

test('somebody is told once in a window when a share is used', async () => {
  const { put, take, ctx, shares, clock } = await testLimits()
  await put('@id("t") @budget("1000 tokens/day") @notify("50%, 80%") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  const use = async (tokens: number) =>
    reserved(await take(alice, invoke(tokens))).settle({ input_tokens: tokens, output_tokens: 0 })
  await use(400)
  assert.equal(shares.length, 0)
  await use(150)
  await use(100)
  await use(200)
  assert.deepEqual(
    shares.map(({ share, key }) => [share, key]),
    [
      [50, 'User::"alice"'],
      [80, 'User::"alice"'],
    ],
  )
  clock.advance(86_400_000)
  await use(600)
  assert.equal(shares.length, 3)
})

test('days, weeks and months are those of the calendar where the tenant is', async () => {
  const { access, put, take, decide, ctx, clock } = await testLimits()
  access.setHours({ timeZone: 'Asia/Tokyo' }) // 21:00 there when it is 12:00 UTC
  await put('@id("t") @budget("100 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(100)))
  assert.deepEqual(decide(alice, invoke(100)).advice, [{ kind: 'wait', seconds: 3 * 3_600 }])
  clock.advance(3 * 3_600_000)
  assert.equal(decide(alice, invoke(100)).decision, 'allow')
})

test('a clock that goes back or forth makes no budget anew twice', async () => {
  const { put, take, decide, ctx, clock } = await testLimits()
  await put('@id("t") @budget("100 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  const noon = clock.now()
  await put('@id("m") @budget("100 tokens/month") permit (principal, action, resource);')
  clock.set(Date.UTC(2026, 1, 1))
  reserved(await take(alice, invoke(100)))
  clock.set(Date.UTC(2026, 0, 31))
  assert.equal(decide(alice, invoke(1)).decision, 'deny', 'a short month after a long one')
  clock.set(Date.UTC(2026, 1, 2))
  assert.equal(decide(alice, invoke(1)).decision, 'deny')
  await put('@id("t") @budget("100 tokens/day") permit (principal, action, resource);')
  clock.set(noon)
  reserved(await take(alice, invoke(100)))
  clock.set(noon - 86_400_000)
  assert.equal(decide(alice, invoke(1)).decision, 'deny', 'yesterday knows of today')
  clock.set(noon)
  assert.equal(decide(alice, invoke(1)).decision, 'deny')
  clock.set(noon + 86_400_000)
  reserved(await take(alice, invoke(100)))
  for (const moment of [noon, noon + 86_400_000, noon, noon + 86_400_000]) {
    clock.set(moment)
    assert.equal(decide(alice, invoke(1)).decision, 'deny')
  }
  // The clock was years ahead: what was used then is taken along, and the next day is a new one.
  clock.set(noon + 1_000 * 86_400_000)
  reserved(await take(alice, invoke(100)))
  clock.set(noon + 2 * 86_400_000)
  assert.equal(decide(alice, invoke(1)).decision, 'deny')
  clock.set(noon + 3 * 86_400_000)
  assert.equal(decide(alice, invoke(100)).decision, 'allow')
})

test('budgets outlive the process, and what was open is settled at full', async () => {
  const { put, take, ctx, store, clock } = await testLimits()
  const text = '@id("t") @budget("1000 tokens/day") permit (principal, action, resource);'
  await put(text)
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(300))).settle({ input_tokens: 50, output_tokens: 50 })
  reserved(await take(alice, invoke(500)))
  const again = await testLimits({ store, clock })
  await again.put(text)
  assert.equal(again.decide(alice, invoke(400)).decision, 'allow')
  assert.equal(again.decide(alice, invoke(401)).decision, 'deny')
})

test('who floods a limit with keys pushes nobody out', async () => {
  const { put, take, decide, ctx, clock } = await testLimits({ mostKeys: 3 })
  await put('@id("t") @budget("100 tokens/day") @per("resource") permit (principal, action, resource);')
  const mallory = ctx('User::mallory')
  reserved(await take(mallory, invoke(100, 'small')))
  reserved(await take(mallory, invoke(1, 'a')))
  reserved(await take(mallory, invoke(1, 'b')))
  refusal(await take(mallory, invoke(1, 'c')))
  assert.equal(decide(mallory, invoke(1, 'small')).decision, 'deny', 'its count is still there')
  clock.advance(86_400_000)
  reserved(await take(mallory, invoke(1, 'c')))
})

test('where nobody counts, nothing that could be limited is allowed', async () => {
  const { access, ctx } = await testLimits()
  const { openAccess } = await import('../access.ts')
  assert.ok(access)
  const schema = 'entity User; entity Model; action "model:invoke" appliesTo { principal: User, resource: Model };'
  const other = openAccess({ schema, policies: [] })
  const all = { name: 'all.cedar', text: 'permit (principal, action, resource);' }
  await other.setPolicies([all])
  assert.equal(other.decide(ctx('User::alice'), invoke()).decision, 'allow')
  const limits = { name: 'l.cedar', text: '@id("l") @limit("5/hour") permit (principal, action, resource);' }
  await other.setPolicies([all, { ...limits, as: 'limits' }])
  assert.equal(other.decide(ctx('User::alice'), invoke()).decision, 'deny')
})

test('no limit keeps an administrator from resetting it', async () => {
  const { put, take, decide, ctx } = await testLimits()
  await put('@id("all") @budget("1 requests/month") @per("tenant") permit (principal, action, resource);')
  const olivia = ctx('User::olivia')
  const about = (action: string) => ({ action, resource: { type: 'Tenant', id: 'demo' } })
  reserved(await take(olivia, about('tenant:apply')))
  refusal(await take(olivia, about('tenant:apply')))
  assert.equal(decide(olivia, about('limit:reset')).decision, 'allow')
  reserved(await take(olivia, about('limit:reset')))
})

test('policies can look at what is used, and limits see nothing of it', async () => {
  const { put, take, decide, ctx } = await testLimits()
  const text = `@id("spare") forbid (principal, action, resource == Model::"small")
    when { context has usage && context.usage.share >= 80 };`
  await put(
    `@id("t") @budget("1000 tokens/day") permit (principal, action, resource);
     @id("r") @limit("4/hour") permit (principal, action, resource == Model::"large") unless { context has usage };`,
    { name: 'spare.cedar', text },
  )
  const alice = ctx('User::alice')
  assert.deepEqual(decide(alice, invoke(1)).facts.usage, { share: 0 })
  reserved(await take(alice, invoke(790)))
  assert.equal(decide(alice, invoke(1)).decision, 'allow')
  reserved(await take(alice, invoke(10)))
  const denied = decide(alice, invoke(1))
  assert.deepEqual(
    denied.reasons.map(({ policy }) => policy),
    ['spare'],
  )
  for (let i = 0; i < 4; i++) reserved(await take(alice, invoke(1, 'large')))
  const { decision, facts } = decide(alice, invoke(1, 'large'))
  assert.equal(decision, 'deny')
  assert.deepEqual(facts.usage, { share: 100 })
})

test('counts can be listed and forgotten', async () => {
  const { access, put, take, decide, ctx, clock } = await testLimits()
  await put('@id("t") @title("spare") @limit("5/hour") @budget("100 tokens/day") permit (principal, action, resource);')
  const alice = ctx('User::alice')
  reserved(await take(alice, invoke(100)))
  const [limit] = access.limits.list(clock.now())
  assert.deepEqual(
    limit?.allowances.map(({ allowance, used }) => [allowance, used.map(({ key, used: count }) => [key, count])]),
    [
      ['5 requests/hour', [['User::"alice"', 1]]],
      ['100 tokens/day', [['User::"alice"', 100]]],
    ],
  )
  assert.equal(await access.limits.reset('t', 'User::"alice"'), 2)
  assert.equal(decide(alice, invoke(100)).decision, 'allow')
  await assert.rejects(access.limits.reset('none'), { code: 'limit_unknown' })
})
