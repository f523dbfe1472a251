import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { CedarError, type EntityJson, type ResourceMapping } from '../cedar/index.ts'
import { type Context, fakeClock, type Mandate, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { openAccess } from './access.ts'
import type { Layer, PolicyFile } from './layers.ts'
import type { ListEntry } from './lists/list-entry.ts'
import type { RoleGrant } from './roles.ts'

const clock = fakeClock(1_800_000_000_000)
const foundation = join(import.meta.dirname, '../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const uid = (type: string, id: string) => ({ type, id })

const SCHEMA: PolicyFile = {
  name: 'shop.cedarschema',
  as: 'schema',
  text: `namespace Shop {
    entity Doc in [Project, Tenant] { team: String, size: Long, secret?: Bool, owner?: User, tags: Set<String> };
    action readDoc, writeDoc in [Action::"data"] appliesTo { principal: [User, Agent], resource: [Doc], context: { channel?: String } };
  }`,
}
const DOC = 'Shop::Doc'
const ACTIONS = ['Shop::readDoc', 'Shop::writeDoc'] as const

interface Doc {
  readonly id: string
  readonly team: string
  readonly size: number
  readonly secret: boolean | undefined
  readonly owner: string | undefined
  readonly tags: readonly string[]
  readonly project: string | undefined
}

const docs: readonly Doc[] = Array.from({ length: 48 }, (_, i) => ({
  id: `d${i}`,
  team: ['Alice', 'blue', 'red'][i % 3] ?? '',
  size: i % 5,
  secret: [undefined, true, false][(i >> 1) % 3],
  owner: [undefined, 'alice', 'bob'][(i >> 2) % 3],
  tags: [[], ['x'], ['x', 'y']][(i >> 3) % 3] ?? [],
  project: [undefined, 'p', 'q'][(i >> 4) % 3],
}))

function docEntity({ id, team, size, secret, owner, tags, project }: Doc): EntityJson {
  return {
    uid: uid(DOC, id),
    attrs: {
      team,
      size,
      tags: [...tags],
      ...(secret === undefined ? {} : { secret }),
      ...(owner === undefined ? {} : { owner: { __entity: uid('User', owner) } }),
    },
    parents: [project === undefined ? uid('Tenant', 'demo') : uid('Project', project)],
  }
}

const MAPPING: ResourceMapping = {
  id: 'id',
  attributes: {
    team: { type: 'string', column: 'team', required: true },
    size: { type: 'long', column: 'size', required: true },
    secret: { type: 'bool', column: 'secret' },
    owner: { type: 'entity', entity: 'User', column: 'owner' },
    tags: { type: 'set', element: 'string', column: 'tags', required: true },
  },
  parents: [{ column: 'project', type: 'Project' }],
  within: [uid('Tenant', 'demo')],
}

const database = new DatabaseSync(':memory:')
database.exec(
  'CREATE TABLE docs (id TEXT, team TEXT, size INTEGER, secret INTEGER, owner TEXT, tags TEXT, project TEXT)',
)
const insert = database.prepare('INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?, ?)')
for (const { id, team, size, secret, owner, tags, project } of docs) {
  const asInteger = secret === undefined ? null : Number(secret)
  insert.run(id, team, size, asInteger, owner ?? null, JSON.stringify(tags), project ?? null)
}

const access = openAccess(
  {
    schema: read('schema.cedarschema').text,
    policies: globSync('policies/**/*.cedar', { cwd: foundation }).sort().map(read),
    roles: [read('roles/roles.cedar')],
  },
  'demo',
)
await access.setPolicies([SCHEMA])
access.putEntities('world', [
  { uid: uid('Tenant', 'demo') },
  { uid: uid('Group', 'staff') },
  { uid: uid('AgentType', 'helper') },
  ...['p', 'q'].map((id) => ({ uid: uid('Project', id), parents: [uid('Tenant', 'demo')] })),
  { uid: uid('User', 'alice'), attrs: { name: 'Alice', status: 'active' }, parents: [uid('Group', 'staff')] },
  { uid: uid('User', 'bob'), attrs: { name: 'Bob', status: 'active' } },
  ...['scout', 'stray'].map((id, i) => ({
    uid: uid('Agent', id),
    attrs: { name: 'blue', status: 'active', level: i, sponsor: { __entity: uid('User', 'alice') } },
    parents: i === 0 ? [uid('AgentType', 'helper'), uid('Group', 'staff')] : [uid('Group', 'staff')],
  })),
  ...docs.map(docEntity),
])

// ── what is generated ───────────────────────────────────────────────────────────────────────────────────────────────

const atom = fc.constantFrom(
  'true',
  'resource.team == "blue"',
  'resource.team == principal.name',
  'resource.size < 3',
  'resource.size == 4',
  'resource has secret',
  'resource has secret && resource.secret',
  'resource has owner && resource.owner == principal',
  'resource has owner && principal in resource.owner',
  'resource.tags.contains("x")',
  'resource.tags.containsAll(["x", "y"])',
  'resource.tags.isEmpty()',
  'resource in Project::"p"',
  'resource in [Project::"q", Project::"none"]',
  'principal in Group::"staff"',
  'context.chainLength < 2',
  'context has channel && context.channel == resource.team',
  '(if resource has secret then resource.team else principal.name) == "blue"',
  // It fails for all that are not empty: a sum that does not fit into 64 bits.
  'resource.size + 9223372036854775807 > 0',
)
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: atom },
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) || (${b})`),
    tie('condition').map((a) => `!(${a})`),
  ),
}))
const statement = (effect: fc.Arbitrary<string>) =>
  fc
    .record({
      effect,
      who: fc.constantFrom(
        'principal',
        'principal',
        'principal == User::"alice"',
        'principal in Group::"staff"',
        'principal is Agent',
      ),
      action: fc.constantFrom(
        'action in [Shop::Action::"readDoc", Shop::Action::"writeDoc"]',
        'action == Shop::Action::"readDoc"',
      ),
      what: fc.constantFrom(
        'resource',
        'resource',
        'resource is Shop::Doc',
        'resource in Project::"p"',
        'resource == Shop::Doc::"d7"',
      ),
      kind: fc.constantFrom('when', 'when', 'unless'),
      condition,
    })
    .map(
      ({ effect, who, action, what, kind, condition }) =>
        `${effect} (${who}, ${action}, ${what}) ${kind} { ${condition} };`,
    )
const layer = fc.constantFrom<Layer>(
  { kind: 'tenant' },
  { kind: 'project', id: 'p' },
  { kind: 'project', id: 'q' },
  { kind: 'agent', type: 'AgentType', id: 'helper' },
  { kind: 'agent', type: 'Agent', id: 'stray' },
)
const fileOf = (
  as: 'grants' | 'ceiling',
  effects: readonly string[],
  sizes: { minLength: number; maxLength: number },
) => fc.record({ as: fc.constant(as), layer, statements: fc.array(statement(fc.constantFrom(...effects)), sizes) })
const policies = fc
  .tuple(
    fc.array(fileOf('grants', ['permit', 'permit', 'permit', 'forbid'], { minLength: 2, maxLength: 5 }), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.array(fileOf('ceiling', ['permit'], { minLength: 0, maxLength: 3 }), { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([grants, ceilings, isWide]): readonly PolicyFile[] => [
    SCHEMA,
    { name: 'role.cedar', text: ROLE },
    ...(isWide ? [{ name: 'wide.cedar', text: `@id("wide") ${WIDE}` }] : []),
    ...[...grants, ...ceilings].map(({ as, layer, statements }, f) => ({
      name: `${f}.cedar`,
      as,
      layer,
      text: statements.map((text, s) => `@id("${f}-${s}") ${text}`).join('\n'),
    })),
  ])
const WIDE = 'permit (principal, action in [Shop::Action::"readDoc", Shop::Action::"writeDoc"], resource);'
const ROLE = `@id("reader") @role("reader")
  permit (principal in ?principal, action == Shop::Action::"readDoc", resource in ?resource) when { resource.size < 4 };`

const names = ['alice', 'bob', 'scout', 'stray'] as const
const roles = fc.array(
  fc
    .record({
      assignee: fc.constantFrom(uid('User', 'bob'), uid('Agent', 'stray'), uid('Group', 'staff')),
      on: fc.constantFrom(undefined, uid('Project', 'p'), uid(DOC, 'd3')),
      until: fc.constantFrom(undefined, clock.now() - 1, clock.now() + 1000),
    })
    .map((grant): RoleGrant => ({ role: 'reader', ...grant })),
  { maxLength: 3 },
)
const lists = fc.array(
  fc.record({
    list: fc.constantFrom('deny' as const, 'deny' as const, 'allow' as const),
    target: fc.constantFrom<ListEntry['target']>(
      { kind: 'principal', value: 'stray' },
      { kind: 'group', value: 'staff' },
      { kind: 'agent-type', value: 'helper' },
      { kind: 'resource', value: 'Project::q' },
      { kind: 'resource', value: 'Tenant::demo' },
      { kind: 'resource', value: 'Shop::Doc::"d3"' },
      { kind: 'network', value: '203.0.113.0/24' },
    ),
    scope: fc.constantFrom<ListEntry['scope']>({}, { project: 'p' }, { actions: 'data' }, { actions: 'write' }),
    until: fc.constantFrom(undefined, clock.now() - 1, clock.now() + 1000),
  }),
  { maxLength: 3 },
)
const mandate = fc
  .record({
    actions: fc.subarray(['data', 'Shop::readDoc']),
    resources: fc.subarray([uid('Project', 'p'), uid('Tenant', 'demo'), uid(DOC, 'd9')], { minLength: 1 }),
  })
  .map((one): Mandate => ({ ...one, expiresAt: clock.now() + 1 }))
const asked = fc.record({
  chain: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
  action: fc.constantFrom(...ACTIONS),
  mandate: fc.option(mandate, { nil: undefined, freq: 3 }),
  address: fc.constantFrom(undefined, '203.0.113.7'),
  channel: fc.constantFrom(undefined, 'blue', 'red'),
})

function contextOf({ chain, mandate, address }: Pick<Asked, 'chain' | 'mandate' | 'address'>): Context {
  const links = chain.map((id) => ({
    kind: id === 'alice' || id === 'bob' ? ('User' as const) : ('Agent' as const),
    id: id as PrincipalId, // ids of this file
  }))
  const [first, ...rest] = links
  assert.ok(first !== undefined)
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    ...(address === undefined ? {} : { address }),
    caller: {
      chain: [first, ...rest],
      delegation: undefined,
      ...(mandate === undefined ? {} : { mandate }),
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

interface Asked {
  readonly chain: readonly (typeof names)[number][]
  readonly action: (typeof ACTIONS)[number]
  readonly mandate: Mandate | undefined
  readonly address: string | undefined
  readonly channel: string | undefined
}

test('a filter and a search give exactly what is allowed one by one: layers, ceilings, roles, lists, mandate, every link', async () => {
  const seen = { allowed: 0, denied: 0, selected: 0, untranslatable: 0 }
  await fc.assert(
    fc.asyncProperty(
      policies,
      roles,
      lists,
      fc.array(asked, { minLength: 6, maxLength: 6 }),
      async (files, grants, entries, list) => {
        await access.setPolicies(files)
        access.setRoles({ grants, declared: new Set(['reader']) })
        access.lists.remove([...access.lists.entries()].map(({ id }) => id))
        access.lists.put(
          entries.map((entry, i) => ({ ...entry, id: `e${i}`, reason: '', source: 's', addedBy: 'a', addedAt: 0 })),
        )
        for (const one of list) {
          const ctx = contextOf(one)
          const facts = one.channel === undefined ? {} : { facts: { channel: one.channel } }
          const filter = access.filter(ctx, { action: one.action, resourceType: DOC, ...facts })
          const rows = rowsOf(filter)
          const found = new Set(await foundBy(ctx, one.action, facts))
          for (const doc of docs) {
            const { decision } = access.decide(ctx, { action: one.action, resource: uid(DOC, doc.id), ...facts })
            const why = () => JSON.stringify({ doc, one, decision, condition: filter.text })
            assert.equal(found.has(doc.id), decision === 'allow', why())
            assert.equal(filter.matches(docEntity(doc)), decision === 'allow', why())
            if (rows === undefined) seen.untranslatable++
            else assert.equal(rows.has(doc.id), decision === 'allow', why())
            seen[decision === 'allow' ? 'allowed' : 'denied']++
            if (filter.kind === 'some') seen.selected++
          }
        }
      },
    ),
    { numRuns: RUNS },
  )
  const total = seen.allowed + seen.denied
  for (const [what, count] of Object.entries(seen)) assert.ok(count > total / 100, `${what}: ${count} of ${total}`)
  assert.ok(seen.untranslatable < total / 2, `untranslatable: ${seen.untranslatable} of ${total}`)
})

/** All pages of a search. */
async function foundBy(ctx: Context, action: string, facts: object): Promise<readonly string[]> {
  const all: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await access.search(ctx, {
      kind: 'resources',
      type: DOC,
      action,
      limit: 7,
      ...facts,
      ...(after === undefined ? {} : { after }),
    })
    all.push(...page.results)
    after = page.next
    if (after === undefined) return all
  }
}

const RUNS = Number(process.env.SALLYPORT_FILTER_RUNS ?? 30)

function rowsOf(filter: ReturnType<typeof access.filter>): ReadonlySet<unknown> | undefined {
  try {
    const { text, parameters } = filter.sql(MAPPING, { dialect: 'sqlite' })
    const rows = database.prepare(`SELECT id FROM docs WHERE ${text}`).all(...parameters)
    return new Set(rows.map(({ id }) => id))
  } catch (error) {
    if (error instanceof CedarError && error.code === 'not_translatable') return undefined
    throw error
  }
}

test('what a filter says of a question that the schema does not have so is an error of the asker', async () => {
  await access.setPolicies([SCHEMA])
  const ctx = contextOf({ chain: ['alice'], mandate: undefined, address: undefined })
  assert.throws(() => access.filter(ctx, { action: 'Shop::readDoc', resourceType: DOC, facts: { channel: 7 } }), {
    code: 'question_invalid',
  })
})

test('filters and searches of calls look at the stated arguments, as decisions do', async () => {
  await access.setPolicies([
    {
      name: 'calls.cedar',
      text: '@id("calls") permit (principal, action == Action::"tool:call", resource) when { context.arguments.hasTag("/to") && context.arguments.getTag("/to") == "bob" };',
    },
  ])
  access.lists.remove([...access.lists.entries()].map(({ id }) => id))
  access.putEntities('catalog', [
    { uid: uid('ToolServer', 'office'), attrs: { trusted: false }, parents: [uid('Tenant', 'demo')] },
    {
      uid: uid('Tool', 'office/send'),
      attrs: { name: 'send', status: 'accepted', guarded: ['/to'] },
      parents: [uid('ToolServer', 'office')],
    },
  ])
  const ctx = contextOf({ chain: ['alice'], mandate: undefined, address: undefined })
  const nothing = { user: [], system: [], trusted: [], untrusted: [], model: [] }
  const resource = uid('Tool', 'office/send')
  for (const [to, origin] of [['bob', 'user'] as const, ['eve', 'user'] as const, ['bob', 'untrusted'] as const]) {
    const call = { arguments: { '/to': to }, origin: { ...nothing, [origin]: ['/to'] } }
    const { decision } = access.decide(ctx, { action: 'tool:call', resource, call })
    assert.equal(decision === 'allow', to === 'bob' && origin === 'user')
    const expected = decision === 'allow' ? ['office/send'] : []
    const paging = { limit: 10 }
    const tools = await access.search(ctx, { kind: 'resources', type: 'Tool', action: 'tool:call', call, ...paging })
    assert.deepEqual(tools.results, expected)
    const actions = await access.search(ctx, {
      kind: 'actions',
      resource,
      statedFor: (action) => (action === 'tool:call' ? { call } : {}),
      ...paging,
    })
    assert.deepEqual(actions.results, expected.length === 0 ? [] : ['tool:call'])
    const filter = access.filter(ctx, { action: 'tool:call', resourceType: 'Tool', call })
    const tool = { uid: resource, attrs: { name: 'send', status: 'accepted', guarded: ['/to'] }, parents: [] }
    assert.equal(filter.matches(tool), decision === 'allow')
  }
})
