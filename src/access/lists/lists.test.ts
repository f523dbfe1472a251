import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../../kernel/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import { type Access, openAccess } from '../access.ts'
import { type ListBook, listBook } from './list-book.ts'
import { parseTarget } from './list-entry.ts'
import { feedSource, openLists, type WantedEntry } from './lists.ts'

const foundation = join(import.meta.dirname, '../../../foundation')
const text = (name: string) => readFileSync(join(foundation, name), 'utf8')
const clock = fakeClock()

function wanted(list: 'deny' | 'allow', target: string, more: Partial<WantedEntry> = {}): WantedEntry {
  const parsed = parseTarget(target)
  if (typeof parsed === 'string') assert.fail(parsed)
  return { list, target: parsed, scope: {}, reason: '', until: undefined, ...more }
}

async function access(): Promise<Access> {
  const opened = openAccess({ schema: text('schema.cedarschema'), policies: [] }, 'demo')
  await opened.setPolicies([
    {
      name: 'own.cedar',
      text: '@id("reads") permit (principal, action == Action::"data:read", resource);\n@id("asks") permit (principal == User::"olivia", action == Action::"decision:ask", resource);',
    },
  ])
  opened.putEntities('test', [
    { uid: { type: 'User', id: 'alice' }, attrs: { name: 'Alice', status: 'active' } },
    { uid: { type: 'User', id: 'olivia' }, attrs: { name: 'Olivia', status: 'active' } },
    { uid: { type: 'Dataset', id: 'calls' }, parents: [{ type: 'Project', id: 'churn' }] },
    { uid: { type: 'Project', id: 'churn' }, parents: [{ type: 'Tenant', id: 'demo' }] },
    { uid: { type: 'Tenant', id: 'demo' } },
  ])
  return opened
}

function as(id: string, address?: string): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [{ kind: 'User', id: id as PrincipalId }], // ids of this file
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
    ...(address === undefined ? {} : { address }),
  }
}

const read = { action: 'data:read', resource: { type: 'Dataset', id: 'calls' } }
const refused = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('an entry is in force with the next decision', async () => {
  const decider = await access()
  const store = memoryTenantStore()
  const lists = await openLists({ store, book: decider.lists, clock, actions: decider.actionNames })
  await lists.add(
    'admin',
    'olivia',
    Array.from({ length: 5000 }, (_, i) => wanted('deny', `principal:p${i}`)),
  )
  assert.equal(decider.decide(as('alice'), read).decision, 'allow')
  const [change] = await lists.add('admin', 'olivia', [wanted('deny', 'principal:alice')])
  const decision = decider.decide(as('alice'), read)
  assert.deepEqual(
    decision.reasons.map(({ policy }) => policy),
    [`list/deny/${change?.entry.id}`],
  )
  assert.equal(decision.advice, undefined, 'nothing that the caller could do would help')
  await lists.remove(change?.entry.id ?? '')
  assert.equal(decider.decide(as('alice'), read).decision, 'allow')
  await assert.rejects(lists.remove('le_unknown'), refused('list_entry_unknown'))
})

test('entries are there again after a restart', async () => {
  const store = memoryTenantStore()
  const before = await openLists({ store, book: listBook(), clock, actions: new Set(['read']) })
  const entries = [
    wanted('deny', 'network:203.0.113.0/24', { reason: 'scans', until: clock.now() + 1000 }),
    wanted('allow', 'tool:office/send', { scope: { project: 'churn', actions: 'read' } }),
  ]
  await before.add('admin', 'olivia', entries)
  const after = await openLists({ store, book: listBook(), clock, actions: new Set() })
  // Of one millisecond, no order is promised.
  const byId = (book: ListBook) => new Map([...book.entries()].map((entry) => [entry.id, entry]))
  assert.deepEqual(byId(after.book), byId(before.book))
})

test('what one source says does not replace what another says; saying it again gives it a new end', async () => {
  const lists = await openLists({ store: memoryTenantStore(), book: listBook(), clock, actions: new Set() })
  const add = async (source: string, until: number | undefined) => {
    const [change] = await lists.add(source, 'x', [wanted('deny', 'country:US', { until })])
    return change ?? assert.fail()
  }
  const first = await add(feedSource('risk'), clock.now() + 1000)
  const admin = await add('admin', undefined)
  const again = await add(feedSource('risk'), clock.now() + 9000)
  assert.deepEqual([first.effect, admin.effect, again.effect], ['created', 'created', 'updated'])
  assert.equal(again.entry.id, first.entry.id)
  assert.equal(lists.book.size, 2)
  assert.equal((await add('admin', undefined)).effect, 'unchanged')
})

test('many are added together or not at all', async () => {
  const lists = await openLists({ store: memoryTenantStore(), book: listBook(), clock, actions: new Set() })
  const many = Array.from({ length: 2500 }, (_, i) => wanted('deny', `network:10.${i >> 8}.${i & 255}.0/24`))
  assert.throws(
    () => lists.check([...many, wanted('deny', 'country:US', { scope: { actions: 'no:such' } })]),
    refused('list_invalid'),
  )
  assert.equal(lists.book.size, 0)
  await lists.add('admin', 'olivia', many)
  assert.equal(lists.book.size, 2500)
  const feed = Array.from({ length: 26_000 }, (_, i) => wanted('deny', `principal:p${i}`))
  await assert.rejects(lists.add(feedSource('risk'), 'risk', feed), refused('lists_full'))
  assert.equal(lists.book.size, 2500)
})

test('a manifest says all that manifests say, and nothing of what others say', async () => {
  const lists = await openLists({ store: memoryTenantStore(), book: listBook(), clock, actions: new Set() })
  await lists.add('admin', 'olivia', [wanted('deny', 'country:US')])
  await lists.replace('manifest', 'manifest', [wanted('deny', 'principal:a'), wanted('deny', 'principal:b')])
  const changes = await lists.replace('manifest', 'manifest', [wanted('deny', 'principal:b')])
  assert.deepEqual(
    changes.map(({ entry, effect }) => [entry.target.value, effect]),
    [
      ['b', 'unchanged'],
      ['a', 'updated'],
    ],
  )
  assert.deepEqual(
    [...lists.book.entries()].map(({ target }) => target.value),
    ['US', 'b'],
  )
})

test('ended deny entries make room, ended allow entries stay', async () => {
  const time = fakeClock()
  const lists = await openLists({ store: memoryTenantStore(), book: listBook(), clock: time, actions: new Set() })
  const until = time.now() + 1000
  await lists.add('admin', 'o', [wanted('deny', 'country:US', { until }), wanted('allow', 'country:AT', { until })])
  time.advance(61_000)
  await lists.add('admin', 'o', [wanted('deny', 'country:DE')])
  assert.deepEqual(
    [...lists.book.entries()].map(({ target }) => target.value),
    ['AT', 'DE'],
  )
})

test('the text of a reason is shown only to those who may know', async () => {
  const decider = await access()
  const lists = await openLists({
    store: memoryTenantStore(),
    book: decider.lists,
    clock,
    actions: decider.actionNames,
  })
  await lists.add('admin', 'olivia', [wanted('deny', 'principal:alice', { reason: 'left the company' })])
  assert.match(JSON.stringify(decider.explain(as('olivia'), as('alice'), read)), /left the company/)
  assert.doesNotMatch(JSON.stringify(decider.explain(as('alice'), as('alice'), read)), /left the company|list\//)
})

test('who can and what can respect lists; what depends on the network is said to depend', async () => {
  const decider = await access()
  const names = async () => {
    const { found } = await decider.whoCan(as('olivia'), { ...read, limit: 10 })
    return found.map(({ principal, when }) => `${principal.id} ${when}`)
  }
  assert.deepEqual(await names(), ['alice now', 'olivia now'])
  const lists = await openLists({
    store: memoryTenantStore(),
    book: decider.lists,
    clock,
    actions: decider.actionNames,
  })
  await lists.add('admin', 'olivia', [wanted('deny', 'principal:alice')])
  assert.deepEqual(await names(), ['olivia now'])
  await lists.add('admin', 'olivia', [wanted('allow', 'network:10.0.0.0/8')])
  assert.deepEqual(await names(), ['olivia perhaps'])
  assert.equal(decider.couldAllow(as('alice'), read), false)
  assert.equal(decider.couldAllow(as('olivia', '10.1.2.3'), read), true)
  assert.equal(decider.couldAllow(as('olivia', '192.0.2.1'), read), false)
  const what = await decider.whatCan(as('olivia'), { principal: { kind: 'User', id: 'alice' }, limit: 10 })
  assert.deepEqual(what.found, [])
})

test('nothing is allowed with lists that is not allowed without them', async () => {
  const decider = await access()
  const bare = await access()
  const target = fc.constantFrom(
    'principal:alice',
    'principal:olivia',
    'resource:Dataset::calls',
    'resource:Tenant::demo',
    'network:10.0.0.0/8',
    'country:US',
    'tool:office',
    'model:m',
  )
  const entry = fc.record({
    list: fc.constantFrom('deny' as const, 'allow' as const),
    target,
    until: fc.constantFrom(undefined, clock.now() - 1, clock.now() + 1),
    scope: fc.constantFrom({}, { project: 'churn' }, { actions: 'admin' }),
  })
  const question = fc.constantFrom(
    read,
    { action: 'data:write', resource: read.resource },
    { action: 'decision:ask', resource: { type: 'Tenant', id: 'demo' } },
  )
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 6 }),
      fc.constantFrom('alice', 'olivia', 'nobody'),
      fc.constantFrom(undefined, '10.0.0.1', '8.8.8.8'),
      question,
      (entries, who, address, asked) => {
        const ids = entries.map((_, at) => String(at))
        decider.lists.put(
          entries.map(({ list, target: about, until, scope }, at) => ({
            ...wanted(list, about, { until, scope }),
            id: ids[at] ?? '',
            source: '',
            addedBy: '',
            addedAt: 0,
          })),
        )
        const [listed, plain] = [decider.decide(as(who, address), asked), bare.decide(as(who, address), asked)]
        assert.ok(listed.decision === 'deny' || plain.decision === 'allow')
        assert.ok(!decider.couldAllow(as(who, address), asked) || bare.couldAllow(as(who, address), asked))
        decider.lists.remove(ids)
      },
    ),
    { numRuns: 500 },
  )
})
