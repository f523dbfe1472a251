import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identitySections, openDirectory, parseSections } from '../../identity/index.ts'
import {
  type Caller,
  type Context,
  fakeClock,
  newTxn,
  type PrincipalRef,
  parsePrincipalId,
  type TenantId,
} from '../../kernel/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import { openAccess } from '../access.ts'
import type { PolicyFile } from '../layers.ts'
import { resourceEntities, resourceSections } from '../resource-manifest.ts'
import type { AccessRequest } from './access-request.ts'
import { openAccessRequests, type RequestDeps } from './requests.ts'
import type { Wanted } from './wanted-access.ts'

const foundation = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })

const MANIFEST = `
users:
  alice: {}
  bob: {}
  carol: { roles: [tenant-admin] }
  dana: { roles: [{ role: access-approver, on: Project::churn }] }
agents:
  scout: { sponsor: alice, type: assistant }
  helper: { sponsor: carol, type: assistant }
projects: { churn: {}, other: {} }
resources:
  Dataset::calls: { project: churn }
  Table::calls/1: { in: [Dataset::calls] }
  Dataset::elsewhere: { project: other }
  TrainingJob::run1: { project: churn }
roles:
  reader: { title: Reads data }
`
const POLICIES = `
@id("reader") @role("reader")
permit (principal in ?principal, action == Action::"data:read", resource in ?resource);
@id("asks")
permit (principal, action == Action::"access-request:ask", resource == Tenant::"demo");
`

async function opened(t: TestContext, policies: readonly PolicyFile[] = [], store = memoryTenantStore()) {
  const clock = fakeClock()
  const names = globSync('policies/*.cedar', { cwd: foundation }).sort()
  const access = openAccess(
    { schema: read('schema.cedarschema').text, policies: names.map(read), roles: [read('roles/roles.cedar')] },
    'demo',
  )
  const directory = await openDirectory(store, clock, { builtInRoles: access.builtInRoles() })
  const manifest = parseSections(MANIFEST, 'test.yaml', { ...identitySections, ...resourceSections })
  await directory.apply(manifest)
  await access.setPolicies([{ name: 'own.cedar', text: POLICIES }, ...policies])
  access.putEntities('resources', [
    { uid: { type: 'Tenant', id: 'demo' } },
    ...resourceEntities(manifest.sections, 'demo'),
  ])
  const put = () => access.putEntities('directory', directory.entities())
  put()
  directory.onChange(put)
  const ends: string[] = []
  const deps: RequestDeps = {
    tenant: 'demo',
    store,
    clock,
    grantable: access.grantable,
    directory,
    grantsChanged: async () => putRoles(),
    recordEnd: async ({ id }, state) => void ends.push(`${id} ${state}`),
    report: () => (error) => {
      throw error
    },
    every: 5,
  }
  const requests = await openAccessRequests(deps)
  const putRoles = () =>
    access.setRoles({
      grants: [...directory.roleAssignments(), ...requests.grants()],
      declared: new Set([...directory.roles()].map(({ id }) => id)),
    })
  putRoles()
  t.after(() => requests.close())
  const link = (id: string): PrincipalRef => {
    const known = directory.principal(id)
    return { kind: known?.kind ?? 'User', id: parsePrincipalId(id) ?? assert.fail(id) }
  }
  const as = (...ids: [string, ...string[]]): Context => {
    const [first, ...more] = ids
    return contextOf([link(first), ...more.map(link)], clock)
  }
  const may = (who: Context, action: string, resource = calls) => access.decide(who, { action, resource }).decision
  const mayDecide = (who: Context, request: AccessRequest, seconds?: number) =>
    access.decide(who, requests.question(request, 'access-request:decide', seconds))
  return { access, directory, requests, clock, as, may, mayDecide, store, ends, deps }
}

function contextOf(chain: Caller['chain'], clock: { now(): number }): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain,
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

const calls = { type: 'Dataset', id: 'calls' }
const wanted: Wanted = { action: 'data:read', resource: calls, justification: 'the renewal report', seconds: 3600 }
const refused = (code: string) => (error: unknown) => {
  assert.equal((error as { code?: string }).code, code, String(error))
  return true
}

test('what somebody else agrees to is allowed until it ends, and nowhere else', async (t) => {
  const { requests, as, may, mayDecide, clock } = await opened(t)
  assert.equal(may(as('bob'), 'data:read'), 'deny')
  const request = await requests.ask(as('bob'), wanted)
  assert.deepEqual([request.role, request.grants, request.isElevated], ['reader', ['data:read'], false])
  assert.equal(may(as('bob'), 'data:read'), 'deny', 'asking grants nothing')
  assert.equal(mayDecide(as('carol'), request).decision, 'allow')
  await requests.approve(as('carol'), request.id, { note: 'fine' })
  assert.equal(may(as('bob'), 'data:read'), 'allow')
  assert.equal(may(as('bob'), 'data:read', { type: 'Table', id: 'calls/1' }), 'allow')
  assert.equal(may(as('bob'), 'data:read', { type: 'Dataset', id: 'elsewhere' }), 'deny')
  assert.equal(may(as('alice'), 'data:read'), 'deny')
  clock.advance(3600_000 - 1)
  assert.equal(may(as('bob'), 'data:read'), 'allow')
  clock.advance(1)
  assert.equal(may(as('bob'), 'data:read'), 'deny')
  assert.equal(requests.state(await requests.get(request.id)), 'ended')
})

test('what was given can be taken back at once', async (t) => {
  const { requests, as, may } = await opened(t)
  const { id } = await requests.ask(as('bob'), wanted)
  await requests.approve(as('carol'), id, { note: '' })
  await requests.revoke(as('carol'), id, 'no longer needed')
  assert.equal(may(as('bob'), 'data:read'), 'deny')
  await assert.rejects(requests.revoke(as('carol'), id, ''), refused('request_closed'))
})

test('where no role grants just the action, what would be granted is shown, the least first, and asked for by name', async (t) => {
  const { requests, as } = await opened(t)
  const run = { type: 'TrainingJob', id: 'run1' }
  const asked = { ...wanted, action: 'training:read', resource: run }
  const offers = requests.offers(as('bob'), asked)
  assert.deepEqual(
    offers.map(({ role, grants }) => `${role}: ${grants.join(' ')}`),
    [
      'data-scientist: metric:read runlog:read training:read',
      'ml-operator: metric:read runlog:read training:read training:stop',
      'model-trainer: metric:read runlog:read training:read training:start training:stop training:tune',
    ],
  )
  await assert.rejects(requests.ask(as('bob'), asked), (error: Error) => {
    assert.match(error.message, /the least is `data-scientist`, which also grants `metric:read`, `runlog:read`/)
    return refused('request_wider')(error)
  })
  const request = await requests.ask(as('bob'), { ...asked, role: 'model-trainer' })
  assert.equal(request.isElevated, true)
})

test('a whole role is asked for on what holds resources', async (t) => {
  const { requests, as, may } = await opened(t)
  const asked = { ...wanted, action: undefined, role: 'reader', resource: { type: 'Project', id: 'churn' } }
  const { id } = await requests.ask(as('bob'), asked)
  await requests.approve(as('carol'), id, { note: '' })
  assert.equal(may(as('bob'), 'data:read'), 'allow')
  await assert.rejects(requests.ask(as('bob'), asked), refused('request_pointless'), 'it grants nothing more')
})

test('what is allowed already, what no grant helps with, and what is not there is not asked for', async (t) => {
  const { requests, as } = await opened(t)
  const { id } = await requests.ask(as('bob'), wanted)
  await assert.rejects(requests.ask(as('bob'), wanted), refused('request_repeated'))
  await requests.approve(as('carol'), id, { note: '' })
  await assert.rejects(requests.ask(as('bob'), wanted), refused('request_needless'))
  for (const resource of [
    { type: 'Dataset', id: 'unknown' },
    { type: 'Dataset', id: 'tenant-b-secret' },
  ]) {
    await assert.rejects(requests.ask(as('alice'), { ...wanted, resource }), refused('request_pointless'))
  }
  await assert.rejects(requests.ask(as('alice'), { ...wanted, action: 'no:such' }), refused('request_pointless'))
  await assert.rejects(requests.ask(as('alice'), { ...wanted, role: 'nobody-knows' }), refused('request_pointless'))
})

test('a ceiling and a forbid stand above every grant', async (t) => {
  const ceiling = {
    name: 'at-most.cedar',
    as: 'ceiling' as const,
    layer: { kind: 'project' as const, id: 'churn' },
    text: '@id("c") permit (principal, action, resource) unless { resource is Dataset };',
  }
  const { requests, as } = await opened(t, [ceiling])
  await assert.rejects(requests.ask(as('bob'), wanted), refused('request_pointless'))
  const forbid = {
    name: 'no.cedar',
    text: '@id("f") forbid (principal == User::"bob", action, resource in Project::"churn");',
  }
  const other = await opened(t, [forbid])
  await assert.rejects(other.requests.ask(other.as('bob'), wanted), refused('request_pointless'))
  await other.requests.ask(other.as('alice'), wanted)
})

test('a ceiling that came while the request waited stands above its approval', async (t) => {
  const { requests, as, access, may } = await opened(t)
  const { id } = await requests.ask(as('bob'), wanted)
  const own = { name: 'own.cedar', text: POLICIES }
  await access.setPolicies([
    own,
    { name: 'none.cedar', as: 'ceiling', layer: { kind: 'project', id: 'churn' }, text: '' },
  ])
  await assert.rejects(requests.approve(as('carol'), id, { note: '' }), refused('request_pointless'))
  await access.setPolicies([own])
  await requests.approve(as('carol'), id, { note: '' })
  assert.equal(may(as('bob'), 'data:read'), 'allow')
})

test('a role that grants more than when it was asked for is not given', async (t) => {
  const { requests, as, access } = await opened(t)
  const { id } = await requests.ask(as('bob'), wanted)
  const wider = POLICIES.replace(
    'action == Action::"data:read"',
    'action in [Action::"data:read", Action::"data:write"]',
  )
  await access.setPolicies([{ name: 'own.cedar', text: wider }])
  await assert.rejects(requests.approve(as('carol'), id, { note: '' }), refused('request_pointless'))
})

test('nobody decides on what they have a part in, whatever policies say', async (t) => {
  const everybody = {
    name: 'lax.cedar',
    text: '@id("lax") permit (principal, action == Action::"access-request:decide", resource);',
  }
  const { requests, as, mayDecide } = await opened(t, [everybody])
  const own = await requests.ask(as('carol'), wanted)
  const ofAgent = await requests.ask(as('scout'), wanted)
  const forHelper = await requests.ask(as('bob', 'helper'), wanted)
  for (const [request, who] of [
    [own, as('carol')],
    [own, as('helper')],
    [own, as('carol', 'scout')],
    [ofAgent, as('scout')],
    [ofAgent, as('alice')],
    [forHelper, as('bob')],
    [forHelper, as('helper')],
    [forHelper, as('carol')],
  ] as const) {
    const name = who.caller.chain.map(({ id }) => id).join()
    assert.equal(mayDecide(who, request).decision, 'deny', name)
    await assert.rejects(requests.approve(who, request.id, { note: '' }), refused('request_own'), name)
    await assert.rejects(requests.deny(who, request.id, ''), refused('request_own'), name)
  }
  assert.equal(forHelper.subject.id, 'helper')
  assert.equal(mayDecide(as('dana'), forHelper).decision, 'allow')
  await requests.approve(as('dana'), forHelper.id, { note: '' })
})

test('an approver of a project decides on what is in it, and on nothing else', async (t) => {
  const { requests, as, mayDecide } = await opened(t)
  const inside = await requests.ask(as('bob'), wanted)
  const outside = await requests.ask(as('bob'), { ...wanted, resource: { type: 'Dataset', id: 'elsewhere' } })
  assert.equal(mayDecide(as('dana'), inside).decision, 'allow')
  assert.equal(mayDecide(as('dana'), outside).decision, 'deny')
})

test('policies may look at the time that would be given, and less may be given than was asked for', async (t) => {
  const short = {
    name: 'short.cedar',
    text: '@id("short") forbid (principal, action == Action::"access-request:decide", resource) when { resource.seconds > 7200 };',
  }
  const { requests, as, mayDecide, clock, may } = await opened(t, [short])
  await assert.rejects(requests.ask(as('bob'), { ...wanted, seconds: 7201 }), refused('request_pointless'))
  const request = await requests.ask(as('bob'), { ...wanted, seconds: 7200 })
  assert.equal(mayDecide(as('carol'), request, 7201).decision, 'deny')
  await assert.rejects(
    requests.approve(as('carol'), request.id, { seconds: 7201, note: '' }),
    refused('access_request_invalid'),
  )
  await requests.approve(as('carol'), request.id, { seconds: 60, note: '' })
  clock.advance(60_000)
  assert.equal(may(as('bob'), 'data:read'), 'deny')
})

test('what is elevated needs an approver who has just used several factors', async (t) => {
  const { requests, as, mayDecide, clock } = await opened(t)
  const run = { type: 'TrainingJob', id: 'run1' }
  const request = await requests.ask(as('bob'), {
    ...wanted,
    action: 'training:tune',
    resource: run,
    role: 'model-trainer',
  })
  const carol = as('carol')
  assert.equal(mayDecide(carol, request).decision, 'deny')
  const fresh = {
    ...carol,
    caller: { ...carol.caller, authentication: { ...carol.caller.authentication, mfaAt: clock.now() } },
  }
  assert.equal(mayDecide(fresh, request).decision, 'allow')
})

test('of two who decide at once, one does', async (t) => {
  const { requests, as } = await opened(t)
  const { id } = await requests.ask(as('bob'), wanted)
  const ended = await Promise.allSettled([
    requests.approve(as('carol'), id, { note: 'yes' }),
    requests.deny(as('dana'), id, 'no'),
    requests.approve(as('dana'), id, { note: 'yes' }),
    requests.cancel(as('bob'), id, ''),
  ])
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'rejected'],
  )
  assert.equal((await requests.get(id)).decidedBy, 'carol')
})

test('nothing is given to who was suspended, or whose sponsor was; a request that nobody decides ends', async (t) => {
  const { requests, as, directory, clock } = await opened(t)
  const ofAgent = await requests.ask(as('scout'), wanted)
  await directory.setStatus('alice', 'suspended')
  await assert.rejects(requests.approve(as('carol'), ofAgent.id, { note: '' }), refused('request_pointless'))
  await assert.rejects(requests.ask(as('alice'), wanted), refused('request_pointless'))
  await directory.setStatus('alice', 'active')
  clock.advance(7 * 86_400_000)
  await assert.rejects(requests.approve(as('carol'), ofAgent.id, { note: '' }), refused('request_closed'))
})

test('a request that nobody may decide is not made', async (t) => {
  const { requests, as, directory } = await opened(t)
  await directory.setStatus('carol', 'suspended')
  await requests.ask(as('bob'), wanted)
  const elsewhere = { ...wanted, resource: { type: 'Dataset', id: 'elsewhere' } }
  await assert.rejects(requests.ask(as('bob'), elsewhere), refused('request_pointless'))
})

test('access is asked for oneself, with a reason and an end', async (t) => {
  const { requests, as } = await opened(t)
  for (const more of [
    { subject: 'alice' },
    { subject: 'nobody' },
    { justification: ' ' },
    { justification: 'x'.repeat(1001) },
    { seconds: 0 },
    { seconds: 1.5 },
    { seconds: 30 * 86_400 + 1 },
    { action: undefined },
  ]) {
    await assert.rejects(
      requests.ask(as('bob'), { ...wanted, ...more }),
      refused('access_request_invalid'),
      JSON.stringify(more),
    )
  }
})

test('who asks too often, or for too much at once, is held up, and others are not', async (t) => {
  const { requests, as, clock } = await opened(t)
  for (let i = 0; i < 60; i++)
    await assert.rejects(requests.ask(as('bob'), { ...wanted, seconds: 0 }), refused('access_request_invalid'))
  await assert.rejects(requests.ask(as('bob'), wanted), refused('requests_full'))
  await requests.ask(as('alice'), wanted)
  clock.advance(3_600_000)
  await requests.ask(as('bob'), wanted)
})

test('the same key is the same request, and no other', async (t) => {
  const { requests, as } = await opened(t)
  const asking = { idempotency: { key: 'k1', body: 1 } }
  const first = await requests.ask(as('bob'), wanted, asking)
  assert.equal((await requests.ask(as('bob'), { ...wanted }, asking)).id, first.id)
  await assert.rejects(
    requests.ask(as('bob'), wanted, { idempotency: { key: 'k1', body: 2 } }),
    refused('request_repeated'),
  )
  assert.notEqual((await requests.ask(as('alice'), wanted, asking)).id, first.id)
})

test('grants and requests are there again after a restart, and what ended meanwhile is recorded once', async (t) => {
  const before = await opened(t)
  const { as, clock } = before
  const kept = await before.requests.ask(as('bob'), wanted)
  await before.requests.approve(as('carol'), kept.id, { note: '' })
  const waits = await before.requests.ask(as('alice'), wanted)
  const short = await before.requests.ask(as('scout'), { ...wanted, seconds: 60 })
  await before.requests.approve(as('carol'), short.id, { note: '' })
  await before.requests.close()
  clock.advance(60_000)
  const again = await openAccessRequests(before.deps)
  t.after(() => again.close())
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.deepEqual(before.ends, [`${short.id} ended`])
  assert.deepEqual(
    again.grants().map(({ assignee }) => assignee.id),
    ['bob'],
  )
  assert.equal(again.state(await again.get(waits.id)), 'pending')
  assert.deepEqual(
    (await again.list({ state: 'ended', limit: 10 })).map(({ id }) => id),
    [short.id],
  )
})

test('giving access never gives more than the role, to anybody else, or for longer', async (t) => {
  const { requests, as, may, clock } = await opened(t)
  const actions = ['data:read', 'data:write', 'training:stop', 'access-request:ask', 'directory:read']
  const resources = [
    calls,
    { type: 'Dataset', id: 'elsewhere' },
    { type: 'TrainingJob', id: 'run1' },
    { type: 'Tenant', id: 'demo' },
  ]
  const all = () =>
    ['alice', 'bob', 'carol', 'dana', 'scout'].flatMap((who) =>
      resources.flatMap((resource) =>
        actions.map((action) => `${who} ${action} ${resource.id} ${may(as(who), action, resource)}`),
      ),
    )
  const before = all()
  const { id } = await requests.ask(as('bob'), wanted)
  assert.deepEqual(all(), before)
  await requests.approve(as('carol'), id, { note: '' })
  const after = all()
  assert.deepEqual(
    after.filter((line) => !before.includes(line)),
    ['bob data:read calls allow'],
  )
  clock.advance(3_600_000)
  assert.deepEqual(all(), before)
})

test("what a role grants of a tenant's own actions is part of what is asked for", async (t) => {
  const schema: PolicyFile = {
    name: 'shop.cedarschema',
    as: 'schema',
    text: `namespace Shop {
      entity Order in [Project, Tenant];
      action risky in [Action::"elevated"];
      action refund in [Action::"data", risky] appliesTo { principal: [User], resource: [Order] };
    }`,
  }
  const clerk: PolicyFile = {
    name: 'clerk.cedar',
    text: `@id("clerk") @role("clerk")
      permit (principal in ?principal, action == Action::"training:read", resource in ?resource);
      @id("clerk-shop") @role("clerk")
      permit (principal in ?principal, action == Shop::Action::"refund", resource in ?resource);`,
  }
  const { requests, as } = await opened(t, [schema, clerk])
  const project = { type: 'Project', id: 'churn' }
  const asked = { ...wanted, action: undefined, role: 'clerk', resource: project }
  const request = await requests.ask(as('bob'), asked)
  assert.deepEqual([request.grants, request.isElevated], [['Shop::refund', 'training:read'], true])
})
