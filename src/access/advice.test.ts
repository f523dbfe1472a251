import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type Authentication,
  type Context,
  fakeClock,
  newTxn,
  type PrincipalId,
  type PrincipalRef,
  type TenantId,
} from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { PolicyFile } from './layers.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })
const clock = fakeClock()
const alice: PrincipalRef = { kind: 'User', id: 'alice' as PrincipalId } // ids of this file
const bob: PrincipalRef = { kind: 'User', id: 'bob' as PrincipalId }
const scout: PrincipalRef = { kind: 'Agent', id: 'scout' as PrincipalId }

async function opened(...policies: readonly PolicyFile[]) {
  const access = openAccess({ schema: read('schema.cedarschema').text, policies: [read('policies/guardrails.cedar')] })
  await access.setPolicies(policies)
  const person = (type: string, id: string, attrs = {}) => ({
    uid: uid(type, id),
    attrs: { name: id, status: 'active', ...attrs },
  })
  access.putEntities('test', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Project', 'churn'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('Dataset', 'calls'), parents: [uid('Project', 'churn')] },
    person('User', 'alice'),
    person('User', 'bob'),
    person('User', 'gone', { status: 'suspended' }),
    person('Agent', 'scout', { sponsor: { __entity: uid('User', 'bob') } }),
  ])
  return access
}

function context(link: PrincipalRef, authentication: Partial<Authentication> = {}): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [link],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() - 1_000_000_000, ...authentication },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

const toAlice: PolicyFile = { name: 'a.cedar', text: '@id("a") permit (principal == User::"alice", action, resource);' }
const write = { action: 'data:write', resource: uid('Dataset', 'calls') }
const readOnly = { ...write, action: 'data:read' }

test('who lacks several factors is told which, and how fresh, and following it helps', async () => {
  const access = await opened(toAlice)
  assert.deepEqual(access.decide(context(alice), write).advice, [{ kind: 'step_up', acr: 'aal2', maxAge: 900 }])
  const at = clock.now() - 900_000
  assert.equal(access.decide(context(alice, { at, assurance: 2, mfaAt: at }), write).decision, 'allow')
})

test('the advice is found by deciding again, whatever the policy says', async () => {
  const forbid = (condition: string): PolicyFile => ({
    name: 'f.cedar',
    text: `forbid (principal, action, resource) unless { ${condition} };`,
  })
  const advice = async (condition: string) =>
    (await opened(toAlice, forbid(condition))).decide(context(alice), readOnly).advice
  assert.deepEqual(await advice('context.authentication.age < 3601'), [{ kind: 'step_up', acr: 'aal1', maxAge: 3600 }])
  assert.deepEqual(await advice('context.authentication has assurance && context.authentication.assurance >= 3'), [
    { kind: 'step_up', acr: 'aal3', maxAge: 86_400 },
  ])
  assert.equal(await advice('context has purpose'), undefined)
})

test('who lacks only a grant may ask for it, and who lacks both is told both', async () => {
  const access = await opened(toAlice)
  assert.deepEqual(access.decide(context(bob), readOnly).advice, [{ kind: 'request_access' }])
  assert.deepEqual(access.decide(context(bob), write).advice, [
    { kind: 'step_up', acr: 'aal2', maxAge: 900 },
    { kind: 'request_access' },
  ])
})

test('where nothing that somebody could do would help, there is no advice', async () => {
  const ceiling: PolicyFile = { name: 'c.cedar', text: '', layer: { kind: 'project', id: 'churn' }, as: 'ceiling' }
  assert.equal((await opened(ceiling)).decide(context(bob), readOnly).advice, undefined, 'above a ceiling')
  const gone: PrincipalRef = { kind: 'User', id: 'gone' as PrincipalId } // an id of this file
  assert.equal((await opened()).decide(context(gone), readOnly).advice, undefined, 'suspended')
  const nobody: PrincipalRef = { kind: 'User', id: 'nobody' as PrincipalId } // a valid id
  assert.equal((await opened()).decide(context(nobody), readOnly).advice, undefined, 'not in the directory')
  assert.equal((await opened()).decide(context(scout), write).advice, undefined, 'an agent has no factors')
})

test('an explanation names policy and value for those who may know, and nothing for others', async () => {
  const auditor: PolicyFile = {
    name: 'auditor.cedar',
    text: 'permit (principal == User::"bob", action == Action::"decision:ask", resource);',
  }
  const access = await opened(toAlice, auditor)
  const asked = context(alice, { at: clock.now(), mfaAt: clock.now() - 3_600_000 })
  const told = access.explain(context(bob), asked, write)
  assert.equal(told.decision.reasons[0]?.policy, 'foundation/fresh-mfa')
  assert.match(told.text.join('\n'), /context\.authentication\.mfaAge is 3600/)
  assert.match(told.text.join('\n'), /@why\("a stolen session/)
  const hidden = access.explain(context(scout), asked, write)
  assert.deepEqual(hidden.text, [])
  assert.deepEqual(
    { ...hidden.decision, revision: '' },
    {
      decision: 'deny',
      reasons: [],
      errors: [],
      revision: '',
      facts: {},
    },
  )
})

test('an explanation says which ceiling refuses', async () => {
  const ceiling: PolicyFile = { name: 'c.cedar', text: '', layer: { kind: 'project', id: 'churn' }, as: 'ceiling' }
  const auditor: PolicyFile = { name: 'all.cedar', text: 'permit (principal == User::"bob", action, resource);' }
  const { text } = (await opened(auditor, ceiling)).explain(context(bob), context(bob), readOnly)
  assert.match(text[0] ?? '', /User::bob: denied\nrefused by ceiling\/c\.cedar: the project churn does not let/)
})
