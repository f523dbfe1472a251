import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Context, fakeClock, newTxn, type PrincipalId, type PrincipalRef, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { RoleGrant } from './roles.ts'

const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })

function house() {
  const clock = fakeClock()
  const access = openAccess(
    {
      schema: read('schema.cedarschema').text,
      policies: [read('policies/guardrails.cedar')],
      roles: [read('roles/roles.cedar')],
    },
    'demo',
  )
  const person = (type: string, id: string, parents: { type: string; id: string }[], attrs = {}) => ({
    uid: uid(type, id),
    attrs: { name: id, status: 'active', ...attrs },
    parents,
  })
  access.putEntities('test', [
    { uid: uid('Tenant', 'demo') },
    { uid: uid('Project', 'churn'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('Environment', 'staging'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('Dataset', 'calls'), parents: [uid('Project', 'churn'), uid('Environment', 'staging')] },
    { uid: uid('Dataset', 'other'), parents: [uid('Tenant', 'demo')] },
    { uid: uid('Group', 'research') },
    { uid: uid('AgentType', 'reader') },
    person('User', 'alice', [uid('Group', 'research')]),
    person('User', 'bob', []),
    person('User', 'carla', [uid('Role', 'data-scientist')]),
    person('Agent', 'scout', [uid('AgentType', 'reader')], { sponsor: { __entity: uid('User', 'bob') } }),
  ])
  const ask = (kind: PrincipalRef['kind'], id: string, dataset: string) => {
    const ctx: Context = {
      tenant: 'demo' as TenantId, // a valid id
      txn: newTxn(clock.now()),
      trace: '0'.repeat(32),
      clock,
      caller: {
        chain: [{ kind, id: id as PrincipalId }], // ids of this file
        delegation: undefined,
        authentication: { method: 'private_key_jwt', at: clock.now() },
        scope: undefined,
        credential: 'c',
        expiresAt: clock.now() + 1000,
      },
    }
    return access.decide(ctx, { action: 'data:read', resource: uid('Dataset', dataset) })
  }
  const give = (...grants: readonly Partial<RoleGrant>[]): void =>
    access.setRoles({
      grants: grants.map((grant) => ({
        role: 'data-scientist',
        assignee: uid('User', 'alice'),
        on: undefined,
        until: undefined,
        ...grant,
      })),
      declared: new Set(),
    })
  return { access, clock, ask, give }
}

test('a role on a project, an environment or one resource is good there, and nowhere else', async () => {
  const { ask, give } = house()
  assert.equal(ask('User', 'alice', 'calls').decision, 'deny')
  for (const on of [uid('Project', 'churn'), uid('Environment', 'staging'), uid('Dataset', 'calls')]) {
    give({ on })
    const decision = ask('User', 'alice', 'calls')
    assert.equal(decision.decision, 'allow')
    assert.equal(decision.reasons[0]?.policy, `role/data-scientist of User::alice on ${on.type}::${on.id}`)
    assert.equal(ask('User', 'alice', 'other').decision, 'deny')
    assert.equal(ask('User', 'bob', 'calls').decision, 'deny')
  }
  give()
  assert.equal(ask('User', 'alice', 'calls').decision, 'deny')
})

test('a role of a group or of an agent type is a role of all who are in it', async () => {
  const { ask, give } = house()
  const on = uid('Project', 'churn')
  give({ assignee: uid('Group', 'research'), on }, { assignee: uid('AgentType', 'reader'), on })
  assert.equal(ask('User', 'alice', 'calls').decision, 'allow')
  assert.equal(ask('Agent', 'scout', 'calls').decision, 'allow')
  assert.equal(ask('User', 'bob', 'calls').decision, 'deny')
})

test('a role everywhere in the tenant is held through the directory', async () => {
  const { ask, give } = house()
  assert.equal(ask('User', 'carla', 'other').decision, 'deny')
  give({ assignee: uid('User', 'carla') })
  assert.equal(ask('User', 'carla', 'other').decision, 'allow')
})

test('a role ends when it ends, with nobody doing anything', async () => {
  const { ask, give, clock } = house()
  give({ on: uid('Project', 'churn'), until: clock.now() + 1000 })
  clock.advance(999)
  assert.equal(ask('User', 'alice', 'calls').decision, 'allow')
  clock.advance(1)
  assert.equal(ask('User', 'alice', 'calls').decision, 'deny')
})

test('who has which role is no part of the revision, and is seen by whoever looks for changes', () => {
  const { access, give } = house()
  const revision = access.revision()
  const bases = new Set([access.basis()])
  give({ on: uid('Project', 'churn') })
  bases.add(access.basis())
  give()
  bases.add(access.basis())
  assert.deepEqual([access.revision(), bases.size], [revision, 3])
})

test('roles stay where policies are replaced', async () => {
  const { access, ask, give } = house()
  give({ on: uid('Project', 'churn') })
  await access.setPolicies([{ name: 'a.cedar', text: 'forbid (principal, action == Action::"data:write", resource);' }])
  assert.equal(ask('User', 'alice', 'calls').decision, 'allow')
})

test('a tenant that declares a role of the same name has its own instead', async () => {
  const { access, ask, clock } = house()
  const grant = {
    role: 'data-scientist',
    assignee: uid('User', 'alice'),
    on: uid('Project', 'churn'),
    until: undefined,
  }
  const roles = { grants: [grant], declared: new Set(['data-scientist']) }
  await assert.rejects(() => access.checkRoles(undefined, roles), { code: 'policies_invalid', message: /no template/ })
  access.setRoles(roles)
  assert.equal(ask('User', 'alice', 'calls').decision, 'deny', 'what no template can limit grants nothing')
  const own =
    '@id("own") @role("data-scientist") permit (principal in ?principal, action == Action::"data:read", resource in ?resource);'
  await access.setPolicies([{ name: 'own.cedar', text: own }])
  await access.checkRoles(undefined, roles)
  assert.equal(ask('User', 'alice', 'calls').reasons[0]?.policy, 'own of User::alice on Project::churn')
  assert.ok(clock.now() > 0)
})

test('a role only grants, and every template is a role', async () => {
  const { access } = house()
  const refused = (text: string) =>
    assert.rejects(() => access.setPolicies([{ name: 'x.cedar', text }]), { code: 'policies_invalid' })
  await refused('@role("x") forbid (principal in ?principal, action, resource in ?resource);')
  await refused('permit (principal in ?principal, action, resource in ?resource);')
})

test('taking a role, ending one, and lacking a fact never allow more', async () => {
  const { access, clock, ask, give } = house()
  await access.setPolicies([
    {
      name: 'working.cedar',
      text: `permit (principal in Group::"research", action == Action::"data:read", resource in Project::"churn") when { context has time && context.time.working };
        forbid (principal, action, resource in Environment::"staging") when { context has network && context.network has country && context.network.country == "XX" };`,
    },
  ])
  const people = [
    ['User', 'alice'],
    ['User', 'bob'],
    ['User', 'carla'],
    ['Agent', 'scout'],
  ] as const
  const decisions = (): readonly string[] =>
    people.flatMap(([kind, id]) => ['calls', 'other'].map((dataset) => ask(kind, id, dataset).decision))
  const fewer = (before: readonly string[], after: readonly string[], why: string): void => {
    after.forEach((decision, i) => {
      if (decision === 'allow') assert.equal(before[i], 'allow', why)
    })
  }
  const role = fc.record({
    role: fc.constantFrom('data-scientist', 'model-trainer', 'inference-client'),
    assignee: fc.constantFrom(
      uid('User', 'alice'),
      uid('User', 'bob'),
      uid('Group', 'research'),
      uid('AgentType', 'reader'),
    ),
    on: fc.constantFrom(uid('Project', 'churn'), uid('Environment', 'staging'), uid('Dataset', 'other')),
    until: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  })
  let allowed = 0
  fc.assert(
    fc.property(fc.array(role, { maxLength: 6 }), fc.nat(5), fc.integer({ min: 1, max: 1000 }), (list, gone, later) => {
      const now = clock.now()
      const grants = list.map((one) => ({ ...one, until: one.until === undefined ? undefined : now + one.until }))
      access.setHours({ timeZone: 'UTC', working: { days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' } })
      give(...grants)
      const all = decisions()
      allowed += all.filter((decision) => decision === 'allow').length
      give(...grants.filter((_, i) => i !== gone))
      fewer(all, decisions(), 'a role less')
      give(...grants)
      access.setHours(undefined)
      fewer(all, decisions(), 'a fact less')
      access.setHours({ timeZone: 'UTC', working: { days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' } })
      clock.advance(later)
      fewer(all, decisions(), 'later')
    }),
    { numRuns: 60 },
  )
  assert.ok(allowed > 50, `only ${allowed} were allowed`)
})
