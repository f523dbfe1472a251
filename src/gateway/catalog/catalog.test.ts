import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { parseSections } from '../../identity/index.ts'
import { parseTenantId, systemClock } from '../../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../keys/index.ts'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import { catalogSections, openCatalog, type ToolEntry } from './index.ts'

const MANIFEST = `
upstreams:
  main: { kind: openai, url: 'https://api.example/v1/', credential: { env: SALLYPORT_UPSTREAM_MAIN_KEY }, timeouts: { idle: 9000 } }
  claude: { kind: anthropic, url: 'https://claude.example', credential: { value: claude-secret } }
  office: { kind: mcp, url: 'http://127.0.0.1:1/mcp', acceptFirst: true, tools: { send: { guarded: [/to] } } }
models:
  chat: { upstream: main, upstreamModel: chat-2025 }
  claude: { upstream: claude }
`

async function open(store: TenantStore = memoryTenantStore(), environment: Readonly<Record<string, string>> = {}) {
  const master = openMasterKey({ directory: '/nowhere', environment: KEY })
  const tenant = parseTenantId('demo') ?? assert.fail()
  const keyRing = await openKeyRing(store, master, tenant, systemClock)
  const all = { SALLYPORT_UPSTREAM_MAIN_KEY: 'main-secret', SALLYPORT_MASTER_KEY: KEY, HOME: '/root', ...environment }
  const catalog = await openCatalog({ store, keyRing, environment: all })
  const apply = (text: string) => catalog.apply(parseSections(text, 'a.yaml', catalogSections))
  return { store, catalog, apply }
}

const KEY = randomBytes(32).toString('base64')

function tool(name: string, change: Partial<ToolEntry> = {}): ToolEntry {
  return {
    server: 'office',
    name,
    digest: `digest of ${name}`,
    definition: { name },
    status: 'accepted',
    accepted: undefined,
    guarded: [],
    decidedBy: 'first',
    seenAt: 1,
    decidedAt: 1,
    ...change,
  }
}

test('a manifest can be applied again and again, and the catalogue is found again after a restart', async () => {
  const { store, catalog, apply } = await open()
  const first = await apply(MANIFEST)
  assert.deepEqual(
    first.map(({ kind, id, effect }) => `${kind} ${id} ${effect}`),
    [
      'Upstream main created',
      'Upstream claude created',
      'Upstream office created',
      'Model chat created',
      'Model claude created',
    ],
  )
  assert.ok((await apply(MANIFEST)).every(({ effect }) => effect === 'unchanged'))
  const changed = await apply(MANIFEST.replace('chat-2025', 'chat-2026').replace('claude-secret', 'other-secret'))
  assert.deepEqual(
    changed.filter(({ effect }) => effect === 'updated').map(({ id, fields }) => [id, fields]),
    [
      ['claude', ['credential']],
      ['chat', ['upstreamModel']],
    ],
  )
  const again = await open(store)
  assert.deepEqual(again.catalog.models(), catalog.models())
  assert.equal(again.catalog.model('chat')?.upstreamModel, 'chat-2026')
  assert.equal(again.catalog.upstream('main')?.url, 'https://api.example/v1')
  assert.deepEqual(again.catalog.upstream('main')?.timeouts, { connect: 5000, firstByte: 300_000, idle: 9000 })
})

test('a credential is sealed in the store, and each kind of upstream gets it in its own header', async () => {
  const { store, catalog, apply } = await open()
  await apply(MANIFEST)
  const rows = await store.read((q) => q.selectFrom('upstreams').selectAll().execute())
  assert.ok(rows.every((row) => !Buffer.from(JSON.stringify(row)).includes('secret')))
  assert.ok(
    rows.every((row) => row.sealed_credential === null || !Buffer.from(row.sealed_credential).includes('secret')),
  )
  assert.ok(!JSON.stringify([catalog.upstreams(), catalog.entities()]).includes('secret'))
  const headerOf = (id: string) => catalog.credentialHeader(catalog.upstream(id) ?? assert.fail())
  assert.deepEqual(headerOf('main'), ['authorization', 'Bearer main-secret'])
  assert.deepEqual(headerOf('claude'), ['x-api-key', 'claude-secret'])
  assert.equal(headerOf('office'), undefined)
})

test('a credential does not go along when an upstream is pointed at another server', async () => {
  const { store, catalog, apply } = await open()
  await apply(MANIFEST)
  const elsewhere = "upstreams: { claude: { kind: anthropic, url: 'https://evil.example' } }"
  await assert.rejects(apply(elsewhere), /another server needs its `credential` to be given anew/)
  await apply("upstreams: { claude: { kind: anthropic, url: 'https://claude.example/other' } }")
  assert.equal(catalog.upstream('claude')?.url, 'https://claude.example/other')
  // Nor when somebody writes into the store.
  await store.write((q) =>
    q.updateTable('upstreams').set({ url: 'https://evil.example' }).where('id', '=', 'claude').execute(),
  )
  await assert.rejects(open(store), /sealed data cannot be opened/)
})

for (const [what, text, message] of [
  [
    'another variable of the process',
    'upstreams: { a: { kind: openai, url: "https://a.example", credential: { env: SALLYPORT_MASTER_KEY } } }',
    /must be named `SALLYPORT_UPSTREAM/,
  ],
  [
    'a variable that is not set',
    'upstreams: { a: { kind: openai, url: "https://a.example", credential: { env: SALLYPORT_UPSTREAM_NONE } } }',
    /a.yaml:1: .*is not set/,
  ],
  [
    'a credential in the URL',
    'upstreams: { a: { kind: openai, url: "https://me:secret@a.example" } }',
    /use `credential`/,
  ],
  [
    'the address where clouds keep credentials',
    'upstreams: { a: { kind: openai, url: "http://169.254.169.254/v1" } }',
    /no upstream can be/,
  ],
  [
    'the same, written as a number',
    'upstreams: { a: { kind: openai, url: "http://2852039166/v1" } }',
    /no upstream can be/,
  ],
  [
    'the same, inside of IPv6',
    'upstreams: { a: { kind: openai, url: "http://[::ffff:169.254.169.254]/v1" } }',
    /no upstream can be/,
  ],
  ['another scheme', 'upstreams: { a: { kind: openai, url: "file:///etc/passwd" } }', /http or https/],
  [
    'the name that stands for clients',
    'upstreams: { local: { kind: mcp, url: "https://a.example" } }',
    /`local` stands for/,
  ],
  ['a model without its upstream', 'models: { chat: { upstream: nowhere } }', /no upstream `nowhere`/],
  [
    'a model of a tool server',
    'upstreams: { o: { kind: mcp, url: "https://a.example" } }\nmodels: { chat: { upstream: o } }',
    /serves no models/,
  ],
  [
    'trust in a model',
    'upstreams: { a: { kind: openai, url: "https://a.example", trusted: true } }',
    /only tool servers/,
  ],
] as const) {
  test(`a manifest cannot name ${what}`, async () => {
    const { catalog, apply } = await open()
    await assert.rejects(async () => apply(text), message)
    assert.deepEqual(catalog.upstreams(), [])
  })
}

test('policies see models, servers and tools, and the arguments that the operator guards', async () => {
  const { catalog, apply } = await open()
  let changes = 0
  catalog.onChange(() => changes++)
  await apply(MANIFEST)
  await catalog.saveTools('office', [tool('send'), tool('look', { status: 'quarantined' })])
  assert.equal(changes, 2)
  const entities = new Map(catalog.entities().map((entity) => [`${entity.uid.type}::${entity.uid.id}`, entity]))
  assert.deepEqual(entities.get('Model::chat')?.attrs, { upstream: 'main' })
  assert.deepEqual(entities.get('ToolServer::office')?.attrs, { trusted: false })
  assert.deepEqual(entities.get('Tool::office/send')?.attrs, { name: 'send', status: 'accepted', guarded: ['/to'] })
  assert.deepEqual(entities.get('Tool::office/look')?.attrs, { name: 'look', status: 'quarantined', guarded: [] })
  assert.deepEqual(entities.get('Tool::office/send')?.parents, [{ type: 'ToolServer', id: 'office' }])
})

test('a name means every tool that somebody has accepted under it', async () => {
  const { catalog, apply } = await open()
  await apply(`${MANIFEST}\n`.replace('models:', "  other: { kind: mcp, url: 'https://o.example' }\nmodels:"))
  await catalog.saveTools('office', [tool('send'), tool('look'), tool('constructor')])
  await catalog.saveTools('other', [
    tool('look', { server: 'other' }),
    tool('send', { server: 'other', status: 'quarantined' }),
    tool('office__send', { server: 'other', status: 'quarantined' }),
    tool('new', { server: 'other', status: 'quarantined' }),
  ])
  const meant = (name: string) => catalog.toolsMeant(name).map((found) => `${found.server}/${found.name}`)
  assert.deepEqual(meant('send'), ['office/send'], 'a server cannot take the name away by listing it')
  assert.deepEqual(meant('office__send'), ['office/send'])
  assert.deepEqual(meant('mcp__office__send'), ['office/send'])
  assert.deepEqual(meant('look'), ['office/look', 'other/look'])
  assert.deepEqual(meant('other__look'), ['other/look'])
  assert.deepEqual(meant('new'), ['other/new'])
  assert.deepEqual(meant('wipe'), [])
  assert.deepEqual(meant('toString'), [])
})
