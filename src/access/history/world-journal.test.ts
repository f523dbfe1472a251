import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../kernel/index.ts'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import { openAccess } from '../access.ts'
import { openWorldJournal } from './world-journal.ts'

const SCHEMA = `
entity Tenant;
entity Group in [Tenant];
entity User in [Group, Tenant] { level?: Long, helper?: User };
action read appliesTo { principal: [User], resource: [Tenant], context: {} };
`
const ALICE = '["entity","directory","User","alice"]'
const BOB = '["entity","directory","User","bob"]'

function user(id: string, attrs: object = {}) {
  return { uid: { type: 'User', id }, attrs: { ...attrs }, parents: [] }
}

function house(store: TenantStore = memoryTenantStore()) {
  const clock = fakeClock(1_000_000)
  const access = openAccess({ schema: SCHEMA, policies: [] }, 'demo')
  const reported: unknown[] = []
  return {
    store,
    clock,
    access,
    reported,
    open: () => openWorldJournal({ store, access, clock, report: (error) => reported.push(error) }),
  }
}

test('each change is a state of its own, and every state stays what it was', async () => {
  const { access, open } = house()
  access.putEntities('directory', [user('alice', { level: 1 })])
  const journal = await open()
  const before = journal.version
  access.changeEntities('directory', { put: [{ entity: user('alice', { level: 2 }) }, { entity: user('bob') }] })
  const between = journal.version
  access.changeEntities('directory', { remove: [{ type: 'User', id: 'bob' }] })
  access.changeEntities('directory', { remove: [{ type: 'User', id: 'bob' }] })
  const timeline = await journal.timeline()
  assert.deepEqual([between - before, journal.version - before], [1, 2], 'what changes nothing is no state')
  const level = (version: number) => JSON.parse(timeline.valueAt(ALICE, version) ?? '{}').attrs.level
  assert.deepEqual([before, between, journal.version].map(level), [1, 2, 2])
  assert.deepEqual(
    [before, between, journal.version].map((version) => timeline.valueAt(BOB, version) !== undefined),
    [false, true, false],
  )
  assert.deepEqual([...timeline.changedBetween(between, before)].sort(), [ALICE, BOB])
  assert.deepEqual(
    [timeline.knows(before), timeline.knows(before - 1), timeline.knows(between + 2)],
    [true, false, false],
  )
  await journal.close()
})

test('what has changed while nobody was there is a new state, and what is the same is not kept twice', async () => {
  const first = house()
  first.access.putEntities('directory', [user('alice'), user('bob')])
  const journal = await first.open()
  const before = journal.version
  await journal.close()
  const second = house(first.store)
  second.access.putEntities('directory', [user('alice')])
  const again = await second.open()
  assert.ok(again.version > before)
  const timeline = await again.timeline()
  assert.deepEqual([...timeline.changedBetween(before, again.version)], [BOB])
  assert.equal(timeline.valueAt(BOB, again.version), undefined)
  assert.notEqual(timeline.valueAt(ALICE, again.version), undefined)
  await again.close()
})

test('what a crash has taken has a version that nothing else ever has', async () => {
  const store = memoryTenantStore()
  let isBroken = false
  const breaking: TenantStore = {
    ...store,
    read: (work) => store.read(work),
    write: (work) => (isBroken ? Promise.reject(new Error('the disk is full')) : store.write(work)),
  }
  const first = house(breaking)
  first.access.putEntities('directory', [user('alice')])
  const journal = await first.open()
  const kept = journal.version
  isBroken = true
  first.access.changeEntities('directory', { put: [{ entity: user('bob') }] })
  const lost = journal.version
  await assert.rejects(journal.durable(), { message: 'the disk is full' })
  await journal.close()
  assert.ok(first.reported.length > 0, 'somebody is told')
  const second = house(store)
  second.access.putEntities('directory', [user('alice', { level: 3 })])
  const again = await second.open()
  for (const id of ['carol', 'dave']) second.access.changeEntities('directory', { put: [{ entity: user(id) }] })
  const timeline = await again.timeline()
  assert.deepEqual(
    [kept, lost, again.version].map((version) => timeline.knows(version)),
    [true, false, true],
  )
  assert.ok(again.version > lost)
  await again.close()
})

test('states that ended before a moment can be folded into the one after', async () => {
  const { access, clock, store, open } = house()
  const journal = await open()
  const first = journal.version
  for (let level = 1; level <= 5; level++) {
    clock.advance(1000)
    access.changeEntities('directory', { put: [{ entity: user('alice', { level }) }] })
  }
  const newest = journal.version
  assert.ok((await journal.fold(clock.now() - 1500)) >= 2)
  const timeline = await journal.timeline()
  const versions = Array.from({ length: newest - first + 1 }, (_, at) => first + at)
  assert.deepEqual(
    versions.map((version) => timeline.knows(version)),
    [false, false, false, true, true, true],
  )
  assert.match(timeline.valueAt(ALICE, newest - 2) ?? '', /"level":3/)
  assert.match(timeline.valueAt(ALICE, newest) ?? '', /"level":5/)
  assert.equal(await journal.fold(clock.now() - 1500), 0)
  await journal.close()
  const left = await store.read((q) => q.selectFrom('world_changes').select('version').execute())
  assert.ok(left.every(({ version }) => version >= newest - 2))
})

test('whoever is forgotten is taken out of every state, and so is their name in what others have', async () => {
  const { access, store, open } = house()
  access.putEntities('directory', [
    user('alice', { level: 1 }),
    user('bob', { helper: { __entity: { type: 'User', id: 'alice' } } }),
    user('carol'),
  ])
  const journal = await open()
  const then = journal.version
  access.lists.put([
    {
      id: 'e1',
      list: 'deny',
      target: { kind: 'principal', value: 'alice' },
      scope: {},
      reason: 'alice said so',
      source: 'admin',
      addedBy: 'alice',
      addedAt: 1,
      until: undefined,
    },
  ])
  access.changeEntities('directory', { remove: [{ type: 'User', id: 'alice' }] })
  access.lists.remove(['e1'])
  access.changeEntities('directory', { put: [{ entity: user('bob') }] })
  const { changes } = await journal.forget('alice')
  assert.equal(changes, 4)
  const rows = await store.read((q) => q.selectFrom('world_changes').selectAll().execute())
  assert.doesNotMatch(JSON.stringify(rows), /alice/)
  const timeline = await journal.timeline()
  assert.ok(timeline.hasErased)
  assert.deepEqual([timeline.isErased(BOB, then), timeline.isErased(BOB, journal.version)], [true, false])
  assert.ok(timeline.knows(then), 'decisions about others can still be made again')
  await journal.close()
})

test('whoever was gone already when they were forgotten leaves a state of its own, so that nobody goes on with older ones', async () => {
  const { access, open } = house()
  access.putEntities('directory', [user('alice'), user('bob')])
  const journal = await open()
  access.changeEntities('directory', { remove: [{ type: 'User', id: 'alice' }] })
  const before = journal.version
  assert.ok((await journal.forget('alice')).changes > 0)
  assert.ok(journal.version > before)
  const after = journal.version
  assert.equal((await journal.forget('alice')).changes, 0)
  assert.equal(journal.version, after)
  assert.ok((await journal.timeline()).knows(after))
  await journal.close()
})
