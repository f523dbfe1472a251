import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Context, fakeClock, newTxn, parsePrincipalId, parseTenantId } from '../../kernel/index.ts'
import type { ToolEntry } from '../catalog/index.ts'
import { createOriginMemory } from '../origin/index.ts'
import { questionsOf } from './tool-calls.ts'

const clock = fakeClock()
const helper = { kind: 'Agent', id: parsePrincipalId('helper') ?? assert.fail() } as const
const ctx: Context = {
  tenant: parseTenantId('demo') ?? assert.fail(),
  txn: newTxn(clock.now()),
  trace: '0af7651916cd43dd8448eb211c80319c',
  clock,
  caller: {
    chain: [helper],
    delegation: undefined,
    authentication: { method: 'private_key_jwt', at: clock.now() },
    scope: undefined,
    credential: 'at_1',
    expiresAt: clock.now() + 1000,
  },
}

function tool(server: string, guarded: readonly string[] = []): ToolEntry {
  return {
    server,
    name: 'send',
    digest: 'x',
    definition: { name: 'send', inputSchema: { properties: { to: {} } } },
    status: 'accepted',
    accepted: undefined,
    guarded,
    decidedBy: 'first',
    seenAt: 0,
    decidedAt: 0,
  }
}

function ask(tools: readonly ToolEntry[], args: object) {
  // Only the names are asked for here.
  const catalog = { toolsMeant: () => tools } as unknown as Parameters<typeof questionsOf>[2]['catalog']
  return questionsOf(
    ctx,
    { name: 'send', arguments: JSON.stringify(args) },
    { catalog, origin: createOriginMemory(clock) },
  )
}

test('a name that several servers use is decided for each of them', () => {
  const questions = ask([tool('office', ['/to']), tool('other')], { to: 'eve@evil.co' })
  assert.deepEqual(
    questions.map(({ resource }) => resource.id),
    ['office/send', 'other/send'],
  )
  const local = ask([], { to: 'eve@evil.co' })
  assert.deepEqual([local.length, local[0]?.resource.id], [1, 'local/send'])
})

test('an argument that a lenient server would take for another one is refused before the client has it', () => {
  assert.equal(ask([tool('office')], { to: 'bob' })[0]?.undecidable, undefined)
  assert.match(ask([tool('office')], { To: 'eve' })[0]?.undecidable ?? '', /`To` is not `to`/)
})
