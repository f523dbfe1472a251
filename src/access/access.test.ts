import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Context, fakeClock, newTxn, type PrincipalId, type PrincipalRef, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { CallFacts, Question } from './question.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name, text: readFileSync(join(foundation, name), 'utf8') })
const clock = fakeClock()

const ref = (kind: PrincipalRef['kind'], id: string): PrincipalRef => ({ kind, id: id as PrincipalId }) // ids of this file
const uid = (type: string, id: string) => ({ type, id })

function context(chain: readonly [PrincipalRef, ...PrincipalRef[]], scope?: readonly string[]): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain,
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() - 2_500 },
      scope: scope === undefined ? undefined : new Set(scope),
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

async function opened(statuses: Readonly<Record<string, string>> = {}) {
  const access = openAccess({
    schema: read('schema.cedarschema').text,
    policies: [read('policies/guardrails.cedar')],
  })
  await access.setPolicies([read('demo/policies/demo.cedar')])
  const principal = (type: string, id: string, parents: { type: string; id: string }[], attrs = {}) => ({
    uid: uid(type, id),
    attrs: { name: id, status: statuses[id] ?? 'active', ...attrs },
    parents,
  })
  access.putEntities('directory', [
    { uid: uid('Role', 'inference-client'), attrs: {}, parents: [] },
    { uid: uid('Role', 'security-admin'), attrs: {}, parents: [] },
    { uid: uid('AgentType', 'assistant'), attrs: {}, parents: [] },
    principal('User', 'alice', []),
    principal('User', 'olivia', [uid('Role', 'security-admin')]),
    principal('Service', 'chat-app', [uid('Role', 'inference-client')]),
    principal('Agent', 'scout', [uid('AgentType', 'assistant')], { sponsor: { __entity: uid('User', 'alice') } }),
    principal('Agent', 'stray', [], { sponsor: { __entity: uid('User', 'alice') } }),
  ])
  const tool = (name: string, status: string, guarded: string[]) => ({
    uid: uid('Tool', `office/${name}`),
    attrs: { name, status, guarded },
    parents: [uid('ToolServer', 'office')],
  })
  access.putEntities('catalog', [
    { uid: uid('ToolServer', 'office'), attrs: { trusted: false }, parents: [] },
    { uid: uid('Model', 'm'), attrs: { upstream: 'u' }, parents: [] },
    { uid: uid('Tenant', 'demo'), attrs: {}, parents: [] },
    tool('send_message', 'accepted', ['/to']),
    tool('changed', 'quarantined', []),
  ])
  return access
}

const scout = ref('Agent', 'scout')
const invoke: Question = { action: 'model:invoke', resource: uid('Model', 'm') }
const nothing: CallFacts['origin'] = { user: [], system: [], trusted: [], untrusted: [], model: [] }
const send = (
  origin: Partial<CallFacts['origin']>,
  args: Record<string, string> = { '/to': 'bob@example.com' },
): Question => ({
  action: 'tool:call',
  resource: uid('Tool', 'office/send_message'),
  call: { arguments: args, origin: { ...nothing, ...origin } },
})
const policies = (decision: { reasons: readonly { policy: string }[] }) => decision.reasons.map(({ policy }) => policy)

test('an agent invokes a model by the policy of its type', async () => {
  const decision = (await opened()).decide(context([scout]), invoke)
  assert.equal(decision.decision, 'allow')
  assert.deepEqual(policies(decision), ['demo/assistant-models'])
  assert.deepEqual(decision.facts.authentication, { method: 'private_key_jwt', age: 2 })
})

test('who is not permitted is denied, with no policy to name', async () => {
  const decision = (await opened()).decide(context([ref('Agent', 'stray')]), invoke)
  assert.equal(decision.decision, 'deny')
  assert.deepEqual(decision.reasons, [])
  assert.equal(decision.remedy, 'ask an administrator for access')
})

test('a principal that no directory knows is denied', async () => {
  assert.equal((await opened()).decide(context([ref('User', 'nobody')]), invoke).decision, 'deny')
})

test('every link of the chain must be allowed', async () => {
  const access = await opened()
  assert.equal(access.decide(context([ref('Service', 'chat-app'), scout]), invoke).decision, 'allow')
  const denied = access.decide(context([ref('User', 'alice'), scout]), invoke)
  assert.equal(denied.decision, 'deny')
  assert.equal(access.decide(context([scout, ref('Agent', 'stray')]), invoke).decision, 'deny')
})

test('suspending an agent, or its sponsor, denies what it does', async () => {
  assert.deepEqual(policies((await opened({ scout: 'suspended' })).decide(context([scout]), invoke)), [
    'foundation/suspended',
  ])
  assert.deepEqual(policies((await opened({ alice: 'suspended' })).decide(context([scout]), invoke)), [
    'foundation/sponsor',
  ])
})

test('a credential that is narrowed stays narrow', async () => {
  const access = await opened()
  assert.equal(access.decide(context([scout], ['models']), invoke).decision, 'allow')
  assert.deepEqual(policies(access.decide(context([scout], ['tools']), invoke)), ['foundation/scope-models'])
  assert.equal(access.decide(context([scout], []), send({ user: ['/to'] })).decision, 'deny')
})

test('a message goes where the user said, and nowhere that untrusted content or the model named', async () => {
  const access = await opened()
  const decide = (question: Question) => access.decide(context([scout]), question)
  assert.equal(decide(send({ user: ['/to'] })).decision, 'allow')
  assert.equal(decide(send({ system: ['/to'] })).decision, 'allow')
  assert.deepEqual(policies(decide(send({ untrusted: ['/to'] }))), ['foundation/untrusted-origin'])
  assert.deepEqual(policies(decide(send({ model: ['/to'] }))), ['foundation/invented-value'])
  assert.equal(decide(send({ user: ['/to'], untrusted: ['/body'], model: ['/subject'] })).decision, 'allow')
  assert.match(decide(send({ untrusted: ['/to'] })).remedy ?? '', /use a value that the user named first/)
})

test('one recipient among many that the user did not name denies the message', async () => {
  const access = await opened()
  const decision = access.decide(
    context([scout]),
    send({ user: ['/to/0'], untrusted: ['/to/1'] }, { '/to/0': 'bob@example.com', '/to/1': 'eve@example.com' }),
  )
  assert.deepEqual(policies(decision), ['foundation/untrusted-origin'])
})

test('a call whose arguments nobody stated is denied', async () => {
  const question: Question = { action: 'tool:call', resource: uid('Tool', 'office/send_message') }
  const decision = (await opened()).decide(context([scout]), question)
  assert.equal(decision.decision, 'deny')
  assert.ok(decision.errors.length > 0)
})

test('a quarantined tool cannot be called, and is not shown', async () => {
  const access = await opened()
  const question: Question = {
    action: 'tool:call',
    resource: uid('Tool', 'office/changed'),
    call: { arguments: {}, origin: nothing },
  }
  assert.deepEqual(policies(access.decide(context([scout]), question)), ['foundation/quarantine'])
  assert.equal(access.couldAllow(context([scout]), { ...question, call: 'unknown' }), false)
})

test('a tool is shown exactly to those who could call it with some arguments', async () => {
  const access = await opened()
  const question: Question = { action: 'tool:call', resource: uid('Tool', 'office/send_message'), call: 'unknown' }
  assert.equal(access.couldAllow(context([scout]), question), true)
  assert.equal(access.couldAllow(context([ref('Service', 'chat-app')]), question), false)
  assert.equal(access.couldAllow(context([scout], ['models']), question), false)
  await access.setPolicies([
    {
      name: 'narrow',
      text: `permit (principal, action == Action::"tool:call", resource)
        when { context.arguments.hasTag("/to") && context.arguments.getTag("/to") == "bob@example.com" };`,
    },
  ])
  assert.equal(access.couldAllow(context([ref('Agent', 'stray')]), question), true)
  assert.equal(access.decide(context([ref('Agent', 'stray')]), send({ user: ['/to'] })).decision, 'allow')
  assert.equal(
    access.decide(context([ref('Agent', 'stray')]), send({ user: ['/to'] }, { '/to': 'eve@example.com' })).decision,
    'deny',
  )
})

test('only a security administrator administers', async () => {
  const access = await opened()
  const suspend: Question = { action: 'principal:suspend', resource: uid('Tenant', 'demo') }
  assert.equal(access.decide(context([ref('User', 'olivia')]), suspend).decision, 'allow')
  assert.equal(access.decide(context([ref('User', 'olivia')], ['models']), suspend).decision, 'deny')
  assert.equal(access.decide(context([ref('User', 'alice')]), suspend).decision, 'deny')
  assert.equal(
    access.decide(context([ref('User', 'olivia')]), { ...suspend, resource: uid('Tenant', 'other') }).decision,
    'deny',
  )
})

test('policies that cannot be used are refused, and those in force stay', async () => {
  const access = await opened()
  const before = access.revision()
  await assert.rejects(() => access.setPolicies([{ name: 'broken.cedar', text: 'permit (principal' }]), {
    code: 'policies_invalid',
    message: /broken\.cedar/,
  })
  await assert.rejects(
    () =>
      access.setPolicies([
        { name: 'typo.cedar', text: 'permit (principal, action == Action::"model:invok", resource);' },
      ]),
    {
      code: 'policies_invalid',
    },
  )
  assert.equal(access.revision(), before)
  assert.equal(access.decide(context([scout]), invoke).decision, 'allow')
})

test('a changed policy is seen by the next decision, under another revision', async () => {
  const access = await opened()
  const before = access.revision()
  await access.setPolicies([])
  assert.notEqual(access.revision(), before)
  assert.equal(access.decide(context([scout]), invoke).decision, 'deny')
})
