import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Fleet, openFleet } from '../../examples/fleet/fleet.ts'
import {
  createReplayer,
  differencesTo,
  type RecordedDecision,
  type Replayed,
  recordedDecisions,
} from '../../src/access/index.ts'
import type { ReplayedSpan } from '../../src/http/index.ts'
import { workThroughChanges } from './work-through-changes.ts'

const ALL = { first: 0, limit: 1_000_000 }

let fleet: Fleet

before(async () => {
  fleet = await openFleet()
  await workThroughChanges(fleet, 4200)
})

after(() => fleet.close())

test('every decision comes out the same: through changes, a rollback of policies and a restart', async () => {
  const { decisions, agreed, disagreements, unreplayable } = await replayed()
  assert.deepEqual(disagreements, [])
  assert.deepEqual(unreplayable, {})
  assert.ok(decisions >= 4200)
  assert.equal(agreed, decisions)
})

test('they were made in many states, under several revisions, and not all of one kind', async () => {
  const all = await recorded()
  const kinds = new Set(all.flatMap(({ decision, withheld, reasons }) => [decision, withheld, ...reasons.map(kindOf)]))
  assert.ok(new Set(all.map(({ state }) => state)).size > 5)
  assert.ok(new Set(all.map(({ revision }) => revision)).size >= 2)
  for (const kind of ['allow', 'deny', 'list', 'role', 'mandate', 'limit', 'approval']) assert.ok(kinds.has(kind), kind)
})

test('after one more restart it is still so', async () => {
  await fleet.reopen()
  const { decisions, agreed } = await replayed()
  assert.equal(agreed, decisions)
})

test('other policies than those of then are noticed', async () => {
  const all = await recorded()
  const { address, files, foundation } = await wholeOf(all[0]?.revision)
  const changed = files.map((file) => ({ ...file, text: file.text.replace('staff/models', 'staff/others') }))
  const replayer = await fleet.tenant.history.replayer()
  const candidate = replayer.compile({ foundation, files: changed })
  await replayer.prepare(all)
  const others = all.filter((one) => {
    const again = replayer.replay(one, candidate)
    return one.revision === address && again.kind === 'again' && differencesTo(one, again.decision).length > 0
  })
  assert.ok(others.length > 100)
  assert.ok(others.every(({ reasons }) => reasons.some(({ policy }) => policy === 'staff/models')))
})

test('what is remembered is what would come out', async () => {
  const all = await recorded()
  const { history, revisions } = fleet.tenant
  const deps = { tenant: 'demo', timeline: await history.journal.timeline(), whole: revisions.whole }
  const replayers = [createReplayer(deps), createReplayer({ ...deps, remembers: false })]
  const { files, foundation } = await wholeOf(all[0]?.revision)
  // Another candidate than what decided: half of the people's rights, and a new look at facts.
  const changed = files.map((file) => ({
    ...file,
    text: file.text.replace(
      'when { context.chainLength > 1 }',
      'when { context.chainLength > 1 && context has time && context.time.hour < 14 }',
    ),
  }))
  const [remembering, forgetting] = await Promise.all(
    replayers.map(async (replayer) => {
      await replayer.prepare(all)
      const candidate = replayer.compile({ foundation, files: changed })
      return all.map((one) => [replayer.replay(one), replayer.replay(one, candidate)].map(textOf))
    }),
  )
  assert.deepEqual(remembering, forgetting)
  const others = remembering?.filter(([own, candidate]) => own !== candidate) ?? []
  assert.ok(others.length > 10)
})

test('files that are not those of the address are not taken for them', async () => {
  const [first] = await recorded()
  assert.ok(first !== undefined)
  const { files, foundation } = await wholeOf(first.revision)
  const timeline = await fleet.tenant.history.journal.timeline()
  const replayer = createReplayer({
    tenant: 'demo',
    timeline,
    whole: async () => ({ foundation, files: files.slice(1) }),
  })
  await replayer.prepare([first])
  assert.deepEqual(replayer.replay(first), { kind: 'cannot', why: 'revision_unknown' })
})

test('roles, people or lists that were not so are noticed', async () => {
  for (const key of ['["roles","User"%', '["entity","directory","Agent"%', '["list"%']) {
    await tampered(key, async () => {
      const { disagreed, agreed } = await replayed()
      assert.ok(disagreed > 0, key)
      assert.ok(agreed > 0, key)
    })
  }
})

test('a state that a crash has taken is not guessed', async () => {
  const all = await recorded()
  const last = all.at(-1)?.state ?? 0
  const timeline = await fleet.tenant.history.journal.timeline()
  assert.ok(timeline.knows(last))
  const replayer = await fleet.tenant.history.replayer()
  const [one] = all
  assert.ok(one !== undefined)
  await replayer.prepare([one])
  assert.deepEqual(replayer.replay({ ...one, state: last + 1 }), { kind: 'cannot', why: 'state_unknown' })
})

// The last one: it takes somebody out of everything above.
test('who is forgotten is in no state any more, and nothing that looked at them counts as agreeing', async () => {
  const person = 'jude'
  const before = await replayed()
  const forgotten = await fleet.tenant.log.forgetPerson(person)
  assert.ok(forgotten.records > 0)
  const { changes } = await fleet.tenant.history.journal.forget(person)
  assert.ok(changes > 0)
  const { disagreements, unreplayable, agreed, records } = await replayed()
  assert.deepEqual(disagreements, [])
  assert.equal(records, before.records)
  assert.equal(unreplayable.erased, forgotten.records)
  // Jude answers for agents, who act for others too.
  assert.ok((unreplayable.state_erased ?? 0) > 0)
  assert.ok(agreed > 0 && agreed < before.agreed)
  const rows = await (await store()).read((q) => q.selectFrom('world_changes').selectAll().orderBy('version').execute())
  const named = rows.filter(({ key, value }) => `${key} ${value}`.includes('"jude"'))
  const newest = rows.at(-1)?.version
  assert.ok(named.length > 0 && named.every(({ version }) => version === newest), 'only what is so now')
})

test('what is decided from then on can be made again', async () => {
  await fleet.play({ decisions: 300, seed: 99 })
  const { disagreed, agreed } = await replayed()
  assert.equal(disagreed, 0)
  const all = await recorded()
  assert.ok(all.filter(({ chain }) => chain.some(({ id }) => id === 'jude')).length > 0)
  assert.ok(agreed > 0)
})

function replayed(): Promise<ReplayedSpan> {
  return fleet.tenant.history.replaySelf(ALL)
}

async function recorded(): Promise<readonly RecordedDecision[]> {
  const scan = fleet.tenant.log.scan({ kinds: ['decision'] })
  const found: RecordedDecision[] = []
  for (let some = scan.next(); some !== undefined; some = scan.next()) {
    for (const record of some) {
      const read = recordedDecisions(record)
      if (!('why' in read)) found.push(...read)
    }
  }
  scan.close()
  return found
}

function textOf(replayed: Replayed): string {
  if (replayed.kind === 'cannot') return replayed.why
  const { facts: _, ...decision } = replayed.decision
  return JSON.stringify([decision, replayed.isUnlimited])
}

function kindOf({ policy }: { readonly policy: string }): string {
  if (policy.startsWith('list/')) return 'list'
  return policy.includes(' of ') ? 'role' : policy
}

async function wholeOf(revision = '') {
  return (await fleet.tenant.revisions.whole(revision)) ?? assert.fail('the revision is kept')
}

function store() {
  return fleet.stores.tenant(fleet.tenant.id)
}

/** As if these had never been there. */
async function tampered(key: string, work: () => Promise<void>): Promise<void> {
  const db = await store()
  const rows = await db.read((q) => q.selectFrom('world_changes').selectAll().where('key', 'like', key).execute())
  assert.ok(rows.length > 0, key)
  await db.write((q) => q.updateTable('world_changes').set({ value: null }).where('key', 'like', key).execute())
  await fleet.reopen()
  await work()
  await db.write((q) => q.deleteFrom('world_changes').where('key', 'like', key).execute())
  for (let at = 0; at < rows.length; at += 200) {
    await db.write((q) =>
      q
        .insertInto('world_changes')
        .values(rows.slice(at, at + 200))
        .execute(),
    )
  }
  await fleet.reopen()
}
