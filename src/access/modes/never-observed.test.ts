import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeSchema, type EntityJson } from '../../cedar/index.ts'
import {
  type Context,
  fakeClock,
  type Mandate,
  newTxn,
  type PrincipalId,
  type PrincipalKind,
  type TenantId,
} from '../../kernel/index.ts'
import { type Access, openAccess } from '../access.ts'
import { parseTarget } from '../lists/list-entry.ts'
import type { Question } from '../question.ts'
import { mayGoOn } from '../withheld.ts'
import type { Mode } from './mode-target.ts'

// With everything in observe, under the guardrails of the product: what is refused all the same.

const foundation = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })
const clock = fakeClock()
const schema = read('schema.cedarschema').text

const EVERYTHING: ReadonlyMap<string, Mode> = new Map(
  ['tenant', 'route:models', 'route:tools', 'route:decision-point', 'upstream:office', 'upstream:one', 'project:p'].map(
    (target) => [target, 'observe'],
  ),
)

function opened(): Access {
  const access = openAccess(
    { schema, policies: [read('policies/guardrails.cedar')], roles: [read('roles/roles.cedar')] },
    'demo',
  )
  const tenant = uid('Tenant', 'demo')
  const person = (type: string, id: string, status = 'active', sponsor = 'alice'): EntityJson => ({
    uid: uid(type, id),
    attrs: { name: id, status, ...(type === 'Agent' ? { sponsor: { __entity: uid('User', sponsor) } } : {}) },
    parents: [tenant],
  })
  const tool = (id: string, status: string): EntityJson => ({
    uid: uid('Tool', `office/${id}`),
    attrs: { name: id, status, guarded: ['/to'] },
    parents: [uid('ToolServer', 'office')],
  })
  access.putEntities('test', [
    { uid: tenant },
    { uid: uid('Project', 'p'), parents: [tenant] },
    person('User', 'alice'),
    person('User', 'fallen', 'suspended'),
    person('Agent', 'scout'),
    person('Agent', 'stopped', 'suspended'),
    person('Agent', 'orphan', 'active', 'fallen'),
    person('Service', 'app'),
    person('Device', 'door'),
    { uid: uid('Model', 'chat'), attrs: { upstream: 'one' }, parents: [uid('Project', 'p')] },
    { uid: uid('ToolServer', 'office'), attrs: { trusted: false }, parents: [uid('Project', 'p')] },
    tool('send', 'accepted'),
    tool('changed', 'quarantined'),
    { uid: uid('Dataset', 'calls'), parents: [tenant] },
  ])
  access.setModes(EVERYTHING)
  return access
}

interface As {
  readonly chain?: readonly string[]
  readonly scope?: ReadonlySet<string>
  readonly mandate?: Mandate
  readonly address?: string
}

function as({ chain = ['Agent::scout'], scope, mandate, address }: As = {}): Context {
  const links = chain.map((name) => {
    const [kind, id] = name.split('::')
    return { kind: kind as PrincipalKind, id: id as PrincipalId } // names of this file
  })
  const [first, ...rest] = links
  assert.ok(first !== undefined)
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [first, ...rest],
      delegation: undefined,
      ...(mandate === undefined ? {} : { mandate }),
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope,
      credential: 'c',
      expiresAt: clock.now() + 60_000,
    },
    ...(address === undefined ? {} : { address }),
  }
}

const CHAT: Question = { action: 'model:invoke', resource: uid('Model', 'chat') }
const calling = (tool: string, origin: 'user' | 'untrusted' = 'user'): Question => {
  const none = { user: [], system: [], trusted: [], untrusted: [], model: [] }
  return {
    action: 'tool:call',
    resource: uid('Tool', `office/${tool}`),
    call: { arguments: { '/to': 'a@example.com' }, origin: { ...none, [origin]: ['/to'] } },
  }
}
const SEND = calling('send')

function verdict(access: Access, ctx: Context, question: Question) {
  const decision = access.decide(ctx, question)
  return { goesOn: mayGoOn(decision), policies: decision.reasons.map(({ policy }) => policy) }
}

test('without a grant, against a guardrail of its origin, or elevated without a level: it goes on in observe', () => {
  const access = opened()
  assert.deepEqual(verdict(access, as(), CHAT), { goesOn: true, policies: [] })
  assert.deepEqual(verdict(access, as(), SEND), { goesOn: true, policies: [] })
  const steered = verdict(access, as(), calling('send', 'untrusted'))
  assert.deepEqual(steered, { goesOn: true, policies: ['foundation/untrusted-origin'] })
  const writing = { action: 'data:write', resource: uid('Dataset', 'calls') }
  assert.deepEqual(verdict(access, as(), writing), { goesOn: true, policies: ['foundation/earned'] })
})

test('no action of the administration is ever observed, whoever does it', () => {
  const access = opened()
  const admin = describeSchema(schema).actions.filter(({ parents }) => parents.includes('admin'))
  assert.ok(admin.length > 30)
  for (const { id: action, resources, principals } of admin) {
    for (const type of resources) {
      for (const chain of [['User::alice'], ['Agent::scout'], ['Service::app'], ['User::alice', 'Agent::scout']]) {
        if (!principals.includes(chain[0]?.split('::')[0] ?? '')) continue
        const question = { action, resource: uid(type, type === 'Tenant' ? 'demo' : 'x') }
        const decision = access.decide(as({ chain }), question)
        assert.deepEqual([decision.decision, decision.observed], ['deny', undefined], `${action} on ${type}`)
        assert.equal(access.couldAllow(as({ chain }), question), false)
      }
    }
  }
})

test('a suspended principal, and an agent whose sponsor is suspended, do nothing in observe', () => {
  const access = opened()
  for (const chain of [
    ['User::fallen'],
    ['Agent::stopped'],
    ['Agent::orphan'],
    ['User::alice', 'Agent::stopped'],
    ['User::fallen', 'Agent::scout'],
  ]) {
    for (const question of [CHAT, SEND]) {
      assert.equal(verdict(access, as({ chain }), question).goesOn, false, chain.join())
      assert.equal(access.couldAllow(as({ chain }), question), false, chain.join())
    }
  }
})

test('somebody whom nobody knows does nothing in observe', () => {
  assert.equal(verdict(opened(), as({ chain: ['Agent::nobody'] }), CHAT).goesOn, false)
})

test('a credential stays as narrow as it is', () => {
  const access = opened()
  assert.equal(verdict(access, as({ scope: new Set(['tools']) }), CHAT).goesOn, false)
  assert.equal(verdict(access, as({ scope: new Set(['models']) }), SEND).goesOn, false)
  assert.equal(verdict(access, as({ scope: new Set(['models']) }), CHAT).goesOn, true)
  const reading = { action: 'data:read', resource: uid('Dataset', 'calls') }
  assert.equal(verdict(access, as({ scope: new Set(['models', 'tools']) }), reading).goesOn, false)
})

test('a tool that nobody has accepted is not called', () => {
  const access = opened()
  assert.equal(verdict(access, as(), calling('changed')).goesOn, false)
  assert.equal(access.couldAllow(as(), { ...calling('changed'), call: 'unknown' }), false)
})

test('what is on a deny list is refused, and what only lacks from an allow list is observed', () => {
  const access = opened()
  const put = (list: 'deny' | 'allow', target: string) => {
    const parsed = parseTarget(target)
    assert.ok(typeof parsed === 'object')
    const common = { scope: {}, reason: '', source: 'admin', addedBy: 'alice', addedAt: 0, until: undefined }
    access.lists.put([{ ...common, id: `le_${target}`, list, target: parsed }])
  }
  put('deny', 'model:chat')
  assert.equal(verdict(access, as(), CHAT).goesOn, false)
  assert.equal(access.couldAllow(as(), CHAT), false)
  put('deny', 'network:203.0.113.0/24')
  assert.equal(verdict(access, as({ address: '203.0.113.7' }), SEND).goesOn, false)
  assert.equal(verdict(access, as({ address: '198.51.100.7' }), SEND).goesOn, true)
  put('allow', 'tool:office/read')
  const { goesOn, policies } = verdict(access, as(), SEND)
  assert.deepEqual([goesOn, policies], [true, ['list/allow/tool']])
})

test('a mandate is never exceeded, nor the one that it stands within', () => {
  const access = opened()
  const mandate = (actions: readonly string[], resources: Mandate['resources'], within?: Mandate): Mandate => ({
    actions,
    resources,
    expiresAt: clock.now() + 1000,
    ...(within === undefined ? {} : { within }),
  })
  const chain = ['User::alice', 'Agent::scout']
  const all = [uid('Project', 'p')]
  assert.equal(verdict(access, as({ chain, mandate: mandate(['model:invoke'], all) }), CHAT).goesOn, true)
  assert.equal(verdict(access, as({ chain, mandate: mandate(['tool:call'], all) }), CHAT).goesOn, false)
  assert.equal(
    verdict(access, as({ chain, mandate: mandate(['models'], [uid('Model', 'other')]) }), CHAT).goesOn,
    false,
  )
  const within = mandate(['models', 'tools'], all, mandate(['tools'], all))
  assert.equal(verdict(access, as({ chain, mandate: within }), CHAT).goesOn, false)
  const ended = { ...mandate(['models'], all), expiresAt: clock.now() }
  assert.equal(verdict(access, as({ chain, mandate: ended }), CHAT).goesOn, false)
})

test('a tenant can have forbids of its own that refuse always, and no permits', async () => {
  const access = opened()
  await access.setPolicies([
    { name: 'own.cedar', text: '@id("own") @always forbid (principal, action, resource == Model::"chat");' },
  ])
  assert.deepEqual(verdict(access, as(), CHAT), { goesOn: false, policies: ['own'] })
  const permit = [{ name: 'own.cedar', text: '@id("own") @always permit (principal, action, resource);' }]
  await assert.rejects(access.setPolicies(permit), /only a forbid can be @always/)
})

test('the gate that a request came by decides, whatever it is about', () => {
  const access = opened()
  access.setModes(new Map([['route:models', 'observe']]))
  assert.equal(verdict(access, { ...as(), gate: 'models' }, CHAT).goesOn, true)
  assert.equal(verdict(access, { ...as(), gate: 'decision-point' }, CHAT).goesOn, false)
  // What a model proposes goes on where the model's gate is in observe; the call itself is decided at the other gate.
  assert.equal(verdict(access, { ...as(), gate: 'models' }, { ...SEND, isProposed: true }).goesOn, true)
  assert.equal(verdict(access, { ...as(), gate: 'tools' }, SEND).goesOn, false)
  access.setModes(new Map([['upstream:office', 'observe']]))
  assert.equal(verdict(access, { ...as(), gate: 'tools' }, SEND).goesOn, true)
  assert.equal(verdict(access, { ...as(), gate: 'decision-point' }, SEND).goesOn, false)
})
