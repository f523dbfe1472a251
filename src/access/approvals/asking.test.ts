import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Decision, Question } from '../question.ts'
import { agent, openHouse, POLICIES, SEND, sending, user } from './test-house.ts'

test('what cannot ask for an approval is refused with the policies', async () => {
  const { put, access } = await openHouse()
  const wrong = {
    '@approval("15m") permit (principal, action, resource);': /only a forbid can ask for an approval/,
    '@approval("15m") @role("r") permit (principal in ?principal, action, resource);': /only a forbid/,
    '@approval("soon") forbid (principal, action, resource);': /@approval\("soon"\) is no time/,
    '@approval("") forbid (principal, action, resource);': /no time/,
    '@approval forbid (principal, action, resource);': /no time/,
    '@approval("9s") forbid (principal, action, resource);': /from 10s to 7d/,
    '@approval("8d") forbid (principal, action, resource);': /from 10s to 7d/,
    '@approval("015m") forbid (principal, action, resource);': /no time/,
    '@approval("-5m") forbid (principal, action, resource);': /no time/,
    '@approval("15m") @approvers("me") forbid (principal, action, resource);': /neither "others" nor "own"/,
    '@approvers("own") forbid (principal, action, resource);': /@approvers needs @approval/,
  }
  for (const [policy, message] of Object.entries(wrong)) {
    await assert.rejects(put(policy), { code: 'policies_invalid', message }, policy)
  }
  const limit = { name: 'limits.cedar', as: 'limits' as const }
  const text =
    '@id("l") @limit("2/minute") @approval("15m") permit (principal, action == Action::"tool:call", resource);'
  await assert.rejects(access.setPolicies([{ ...limit, text }]), {
    code: 'policies_invalid',
    message: /only a forbid can ask for an approval/,
  })
  for (const time of ['10s', '15m', '12h', '7d']) {
    await put(`@approval("${time}") forbid (principal, action, resource);`)
  }
})

test('an explanation names what an approval lifts, before and after it was given', async () => {
  const { access, context, waiting, approvals } = await openHouse()
  const auditor = context([user('ada')])
  const ctx = context([agent('courier')])
  const before = access.explain(auditor, ctx, SEND)
  assert.ok(before.text.includes('an approval of exactly this by somebody else lifts agree'), before.text.join('\n'))
  const id = await waiting(ctx)
  await approvals.give(id, user('ben').id)
  const after = access.explain(auditor, ctx, SEND)
  assert.ok(after.text.includes(`allowed once all the same: the approval ${id} lifts agree`), after.text.join('\n'))
  // An explanation uses nothing up, and whoever may not know learns nothing of it.
  assert.equal(access.decide(ctx, SEND).approval, id)
  assert.deepEqual(access.explain(context([user('tom')]), ctx, SEND).text, [])
})

test('a tool that can be called after an approval is shown', async () => {
  const { access, context, put } = await openHouse()
  const ctx = context([agent('courier')])
  assert.equal(access.couldAllow(ctx, { ...SEND, call: 'unknown' }), true)
  await put(`${POLICIES} forbid (principal, action, resource == Tool::"office/send");`)
  assert.equal(access.couldAllow(ctx, { ...SEND, call: 'unknown' }), false)
})

/** Statements about one call, some of which ask for an approval. */
const statement = fc.record({
  effect: fc.constantFrom('permit', 'forbid', 'ask'),
  who: fc.constantFrom('principal', 'principal is Agent', 'principal == Agent::"courier"', 'principal is User'),
  what: fc.constantFrom('resource', 'resource == Tool::"office/send"', 'resource in Project::"mail"'),
  when: fc.constantFrom('', 'when { context.chainLength > 1 }', 'unless { context.authentication has mfaAge }'),
})
type Statement = typeof statement extends fc.Arbitrary<infer T> ? T : never

function textOf(statements: readonly Statement[]): string {
  return statements
    .map(({ effect, who, what, when }, at) => {
      const head = effect === 'ask' ? '@approval("15m") forbid' : effect
      return `@id("p${at}") ${head} (${who}, action, ${what}) ${when};`
    })
    .join('\n')
}

const CHAINS = [[agent('courier')], [user('tom'), agent('courier')], [user('tom')]] as const

test('an approval lifts the forbids that ask for one and nothing else, and asking for one never allows more', async () => {
  const { access, approvals, context, put } = await openHouse()
  const question: Question = sending({ '/to': 'carol@example.com' })
  const outcome = (chain: (typeof CHAINS)[number]): Decision => access.decide(context(chain), question)
  let seen = 0
  await fc.assert(
    fc.asyncProperty(fc.array(statement, { maxLength: 5 }), fc.constantFrom(...CHAINS), async (statements, chain) => {
      const without = statements.filter(({ effect }) => effect !== 'ask')
      await put(`${textOf(without)} // without`)
      const lifted = outcome(chain).decision
      const hard = statements.map((one) => (one.effect === 'ask' ? { ...one, effect: 'forbid' as const } : one))
      await put(`${textOf(hard)} // hard`)
      const forbidden = outcome(chain).decision
      await put(`${textOf(statements)} // ${++seen}`)
      // Nothing was approved yet: it asks, or it is as if the forbids were ordinary ones.
      assert.equal(outcome(chain).decision, forbidden)
      const asked = await approvals.ask(context(chain), question)
      if (asked === undefined) {
        assert.ok(forbidden === lifted || lifted === 'deny')
        return
      }
      await approvals.give(asked.id, user('ada').id)
      assert.equal(outcome(chain).decision, 'allow')
      assert.equal(lifted, 'allow')
      assert.equal(outcome(chain).approval, asked.id)
      await approvals.revoke(asked.id, user('ada').id, 'done')
    }),
    { numRuns: 60 },
  )
})
