import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  fakeClock,
  newDelegationId,
  newTxn,
  parsePrincipalId,
  parseTenantId,
} from '../../kernel/index.ts'
import { createOriginMemory } from '../origin/index.ts'
import { conversationOf, type GatewayPorts } from '../ports.ts'
import type { Arrival } from '../protocol.ts'
import { goOn } from './go-on.ts'

const clock = fakeClock()
const ref = (name: string) => ({ kind: 'Agent' as const, id: parsePrincipalId(name) ?? assert.fail() })

function rig() {
  const origin = createOriginMemory(clock)
  const go = (ctx: Context, header: string | undefined): Context =>
    // Of both, nothing else is looked at.
    goOn(
      ctx,
      { headers: header === undefined ? {} : { 'sallyport-txn': header } } as Arrival,
      { origin } as unknown as GatewayPorts,
    )
  return { origin, go }
}

function contextOf(...names: readonly [string, ...string[]]): Context {
  const [first, ...rest] = names.map(ref)
  return {
    tenant: parseTenantId('demo') ?? assert.fail(),
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [first ?? assert.fail(), ...rest],
      delegation: rest.length > 0 ? newDelegationId(clock.now()) : undefined,
      authentication: { method: 'private_key_jwt', at: 0 },
      scope: undefined,
      credential: 'at_1',
      expiresAt: 1,
    },
  }
}

test('without the header a request stands under the id of its credential', () => {
  const { go } = rig()
  const ctx = contextOf('helper')
  assert.equal(go(ctx, undefined), ctx)
  assert.equal(go(ctx, ctx.txn), ctx)
  assert.notEqual(go(ctx, 'new').txn, ctx.txn)
})

test('what somebody did in a delegation is not gone on with on their own account, nor the other way round', () => {
  const { origin, go } = rig()
  const delegated = contextOf('app', 'helper')
  origin.observe(conversationOf(delegated), { kind: 'user' }, 'hello')
  const own = contextOf('helper')
  assert.throws(() => go(own, delegated.txn), { code: 'txn_unknown' })
  origin.observe(conversationOf(own), { kind: 'user' }, 'hello')
  assert.throws(() => go(delegated, own.txn), { code: 'txn_unknown' })
  assert.throws(() => go(delegated, 'new'), { code: 'txn_unknown' })
  assert.equal(go(delegated, delegated.txn), delegated)
  assert.equal(go(contextOf('helper'), own.txn).txn, own.txn)
})
