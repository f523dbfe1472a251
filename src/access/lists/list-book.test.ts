import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Entities } from '../../cedar/index.ts'
import type { PrincipalId, PrincipalRef } from '../../kernel/index.ts'
import { loadCountries } from '../country.ts'
import { type ListBook, type ListedRequest, listBook } from './list-book.ts'
import { type ListEntry, type ListScope, parseTarget, targetText } from './list-entry.ts'

loadCountries()

const uid = (type: string, id: string) => ({ type, id })
const entities = Entities.fromJson([
  { uid: uid('Group', 'research') },
  { uid: uid('User', 'alice'), parents: [uid('Group', 'research')] },
  { uid: uid('Agent', 'scout'), parents: [uid('AgentType', 'assistant')] },
  { uid: uid('Project', 'churn'), parents: [uid('Tenant', 'demo')] },
  { uid: uid('Dataset', 'calls'), parents: [uid('Project', 'churn')] },
  { uid: uid('Tool', 'office/send'), parents: [uid('ToolServer', 'office')] },
  { uid: uid('ModelVersion', 'm/1'), parents: [uid('Model', 'm')] },
  { uid: uid('Action', 'data:read'), parents: [uid('Action', 'data'), uid('Action', 'read')] },
  { uid: uid('Action', 'directory:read'), parents: [uid('Action', 'admin')] },
  { uid: uid('Action', 'list:change'), parents: [uid('Action', 'admin')] },
])
const link = (kind: PrincipalRef['kind'], id: string): PrincipalRef => ({ kind, id: id as PrincipalId }) // ids of this file

const read: ListedRequest = {
  chain: [link('User', 'alice'), link('Agent', 'scout')],
  action: uid('Action', 'data:read'),
  resource: uid('Dataset', 'calls'),
  entities,
  address: '203.0.113.7',
}

let count = 0
function entry(
  list: 'deny' | 'allow',
  text: string,
  more: { until?: number; scope?: ListScope; reason?: string } = {},
): ListEntry {
  const target = parseTarget(text)
  if (typeof target === 'string') assert.fail(target)
  return {
    id: `le_${++count}`,
    list,
    target,
    scope: more.scope ?? {},
    reason: more.reason ?? '',
    source: 'admin',
    addedBy: 'olivia',
    addedAt: 0,
    until: more.until,
  }
}
function book(...entries: readonly ListEntry[]): ListBook {
  const made = listBook()
  made.put(entries)
  return made
}
const policies = (made: ListBook, request: ListedRequest = read, now = 0) =>
  made.refusals(request, now).map(({ policy }) => policy)

test('a deny entry refuses what it matches, and nothing else', () => {
  const matching = [
    'principal:alice',
    'principal:scout',
    'group:research',
    'agent-type:assistant',
    'resource:Dataset::calls',
    'resource:Project::churn',
    'network:203.0.113.0/24',
    'network:203.0.113.7',
    'network:::ffff:203.0.113.7',
  ]
  for (const text of matching) {
    const one = entry('deny', text)
    assert.deepEqual(policies(book(one)), [`list/deny/${one.id}`], text)
  }
  for (const text of [
    'principal:bob',
    'group:ops',
    'resource:Dataset::call',
    'network:203.0.112.0/24',
    'tool:office',
    'model:m',
  ]) {
    assert.deepEqual(policies(book(entry('deny', text))), [], text)
  }
})

test('the address of a socket of both families is the IPv4 address', () => {
  const made = book(entry('deny', 'network:203.0.113.0/24'))
  for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '::ffff:cb00:7107']) {
    assert.equal(policies(made, { ...read, address }).length, 1, address)
  }
})

test('a country is that of the IPv4 address; nobody knows the country of others', () => {
  const made = book(entry('deny', 'country:us'))
  assert.equal(policies(made, { ...read, address: '8.8.8.8' }).length, 1)
  for (const address of ['10.0.0.1', '2001:4860:4860::8888', undefined]) {
    assert.deepEqual(policies(made, { ...read, address }), [], String(address))
  }
})

test('a tool is denied by its name or by its server, a version by its model', () => {
  const call = { ...read, resource: uid('Tool', 'office/send') }
  for (const text of ['tool:office/send', 'tool:office'])
    assert.equal(policies(book(entry('deny', text)), call).length, 1)
  assert.deepEqual(policies(book(entry('deny', 'tool:office/read')), call), [])
  assert.equal(policies(book(entry('deny', 'model:m')), { ...read, resource: uid('ModelVersion', 'm/1') }).length, 1)
})

test('an allow list refuses what is not on it, and concerns only its own dimension', () => {
  const tools = book(entry('allow', 'tool:office/read'))
  assert.deepEqual(policies(tools), [])
  assert.deepEqual(policies(tools, { ...read, resource: uid('Tool', 'office/send') }), ['list/allow/tool'])
  assert.deepEqual(policies(book(entry('allow', 'resource:Project::churn'))), [])
  assert.deepEqual(policies(book(entry('allow', 'resource:Project::other'))), ['list/allow/resource'])
  assert.deepEqual(policies(book(entry('allow', 'network:203.0.113.0/24'))), [])
  assert.deepEqual(policies(book(entry('allow', 'network:198.51.100.0/24'))), ['list/allow/network'])
})

test('everybody of the chain has to be on an allow list of principals', () => {
  assert.deepEqual(policies(book(entry('allow', 'principal:alice'))), ['list/allow/principal'])
  assert.deepEqual(policies(book(entry('allow', 'group:research'), entry('allow', 'agent-type:assistant'))), [])
})

test('where nobody knows the address, an allow list of networks refuses; it may be that it could be allowed', () => {
  const made = book(entry('allow', 'network:203.0.113.0/24'))
  assert.deepEqual(policies(made, { ...read, address: undefined }), ['list/allow/network'])
  assert.deepEqual(policies(made, { ...read, address: undefined, isLenient: true }), [])
  assert.deepEqual(policies(made, { ...read, address: '10.0.0.1', isLenient: true }), ['list/allow/network'])
})

test('a list can be limited to a project and to a group of actions', () => {
  const inChurn = book(entry('deny', 'principal:alice', { scope: { project: 'churn' } }))
  assert.equal(policies(inChurn).length, 1)
  assert.deepEqual(policies(inChurn, { ...read, resource: uid('Dataset', 'elsewhere') }), [])
  const reading = book(entry('allow', 'principal:bob', { scope: { project: 'churn', actions: 'read' } }))
  assert.deepEqual([...new Set(policies(reading))], ['list/allow/principal of project churn, actions read'])
  assert.deepEqual(policies(reading, { ...read, action: uid('Action', 'directory:read') }), [])
})

test('an ended entry has no effect, and an allow list of ended entries stays closed until the last is removed', () => {
  const denied = entry('deny', 'principal:alice', { until: 100 })
  assert.equal(policies(book(denied), read, 99).length, 1)
  assert.deepEqual(policies(book(denied), read, 100), [])
  const allowed = entry('allow', 'resource:Dataset::calls', { until: 100 })
  const made = book(allowed)
  assert.deepEqual(policies(made, read, 99), [])
  assert.deepEqual(policies(made, read, 100), ['list/allow/resource'])
  made.remove([allowed.id])
  assert.deepEqual(policies(made, read, 100), [])
})

test('lists can always be corrected: no allow list concerns the actions that change lists, and deny entries do', () => {
  const change = { ...read, action: uid('Action', 'list:change'), resource: uid('Tenant', 'demo') }
  assert.deepEqual(policies(book(entry('allow', 'principal:nobody'), entry('allow', 'network:10.0.0.0/8')), change), [])
  assert.equal(policies(book(entry('deny', 'principal:alice')), change).length, 1)
})

test('the reason names the entry, and keeps its text apart from its title', () => {
  const one = entry('deny', 'network:203.0.113.0/24', { reason: 'scanned us on Monday' })
  assert.deepEqual(book(one).refusals(read, 0), [
    {
      policy: `list/deny/${one.id}`,
      principal: { type: 'User', id: 'alice' },
      title: 'the network is on a deny list',
      why: 'scanned us on Monday',
    },
  ])
})

const target = fc.constantFrom(
  'principal:alice',
  'principal:bob',
  'group:research',
  'agent-type:assistant',
  'resource:Dataset::calls',
  'resource:Project::churn',
  'tool:office',
  'model:m',
  'network:203.0.113.0/24',
  'network:2001:db8::/32',
  'country:US',
)
const scope = fc.constantFrom<ListScope>(
  {},
  { project: 'churn' },
  { actions: 'read' },
  { project: 'other', actions: 'data' },
)
const anyEntry = fc
  .record({
    list: fc.constantFrom('deny' as const, 'allow' as const),
    target,
    scope,
    until: fc.option(fc.integer({ min: 1, max: 9 })),
  })
  .map(({ list, target: text, scope: limits, until }) =>
    entry(list, text, { scope: limits, ...(until === null ? {} : { until }) }),
  )
const anyRequest = fc
  .record({
    resource: fc.constantFrom(
      uid('Dataset', 'calls'),
      uid('Tool', 'office/send'),
      uid('Model', 'm'),
      uid('Tenant', 'demo'),
    ),
    action: fc.constantFrom(uid('Action', 'data:read'), uid('Action', 'list:change'), uid('Action', 'directory:read')),
    address: fc.constantFrom('203.0.113.7', '8.8.8.8', '2001:db8::1', undefined),
  })
  .map((more): ListedRequest => ({ ...read, ...more }))

test('a deny entry never lets anything through that was refused, whatever else is listed', () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 12 }),
      anyEntry,
      anyRequest,
      fc.integer({ min: 0, max: 10 }),
      (list, more, asked, now) => {
        const isRefused = policies(book(...list), asked, now).length > 0
        if (more.list === 'deny') assert.ok(!isRefused || policies(book(...list, more), asked, now).length > 0)
        // An allow entry lets more through only where it is added to a list that is there already.
        const isFirst = !list.some((one) => one.list === 'allow')
        if (more.list === 'allow' && isFirst)
          assert.ok(!isRefused || policies(book(...list, more), asked, now).length > 0)
      },
    ),
    { numRuns: 2000 },
  )
})

test('a book that was changed again and again says what a fresh one says', () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 20 }),
      fc.array(fc.nat(19), { maxLength: 20 }),
      anyRequest,
      (list, gone, asked) => {
        const made = book(...list, ...list)
        const removed = gone.flatMap((at) => list[at] ?? [])
        made.remove(removed.map(({ id }) => id))
        const left = list.filter((one) => !removed.includes(one))
        assert.deepEqual([...made.entries()], left)
        assert.deepEqual(policies(made, asked).sort(), policies(book(...left), asked).sort())
      },
    ),
  )
})

test('a look does not go through 100,000 entries', () => {
  const made = listBook()
  made.put(
    Array.from({ length: 100_000 }, (_, i) =>
      entry('deny', i % 2 === 0 ? `network:10.${(i >> 9) & 255}.${(i >> 1) & 255}.${i >> 17}` : `principal:p${i}`),
    ),
  )
  const started = performance.now()
  for (let i = 0; i < 1000; i++) made.refusals(read, 0)
  // Microseconds each; going through all of them would take many seconds.
  assert.ok(performance.now() - started < 1000)
})

test("resources of a tenant's own types are meant as they are written, with the id in quotes", () => {
  const order: ListedRequest = { ...read, resource: uid('Shop::Order', 'o1') }
  const one = entry('deny', 'resource:Shop::Order::"o1"')
  assert.deepEqual(policies(book(one), order), [`list/deny/${one.id}`])
  assert.deepEqual(policies(book(entry('deny', 'resource:Shop::Order::"o2"')), order), [])
  const odd = entry('deny', 'resource:Document::"a::b"')
  assert.deepEqual(policies(book(odd), { ...read, resource: uid('Document', 'a::b') }), [`list/deny/${odd.id}`])
  for (const { target } of [one, odd]) assert.deepEqual(parseTarget(targetText(target)), target)
  assert.match(String(parseTarget('resource:Shop::Order::o1')), /quote the id/)
  assert.deepEqual(parseTarget('resource:Dataset::"calls"'), parseTarget('resource:Dataset::calls'))
})
