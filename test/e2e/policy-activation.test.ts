import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fleet, openFleet } from '../../examples/fleet/fleet.ts'
import { type PolicyFile, revisionAddress, type TestFile } from '../../src/access/index.ts'
import { isKind } from '../../src/audit/index.ts'
import { administer } from '../../src/http/administration.ts'
import { policyRoutes } from '../../src/http/api/policy.ts'
import type { Call, Route } from '../../src/http/route.ts'
import { type Context, newTxn } from '../../src/kernel/index.ts'

const PROJECT = { kind: 'project', id: 'churn' } as const

test('what came after the decision about its name is not brought in force by it', async () => {
  const fleet = await openFleet({ policies: 'open' })
  try {
    const { tenant } = fleet
    const files = [...tenant.revisions.active().files.filter(({ layer }) => layer === undefined), noDoors]
    const address = revisionAddress({ kind: 'tenant' }, files)
    const ctx = contextOf(fleet)
    const before = tenant.revisions.active().whole
    const activation = request('POST', '/t/:tenant/api/policy/activations', {
      tenant,
      ctx,
      body: { revisions: [address], lockOut: false },
    })
    // Nothing is there yet, so that it is decided on like the tenant.
    const { question } = await activation.decide()
    assert.equal(question.resource.type, 'Tenant')
    await tenant.revisions.push({ layer: { kind: 'tenant' }, files, message: 'late', by: ctx.caller.chain })
    await assert.rejects(activation.handle(), { code: 'revision_conflict' })
    assert.equal(tenant.revisions.active().whole, before)

    const reading = request('GET', '/t/:tenant/api/policy/revisions/:revision', {
      tenant,
      ctx: contextOf(fleet),
      params: { revision: '0000' },
    })
    await reading.decide()
    await assert.rejects(reading.handle(), { code: 'revision_unknown' })
  } finally {
    await fleet.close()
  }
})

test('of revisions that are activated together, each record says what came of it', async () => {
  const fleet = await openFleet({ policies: 'open' })
  try {
    const { tenant } = fleet
    const ctx = contextOf(fleet)
    const push = (layer: Parameters<typeof revisionAddress>[0], files: readonly (PolicyFile | TestFile)[]) =>
      tenant.revisions.push({ layer, files, message: 'a change', by: ctx.caller.chain })
    const failing: TestFile = {
      name: 'a.test.yaml',
      as: 'tests',
      text: 'cases: [{ name: never, by: nobody, action: model:invoke, resource: Model::x, expect: allow }]',
    }
    const own = { name: 'own.cedar', text: '@id("own") permit (principal, action, resource);', layer: PROJECT }
    const active = tenant.revisions.active().files.filter(({ layer }) => layer === undefined)
    const all = [await push({ kind: 'tenant' }, [...active, noDoors, failing]), await push(PROJECT, [own])]
    const activation = request('POST', '/t/:tenant/api/policy/activations', {
      tenant,
      ctx,
      body: { revisions: all.map(({ address }) => address), lockOut: false },
    })
    const { decide, handle } = activation
    const operation = { action: 'policy:activate', summary: 'activate', target: {}, decide }
    await assert.rejects(administer(tenant, ctx, operation, handle), { code: 'tests_failed' })
    const outcomes = (await tenant.log.byTxn(ctx.txn)).flatMap((record) =>
      isKind(record, 'outcome') ? [record.body.status] : [],
    )
    assert.deepEqual(outcomes, ['failed', 'failed'])
  } finally {
    await fleet.close()
  }
})

test('an approval of an activation is none of one that may lock everybody out', async () => {
  const fleet = await openFleet({ policies: 'open' })
  try {
    const { tenant } = fleet
    const ctx = contextOf(fleet)
    const active = tenant.revisions.active().files.filter(({ layer }) => layer === undefined)
    const by = ctx.caller.chain
    const { address } = await tenant.revisions.push({
      layer: { kind: 'tenant' },
      files: [...active, noDoors],
      message: 'one',
      by,
    })
    const described = async (lockOut: boolean): Promise<unknown> => {
      const body = { revisions: [address], lockOut }
      const { decide } = request('POST', '/t/:tenant/api/policy/activations', { tenant, ctx: contextOf(fleet), body })
      return (await decide()).question.described
    }
    assert.deepEqual(await described(false), await described(false))
    assert.notDeepEqual(await described(true), await described(false))
  } finally {
    await fleet.close()
  }
})

const noDoors: PolicyFile = {
  name: 'no-doors.cedar',
  text: '@id("no-doors") forbid (principal, action == Action::"door:open", resource);',
}

/** A request as the server puts it to a route, its decision apart from what it does. */
function request(method: Route['method'], path: string, given: Partial<Call> & Pick<Call, 'ctx' | 'tenant'>) {
  const found = policyRoutes.find((route) => route.method === method && route.path === path)
  const { decide, handle } = found ?? {}
  if (decide === undefined || handle === undefined) throw new TypeError(`no route ${method} ${path}`)
  // Of a call, these routes look at no more.
  const call = { params: {}, note: () => undefined, described: null, ...given } as unknown as Call & {
    readonly described: null
  }
  return { decide: () => decide(call), handle: () => handle(call) }
}

/** A service that the open policies let do everything. */
function contextOf({ clock, tenant }: Fleet): Context {
  const service = [...tenant.directory.principals()].find(({ kind }) => kind === 'Service') ?? assert.fail()
  const now = clock.now()
  return {
    tenant: tenant.id,
    txn: newTxn(now),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: service.kind, id: service.id }],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: now },
      scope: undefined,
      credential: 'c',
      expiresAt: now + 3_600_000,
    },
  }
}
