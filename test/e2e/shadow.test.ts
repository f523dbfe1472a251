import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { type Fleet, openFleet } from '../../examples/fleet/fleet.ts'
import { playRequests } from '../../examples/fleet/play.ts'
import { requestsOf } from '../../examples/fleet/requests.ts'
import type { PolicyFile } from '../../src/access/index.ts'
import { isKind } from '../../src/audit/index.ts'
import { decide } from '../../src/gateway/stages/decide.ts'
import { recordDecision } from '../../src/gateway/stages/record-decision.ts'
import { type Context, newTxn, type PrincipalRef } from '../../src/kernel/index.ts'

const ada = [{ kind: 'User', id: 'ada' }] as unknown as readonly [PrincipalRef] // an id of the company
const noMail: PolicyFile = {
  name: 'no-mail.cedar',
  text: '@id("no-mail")\n@title("nobody sends mail")\nforbid (principal, action == Action::"tool:call", resource == Tool::"office/send_mail");',
}

test('a candidate in shadow says which live decisions differ, goes on after a restart, and decides nothing', async () => {
  const fleet = await openFleet()
  try {
    const requests = requestsOf(fleet.company, { decisions: 4000, misuse: false })
    const half = Math.floor(requests.length / 2)
    const play = (some: typeof requests) => playRequests(some, stageOf(fleet))
    const address = await pushed(fleet, noMail)
    const started = await fleet.tenant.shadows.start([address], { by: ada, ms: 8 * 86_400_000 })
    assert.equal(started.until - started.startedAt, 7 * 86_400_000)
    await assert.rejects(fleet.tenant.shadows.start([address], { by: ada, ms: 1000 }), { code: 'shadow_running' })

    const first = await play(requests.slice(0, half))
    const found = await differing(fleet)
    const { report, counts } = found
    assert.ok(counts.differing > 0 && counts.judged >= counts.differing, JSON.stringify(counts))
    assert.ok(counts.concerned < counts.seen, 'models and data are decided alike')
    assert.deepEqual(
      [...new Set(report.groups.map(({ effect, after }) => `${effect} ${after.join()}`))],
      ['denied no-mail'],
    )
    // What it names is on record, as it was decided: allowed.
    const [example] = report.groups[0]?.examples ?? []
    const record = await fleet.tenant.log.read(example?.index ?? -1)
    assert.ok(record !== undefined && isKind(record, 'decision'))
    assert.equal(record.body.decision, 'allow')
    assert.deepEqual(record.body.resource, { type: 'Tool', id: 'office/send_mail' })
    const { records } = await fleet.tenant.log.search({ kind: 'change', text: '"policy:shadow"' })
    assert.ok(JSON.stringify(records).includes(`"record":${example?.index}`))

    await fleet.reopen()
    await play(requests.slice(half))
    const later = await differing(fleet)
    assert.ok(later.counts.seen > counts.seen)
    const ended = await fleet.tenant.shadows.stop()
    assert.equal(ended.ended?.why, 'it was stopped')
    const { evidence } = await fleet.tenant.revisions.find(address)
    assert.deepEqual(evidence.at(-1)?.kind, 'shadow')
    assert.equal(evidence.at(-1)?.result, 'passed')

    // The same requests without a shadow come to the same.
    const alone = await openFleet()
    const { allowed, denied } = await playRequests(requests.slice(0, half), stageOf(alone))
    await alone.close()
    assert.deepEqual([first.allowed, first.denied], [allowed, denied])
  } finally {
    await fleet.close()
  }
})

test('a shadow ends by itself when its time is over, and when other policies come in force', async () => {
  const fleet = await openFleet()
  try {
    const address = await pushed(fleet, noMail)
    await fleet.tenant.shadows.start([address], { by: ada, ms: 1000 })
    fleet.clock.advance(2000)
    await until(() => fleet.tenant.shadows.status()?.ended !== undefined)
    assert.equal(fleet.tenant.shadows.status()?.ended?.why, 'its time was over')

    await fleet.tenant.shadows.start([address], { by: ada, ms: 60_000 })
    await fleet.tenant.revisions.activate([address], { by: ada, message: 'now' })
    await until(() => fleet.tenant.shadows.status()?.ended !== undefined)
    assert.match(fleet.tenant.shadows.status()?.ended?.why ?? '', /other policies came in force/)
    await assert.rejects(fleet.tenant.shadows.stop(), { code: 'shadow_unknown' })
  } finally {
    await fleet.close()
  }
})

test('each difference names the record of its own decision, however often a conversation asks for the same', async () => {
  const fleet = await openFleet({ policies: 'open' })
  try {
    const { tenant, clock } = fleet
    const noModels = '@id("no-models") forbid (principal, action == Action::"model:invoke", resource);'
    await tenant.shadows.start([await pushed(fleet, { name: 'no-models.cedar', text: noModels })], {
      by: ada,
      ms: 60_000,
    })
    const service = [...tenant.directory.principals()].find(({ kind }) => kind === 'Service') ?? assert.fail()
    const ctx = contextOf(fleet, service)
    const question = { action: 'model:invoke', resource: { type: 'Model', id: fleet.company.models[0]?.id ?? '' } }
    const indices: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(30_000 / 3)
      const decisions = decide(ctx, [question], tenant.access)
      const asked = { questions: [question], decisions, outcome: 'allow' } as const
      indices.push(await recordDecision(ctx, asked, { access: tenant.access, log: tenant.log }))
      await setImmediate()
    }
    await tenant.shadows.stop()
    const { records } = await tenant.log.search({ kind: 'change', text: '"policy:shadow"' })
    const named = records.flatMap((record) =>
      record.erased || !('differences' in record.body) || !Array.isArray(record.body.differences)
        ? []
        : record.body.differences.map(({ record: index }) => index),
    )
    assert.deepEqual(named.sort(), indices)
  } finally {
    await fleet.close()
  }
})

test('a shadow that saw nothing of what it concerns is no evidence for anything', async () => {
  const fleet = await openFleet()
  try {
    const address = await pushed(fleet, noMail)
    await fleet.tenant.shadows.start([address], { by: ada, ms: 60_000 })
    // Whoever stops it is decided on, too, and that says nothing of mail.
    const { access, directory } = fleet.tenant
    const service = [...directory.principals()].find(({ kind }) => kind === 'Service') ?? assert.fail()
    const resource = { type: 'Tenant', id: 'demo' }
    access.decide(contextOf(fleet, service), { action: 'log:read_body', resource })
    assert.equal((await fleet.tenant.shadows.stop()).counts.seen, 1)
    const { evidence, state } = await fleet.tenant.revisions.find(address)
    assert.deepEqual(evidence.at(-1)?.result, 'failed')
    assert.match(evidence.at(-1)?.detail ?? '', /no decision that it concerns was seen/)
    assert.notEqual(state, 'shadowed')
  } finally {
    await fleet.close()
  }
})

async function pushed(fleet: Fleet, more: PolicyFile): Promise<string> {
  const active = fleet.tenant.revisions
    .active()
    .files.filter(({ layer }) => layer === undefined || layer.kind === 'tenant')
  const files = [...active, more]
  const revision = await fleet.tenant.revisions.push({ layer: { kind: 'tenant' }, files, message: 'no mail', by: ada })
  return revision.address
}

function contextOf({ clock, tenant }: Fleet, { kind, id }: PrincipalRef): Context {
  const now = clock.now()
  return {
    tenant: tenant.id,
    txn: newTxn(now),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind, id }],
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: now },
      scope: undefined,
      credential: 'c',
      expiresAt: now + 3_600_000,
    },
  }
}

function stageOf({ company, tenant, clock }: Fleet) {
  return { company, tenant, clock }
}

/** Once what was judged is written down. */
async function differing(fleet: Fleet) {
  let before = -1
  for (;;) {
    await setTimeout(2500)
    const status = fleet.tenant.shadows.status()
    assert.ok(status !== undefined && status.ended === undefined, status?.ended?.why)
    if (status.counts.judged + status.counts.skipped === status.counts.concerned && before === status.counts.judged)
      return status
    before = status.counts.judged
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (isSo()) return
    await setTimeout(100)
  }
  assert.fail('it never came to that')
}
