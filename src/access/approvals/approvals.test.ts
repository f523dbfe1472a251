import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { identitySections, parseSections } from '../../identity/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import { agent, openHouse, POLICIES, SEND, sending, service, user } from './test-house.ts'

test('what needs an approval is denied with the id of a request, allowed once after it was given, and denied again', async () => {
  const { context, enforce, waiting, approvals } = await openHouse()
  const ctx = context([agent('courier')])
  const first = await enforce(ctx)
  assert.equal(first.decision.decision, 'deny')
  const id = await waiting(ctx)
  assert.deepEqual(first.decision.advice, [{ kind: 'approval', id }])
  assert.equal(first.decision.withheld, 'approval')
  assert.match(first.decision.remedy ?? '', new RegExp(id))
  assert.deepEqual(
    first.decision.reasons.map(({ policy }) => policy),
    ['agree'],
  )

  await approvals.give(id, user('ada').id)
  const second = await enforce(ctx)
  assert.equal(second.decision.decision, 'allow')
  assert.equal(second.decision.approval, id)
  assert.deepEqual(
    second.decision.reasons.map(({ policy }) => policy),
    ['send'],
  )
  second.reserved.settle()
  assert.equal((await approvals.get(id))?.state, 'used')

  const third = await enforce(ctx)
  assert.equal(third.decision.decision, 'deny')
  assert.notEqual(await waiting(ctx), id)
})

test('the same request asks once, however often and however many at once', async () => {
  const { context, enforce, approvals } = await openHouse()
  const ctx = context([agent('courier')])
  const results = await Promise.all(Array.from({ length: 20 }, () => enforce(ctx)))
  const ids = new Set(results.map(({ decision }) => JSON.stringify(decision.advice)))
  assert.equal(ids.size, 1)
  assert.equal((await approvals.list({ limit: 100 })).length, 1)
  // The same agent with another token.
  await enforce(context([agent('courier')]))
  assert.equal((await approvals.list({ limit: 100 })).length, 1)
})

test('an approval is for the same principals, arguments, origins, resource and action, and for nothing else', async () => {
  const { context, waiting, access, approvals } = await openHouse()
  const ctx = context([user('uma'), agent('courier')])
  await approvals.give(await waiting(ctx), user('ada').id)
  assert.equal(access.decide(ctx, SEND).decision, 'allow')
  const others = [
    [context([agent('courier')]), SEND],
    [context([user('tom'), agent('courier')]), SEND],
    [context([user('uma'), agent('helper')]), SEND],
    [context([user('uma'), agent('courier'), agent('helper')]), SEND],
    [ctx, sending({ '/to': 'eve@example.com', '/text': 'hello' })],
    [ctx, sending({ '/to': 'carol@example.com', '/text': 'hello', '/bcc': 'eve@example.com' })],
    [ctx, { ...SEND, argumentsDigest: 'of other JSON with the same texts' }],
    [ctx, sending({ '/to': 'carol@example.com', '/text': 'hello' }, { user: ['/to'], trusted: ['/text'] })],
    [ctx, { ...SEND, facts: { destination: 'us' } }],
  ] as const
  for (const [who, question] of others) {
    assert.equal(access.decide(who, question).decision, 'deny', JSON.stringify([who.caller.chain, question]))
  }
  assert.equal(access.decide(ctx, SEND).decision, 'allow')
})

test('of several that use one approval at once, exactly one succeeds', async () => {
  const { context, enforce, waiting, approvals, access } = await openHouse()
  const ctx = context([agent('courier')])
  await approvals.give(await waiting(ctx), user('ada').id)
  // All of them have been allowed by a look before the first of them takes it.
  const decided = Array.from({ length: 10 }, () => access.decide(ctx, SEND))
  assert.ok(decided.every(({ decision }) => decision === 'allow'))
  const taken = await Promise.all(decided.map((decision) => access.reserve(ctx, [SEND], [decision])))
  assert.equal(taken.filter(({ refused }) => refused === undefined).length, 1)
  assert.ok(taken.every(({ refused }) => refused === undefined || refused[0]?.decision === 'deny'))
  assert.equal((await enforce(ctx)).decision.decision, 'deny')
})

test('of two who decide at once, one is told that it is over', async () => {
  const { context, waiting, approvals } = await openHouse()
  const id = await waiting(context([agent('courier')]))
  const results = await Promise.allSettled([
    approvals.give(id, user('ada').id),
    approvals.refuse(id, user('ben').id, 'no'),
    approvals.give(id, user('ben').id),
  ])
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'approval_over')
})

test('a request lapses after a day, and an approval after the time that the policy says', async () => {
  const { context, waiting, approvals, access, clock } = await openHouse()
  const ctx = context([agent('courier')])
  const first = await waiting(ctx)
  clock.advance(24 * 3_600_000)
  assert.equal((await approvals.get(first))?.state, 'expired')
  await assert.rejects(approvals.give(first, user('ada').id), { code: 'approval_over' })
  const second = await waiting(ctx)
  assert.notEqual(second, first)
  await approvals.give(second, user('ada').id)
  clock.advance(15 * 60_000 - 1)
  const decision = access.decide(ctx, SEND)
  assert.equal(decision.decision, 'allow')
  clock.advance(1)
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
  // Decided in time, used too late.
  const reserved = await access.reserve(ctx, [SEND], [decision])
  assert.equal(reserved.refused?.[0]?.decision, 'deny')
})

test('an approval that was taken back, or whose giver was suspended, is void', async () => {
  const { context, waiting, approvals, access, directory } = await openHouse()
  const ctx = context([agent('courier')])
  const first = await waiting(ctx)
  await approvals.give(first, user('ada').id)
  await approvals.revoke(first, user('ben').id, 'too early')
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
  const second = await waiting(ctx)
  await approvals.give(second, user('ada').id)
  const decision = access.decide(ctx, SEND)
  assert.equal(decision.approval, second)
  await directory.setStatus('ada', 'suspended')
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
  assert.notEqual((await access.reserve(ctx, [SEND], [decision])).refused, undefined)
  // The next request does not hang on the dead approval.
  const third = await waiting(ctx)
  assert.notEqual(third, second)
  await approvals.give(third, user('ben').id)
  assert.equal(access.decide(ctx, SEND).decision, 'allow')
  assert.equal((await approvals.get(second))?.state, 'revoked')
})

test('a change of the policies voids what was asked for and given before', async () => {
  const { context, waiting, approvals, access, put } = await openHouse()
  const ctx = context([agent('courier')])
  const first = await waiting(ctx)
  await put(`${POLICIES} // changed`)
  await assert.rejects(approvals.give(first, user('ada').id), {
    code: 'approval_over',
    message: /policies have changed/,
  })
  const second = await waiting(ctx)
  await approvals.give(second, user('ada').id)
  const decision = access.decide(ctx, SEND)
  await put(POLICIES)
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
  assert.equal((await access.reserve(ctx, [SEND], [decision])).refused?.[0]?.decision, 'deny')
})

test('an approval lifts exactly the policies that asked when it was given', async () => {
  const { context, waiting, approvals, access, put } = await openHouse()
  const risky =
    '@id("risky") @approval("5m") forbid (principal is Agent, action, resource) when { principal has risk && principal.risk > 50 };'
  await put(`${POLICIES} ${risky}`)
  const ctx = context([agent('courier')])
  await approvals.give(await waiting(ctx), user('ada').id)
  assert.equal(access.decide(ctx, SEND).decision, 'allow')
  access.putEntities('risk', [{ uid: { type: 'Agent', id: 'courier' }, attrs: { risk: 90 } }])
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
  const both = await waiting(ctx)
  assert.deepEqual(
    (await approvals.get(both))?.request.policies.map(({ id }) => id),
    ['agree', 'risky'],
  )
  assert.equal((await approvals.get(both))?.request.goodFor, 5 * 60_000)
})

test('nobody is asked where an approval would not help, or not alone', async () => {
  const { context, enforce, approvals, put, directory } = await openHouse()
  const ctx = context([agent('courier')])
  await put(`${POLICIES} @id("never") forbid (principal, action, resource == Tool::"office/send");`)
  const never = (await enforce(ctx)).decision
  assert.deepEqual([never.advice, never.withheld], [undefined, undefined])
  await put(POLICIES.replace('permit (principal,', 'permit (principal is User,'))
  assert.deepEqual((await enforce(ctx)).decision.advice, [{ kind: 'approval' }, { kind: 'request_access' }])
  await put(
    `${POLICIES} @id("mfa") forbid (principal is User, action, resource) unless { context.authentication has mfaAge };`,
  )
  assert.deepEqual((await enforce(context([user('uma'), agent('courier')]))).decision.advice, [
    { kind: 'step_up', acr: 'aal2', maxAge: 86_400 },
    { kind: 'approval' },
  ])
  await put(POLICIES)
  await directory.setStatus('sam', 'suspended')
  assert.equal((await enforce(ctx)).decision.advice, undefined)
  assert.deepEqual(await approvals.list({ limit: 100 }), [])
})

test('a forbid that cannot be evaluated is not lifted', async () => {
  const { context, enforce, put } = await openHouse()
  await put(
    `${POLICIES} @id("odd") @approval("15m") forbid (principal is Agent, action == Action::"tool:call", resource) when { context.arguments.hasTag("/n") && context.arguments.getTag("/n") == "1" && 9223372036854775807 + context.chainLength > 0 };`,
  )
  const question = sending({ '/to': 'carol@example.com', '/n': '1' })
  const { decision } = await enforce(context([agent('courier')]), question)
  assert.deepEqual(
    decision.reasons.map(({ policy }) => policy),
    ['agree', 'odd'],
  )
  assert.equal(decision.advice, undefined)
})

test('a refusal stands for as long as the request would have waited', async () => {
  const { context, enforce, waiting, approvals, clock } = await openHouse()
  const ctx = context([agent('courier')])
  const id = await waiting(ctx)
  await approvals.refuse(id, user('ada').id, 'not to carol')
  const { decision } = await enforce(ctx)
  assert.equal(decision.advice, undefined)
  assert.match(decision.remedy ?? '', /refused/)
  assert.equal((await approvals.list({ limit: 100 })).length, 1)
  clock.advance(24 * 3_600_000)
  assert.notEqual(await waiting(ctx), id)
})

test('one principal cannot make people drown in requests', async () => {
  const { context, enforce, waiting, approvals, directory: _ } = await openHouse()
  const ctx = context([agent('courier')])
  for (let n = 0; n < 30; n++) await enforce(ctx, sending({ '/to': 'carol@example.com', '/n': String(n) }))
  assert.equal((await approvals.list({ limit: 100 })).length, 20)
  const { decision } = await enforce(ctx, sending({ '/to': 'carol@example.com', '/n': 'one more' }))
  assert.deepEqual(decision.advice, [{ kind: 'approval' }])
  await waiting(context([agent('helper')]))
  // Somebody else whom the same agent serves still gets a place, until the agent itself has too many.
  await waiting(context([user('tom'), agent('courier')]))
  const large = sending({ '/to': 'carol@example.com', '/text': 'x'.repeat(300_000) })
  assert.deepEqual((await enforce(context([agent('helper')]), large)).decision.advice, [{ kind: 'approval' }])
})

test('what was taken for an action that never began goes back, unless it was revoked meanwhile', async () => {
  const { context, waiting, approvals, access } = await openHouse()
  const ctx = context([agent('courier')])
  const id = await waiting(ctx)
  await approvals.give(id, user('ada').id)
  const reserve = async () => access.reserve(ctx, [SEND], [access.decide(ctx, SEND)])
  const back = new Promise((resolve) => approvals.onChange(({ state }) => state === 'approved' && resolve(state)))
  const first = await reserve()
  first.release()
  await back
  assert.equal(access.decide(ctx, SEND).approval, id)
  const second = await reserve()
  assert.equal(second.refused, undefined)
  await assert.rejects(approvals.revoke(id, user('ben').id, 'stop'), { code: 'approval_over' })
  second.release()
  await approvals.list({ limit: 1 })
  assert.equal(access.decide(ctx, SEND).decision, 'deny')
})

test('whoever follows approvals and fails keeps nobody from deciding or acting', async () => {
  const { context, enforce, waiting, approvals, reported } = await openHouse()
  const stop = approvals.onChange(() => assert.fail('a broken listener'))
  const ctx = context([agent('courier')])
  const id = await waiting(ctx)
  await approvals.give(id, user('ada').id)
  assert.equal((await enforce(ctx)).decision.approval, id)
  assert.equal(reported.length, 3)
  stop()
  await waiting(ctx, sending({ '/to': 'carol@example.com' }))
  assert.equal(reported.length, 3)
})

test('what waits, was given, used or refused is the same after a restart', async () => {
  const store = memoryTenantStore()
  const key = randomBytes(32).toString('base64')
  const one = await openHouse({ store, key })
  const { clock } = one
  const ctx = one.context([agent('courier')])
  const questions = ['given', 'used', 'refused', 'waiting'].map((n) => sending({ '/to': 'carol@example.com', '/n': n }))
  const ids = []
  for (const question of questions) ids.push(await one.waiting(ctx, question))
  const [given = '', used = '', refused = '', waiting = ''] = ids
  await one.approvals.give(given, user('ada').id)
  await one.approvals.give(used, user('ada').id)
  await one.approvals.refuse(refused, user('ada').id, 'no')
  // Taken, and then the process ends before the action: nobody knows whether it began.
  assert.equal((await one.enforce(ctx, questions[1])).decision.decision, 'allow')

  const two = await openHouse({ store, clock, key })
  const [a, b, c, d] = questions.map((question) => two.access.decide(ctx, question))
  assert.equal(a?.approval, given)
  assert.equal(b?.decision, 'deny')
  assert.equal(c?.advice, undefined)
  assert.deepEqual(d?.advice, [{ kind: 'approval', id: waiting }])
})

test('arguments are sealed, bound to their approval, and destroyed when nobody decides on them any more', async () => {
  const { context, waiting, approvals, store, enforce } = await openHouse()
  const ctx = context([agent('courier')])
  const rows = () => store.read((q) => q.selectFrom('approvals').selectAll().execute())
  const id = await waiting(ctx)
  const [row] = await rows()
  assert.ok(row?.sealed !== null && row?.sealed !== undefined)
  assert.ok(!Buffer.from(row.sealed).includes('carol'))
  assert.ok(!JSON.stringify({ ...row, sealed: null }).includes('carol'))
  assert.deepEqual((await approvals.contents(id))?.arguments, { '/to': 'carol@example.com', '/text': 'hello' })
  const other = await waiting(ctx, sending({ '/to': 'eve@example.com' }))
  const swapped = (await rows()).find((one) => one.id === other)?.sealed ?? null
  await store.write((q) => q.updateTable('approvals').set({ sealed: swapped }).where('id', '=', id).execute())
  await assert.rejects(approvals.contents(id), { code: 'seal_broken' })
  await store.write((q) => q.updateTable('approvals').set({ sealed: row.sealed }).where('id', '=', id).execute())

  await approvals.give(id, user('ada').id)
  assert.notEqual(await approvals.contents(id), undefined)
  ;(await enforce(ctx)).reserved.settle()
  await approvals.refuse(other, user('ada').id, 'no')
  for (const one of await rows()) assert.equal(one.sealed, null, one.state)
})

test('only people who have no part in a request give approvals, whatever their roles are', async () => {
  const { context, waiting, mayGive } = await openHouse()
  const id = await waiting(context([user('uma'), agent('courier')]))
  const may = async (...chain: Parameters<typeof context>[0]) => (await mayGive(context(chain), id)).decision
  assert.equal(await may(user('ada')), 'allow')
  assert.equal(await may(user('kim')), 'allow', 'a role on the project of the resource')
  assert.equal(await may(user('tom')), 'deny', 'no role')
  assert.equal(await may(user('uma')), 'deny', 'the request is made for her')
  assert.equal(await may(user('sam')), 'deny', 'sponsor of the agent')
  assert.equal(await may(service('robot')), 'deny', 'a program')
  assert.equal(await may(user('ada'), agent('helper')), 'deny', 'an agent acting for somebody who may')
  assert.equal(await may(agent('helper')), 'deny', 'an agent')
  assert.equal(await may(agent('courier')), 'deny', 'the agent itself')
})

test('somebody who has become the sponsor since stands behind the request too', async () => {
  const { context, waiting, mayGive, directory } = await openHouse()
  const id = await waiting(context([agent('courier')]))
  assert.equal((await mayGive(context([user('ada')]), id)).decision, 'allow')
  const manifest = 'agents: { courier: { name: Courier, sponsor: ada } }'
  await directory.apply(parseSections(manifest, 'tenant.yaml', identitySections))
  assert.equal((await mayGive(context([user('ada')]), id)).decision, 'deny')
  assert.equal((await mayGive(context([user('sam')]), id)).decision, 'deny')
})

test('with @approvers("own") the people behind a request may approve it, but never who makes it', async () => {
  const { context, waiting, mayGive, put } = await openHouse()
  await put(
    POLICIES.replace('@approval("15m")', '@approval("15m") @approvers("own")').replace(
      'principal is Agent',
      'principal',
    ),
  )
  const delegated = await waiting(context([user('uma'), agent('courier')]))
  assert.equal((await mayGive(context([user('uma')]), delegated)).decision, 'allow')
  assert.equal((await mayGive(context([user('sam')]), delegated)).decision, 'allow')
  assert.equal((await mayGive(context([user('uma'), agent('courier')]), delegated)).decision, 'deny')
  const alone = await waiting(context([user('uma')]))
  assert.equal((await mayGive(context([user('uma')]), alone)).decision, 'deny')
  assert.equal((await mayGive(context([user('ada')]), alone)).decision, 'allow')
})

test('who approves what is elevated has used several factors a short time ago', async () => {
  const { context, waiting, mayGive, put, access, clock } = await openHouse()
  await put(`
    permit (principal, action == Action::"training:start", resource);
    @approval("15m") forbid (principal is Agent, action == Action::"training:start", resource);
  `)
  access.putEntities('ladder', [{ uid: { type: 'Agent', id: 'courier' }, attrs: { level: 1 } }])
  const id = await waiting(context([agent('courier')]), {
    action: 'training:start',
    resource: { type: 'TrainingJob', id: 'run' },
  })
  const stale = await mayGive(context([user('ada')]), id)
  assert.equal(stale.decision, 'deny')
  assert.deepEqual(stale.advice, [{ kind: 'step_up', acr: 'aal2', maxAge: 900 }])
  assert.equal((await mayGive(context([user('ada')], { mfaAt: clock.now(), assurance: 2 }), id)).decision, 'allow')
})
