import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Fleet, openFleet } from '../../examples/fleet/fleet.ts'
import { FIRST_DAY } from '../../examples/fleet/requests.ts'
import { type PolicyFile, recordedDecisions } from '../../src/access/index.ts'
import type { ReplayAsked } from '../../src/http/index.ts'

let fleet: Fleet
before(async () => {
  fleet = await openFleet()
  await fleet.play({ decisions: 2500 })
})
after(() => fleet.close())

test('the policies in force decide what they decided', async () => {
  const report = await replayed({ files: fleet.tenant.revisions.active().files })
  assert.equal(report.candidate, report.active)
  assert.deepEqual([report.newlyAllowed, report.newlyDenied], [0, 0])
  assert.ok(report.decided > 2500, String(report.decided))
  assert.deepEqual(report.unreplayable, {})
})

test('a replay finds exactly what a candidate decides otherwise, and names the records', async () => {
  const files = [...fleet.tenant.revisions.active().files, NO_MAIL]
  const progress: number[] = []
  const report = await replayed({ files }, { onProgress: (done) => progress.push(done) })
  const expected = await allowedOn('office/send_mail')
  assert.ok(expected.length > 0)
  assert.deepEqual([report.newlyAllowed, report.newlyDenied], [0, expected.length])
  assert.deepEqual(report.byPolicy.find(({ name }) => name === 'no-mail')?.denied, expected.length)
  assert.deepEqual(report.titles['no-mail'], 'nobody sends mail')
  assert.ok(report.untouched > 0 && report.untouched < report.decided, 'only calls of tools are decided again')
  for (const { examples, after: now } of report.groups) {
    assert.deepEqual(now, ['no-mail'])
    for (const { index } of examples) assert.ok(expected.includes(index))
  }
  assert.match(report.groups[0]?.principals ?? '', /^Agent of type mail-assistant for User$/)
  assert.ok(progress.length > 1 && progress.every((done, at) => done >= (progress[at - 1] ?? 0)))
})

test('revisions are replayed among what is active, and have evidence of it', async () => {
  const files = [...fleet.tenant.revisions.active().files.filter(isTenants), NO_MAIL]
  const by = [{ kind: 'User', id: 'ada' }] as never // an id of the company
  const { address } = await fleet.tenant.revisions.push({ layer: { kind: 'tenant' }, files, message: 'no mail', by })
  const report = await replayed({ revisions: [address.slice(0, 12)] })
  const { evidence, state } = await fleet.tenant.revisions.find(address)
  const last = evidence.at(-1)
  assert.deepEqual([last?.kind, last?.result, last?.whole], ['replay', 'passed', report.candidate])
  assert.equal(last?.counts.newlyDenied, report.newlyDenied)
  assert.equal(state, 'replayed')
})

test('only the span that was asked for is decided again', async () => {
  const files = fleet.tenant.revisions.active().files
  const day = { from: FIRST_DAY + 86_400_000, to: FIRST_DAY + 2 * 86_400_000 }
  const { from = 0, to = 0, decided } = await replayed({ files }, day)
  assert.ok(from >= day.from && to < day.to && decided > 100)
  await assert.rejects(replayed({ files }, { from: 5, to: 5 }), { code: 'replay_invalid' })
})

test('a candidate that cannot be used is refused, one at a time is replayed, and one can be ended', async () => {
  const broken: PolicyFile = { name: 'x.cedar', text: 'permit (principal, action, resource) when {' }
  await assert.rejects(replayed({ files: [broken] }), { code: 'policies_invalid' })
  await assert.rejects(replayed({ revisions: ['f'.repeat(64)] }), { code: 'revision_unknown' })
  const files = fleet.tenant.revisions.active().files
  const ending = new AbortController()
  const first = replayed({ files }, { signal: ending.signal })
  await assert.rejects(replayed({ files }), { code: 'replay_running' })
  ending.abort()
  await assert.rejects(first, { code: 'replay_invalid' })
  assert.equal((await replayed({ files })).newlyDenied, 0)
})

test('what was forgotten is counted as not replayable', async () => {
  const files = fleet.tenant.revisions.active().files
  const { records } = await replayed({ files })
  const forgotten = await fleet.tenant.log.forgetPerson('kai')
  const report = await replayed({ files })
  assert.ok(forgotten.records > 0)
  assert.equal(report.records, records)
  assert.ok((report.unreplayable.erased ?? 0) > 0)
  assert.deepEqual([report.newlyAllowed, report.newlyDenied], [0, 0])
})

const NO_MAIL: PolicyFile = {
  name: 'no-mail.cedar',
  text: '@id("no-mail")\n@title("nobody sends mail")\nforbid (principal, action == Action::"tool:call", resource == Tool::"office/send_mail");',
}

function isTenants({ layer }: PolicyFile): boolean {
  return layer === undefined || layer.kind === 'tenant'
}

function replayed(candidate: ReplayAsked['candidate'], more: Partial<ReplayAsked> = {}) {
  const signal = new AbortController().signal
  return fleet.tenant.replay({
    candidate,
    from: 0,
    to: undefined,
    by: 'ada',
    attaches: true,
    signal,
    onProgress: () => undefined,
    ...more,
  })
}

async function allowedOn(tool: string): Promise<readonly number[]> {
  const scan = fleet.tenant.log.scan({ kinds: ['decision'] })
  const found: number[] = []
  for (let some = scan.next(); some !== undefined; some = scan.next()) {
    for (const record of some) {
      const decisions = recordedDecisions(record)
      if ('why' in decisions) continue
      for (const { resource, decision, index } of decisions) {
        if (resource.id === tool && decision === 'allow') found.push(index)
      }
    }
  }
  scan.close()
  return found
}
