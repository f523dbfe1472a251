import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { apiRoutes } from '../../src/http/api/index.ts'
import type { Call } from '../../src/http/route.ts'
import { type Context, newTxn } from '../../src/kernel/index.ts'
import { type Houses, type HttpAnswer, type HttpRequest, THINGS } from './isolation-houses.ts'

export interface IsolationCounts {
  readonly overHttp: number
  readonly inProcess: number
  readonly byEndpoint: ReadonlyMap<string, number>
}

/** Names that a request puts in: of things that another tenant has, or of nothing at all; of the same length. */
interface Names {
  readonly prefix: string
  readonly token: string
  readonly key: string
  readonly cursor: string
  readonly txn: string
  readonly opaque: string
}

/**
 * `requests` of the tenant `north`, each sent twice: naming things of `south`, and naming what nobody has. INVARIANT:
 * nothing is ever allowed to somebody of another tenant, and the two answers are the same but for the names that were
 * sent, ids that are made anew and moments.
 */
export async function fuzzIsolation(
  houses: Houses,
  requests: number,
  { random, shareOverHttp }: { readonly random: () => number; readonly shareOverHttp: number },
): Promise<IsolationCounts> {
  const elsewhere = await namesOf(houses)
  const nowhere = likeNames(elsewhere)
  const byEndpoint = new Map<string, number>()
  let [overHttp, inProcess] = [0, 0]
  const one = async (): Promise<void> => {
    const isOverHttp = random() < shareOverHttp
    const [endpoint, make] = pick(isOverHttp ? MAKERS : QUESTIONS, random)
    const [i, j] = [Math.floor(random() * THINGS), Math.floor(random() * THINGS)]
    byEndpoint.set(endpoint, (byEndpoint.get(endpoint) ?? 0) + 1)
    const asked = (names: Names) => make(names, houses, { i, j, random: seeded(i * 31 + j) })
    if (!isOverHttp) {
      inProcess++
      const there = await askInProcess(houses, asked(elsewhere))
      check(endpoint, there, elsewhere, await askInProcess(houses, asked(nowhere)), nowhere)
      return
    }
    overHttp++
    const there = await houses.send(asked(elsewhere))
    check(endpoint, there, elsewhere, await houses.send(asked(nowhere)), nowhere)
  }
  let left = requests
  const run = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: 16 }, run))
  return { overHttp, inProcess, byEndpoint }
}

async function namesOf({ south, send }: Houses): Promise<Names> {
  const search = await send({
    method: 'POST',
    path: '/t/south/access/v1/search/resource',
    headers: { authorization: `Bearer ${south.token}` },
    body: JSON.stringify({
      subject: { type: 'user', id: 'south-user0' },
      action: { name: 'view' },
      resource: { type: 'order' },
      page: { limit: 1 },
    }),
  })
  const { page } = JSON.parse(search.body) as { page: { next_token: string } }
  assert.ok(page.next_token !== '')
  return {
    prefix: 'south',
    token: south.token,
    key: south.key,
    cursor: page.next_token,
    txn: String(search.headers['sallyport-txn']),
    opaque: String(search.headers['sallyport-txn']).slice(4),
  }
}

/** Of the same form, and nobody's. */
function likeNames({ token, key, cursor, txn }: Names): Names {
  const [head = '', claims = '', signature = ''] = token.split('.')
  const other = randomBytes(64).toString('base64url').slice(0, signature.length)
  const opaque = newTxn(Date.now()).slice(4)
  return {
    prefix: 'nobod',
    token: [head, claims, other].join('.'),
    key:
      key.slice(0, 8) +
      randomBytes(key.length)
        .toString('hex')
        .slice(0, key.length - 8),
    cursor: randomBytes(cursor.length).toString('base64url').slice(0, cursor.length),
    txn: `${txn.slice(0, 4)}${opaque}`,
    opaque,
  }
}

function check(endpoint: string, a: HttpAnswer, forA: Names, b: HttpAnswer, forB: Names): void {
  const [there, nowhere] = [plain(a, forA), plain(b, forB)]
  assert.equal(there, nowhere, endpoint)
  if (NEVER_ALLOWED.has(endpoint)) assert.ok(!a.body.includes('"decision":true'), `${endpoint}: ${a.body}`)
}

/** Nobody else's principal may do anything here. (An order that an application brings along is its own.) */
const NEVER_ALLOWED: ReadonlySet<string> = new Set([
  'POST /access/v1/evaluation of a subject',
  'POST /access/v1/evaluation of an actor',
])

function plain({ status, headers, body }: HttpAnswer, { prefix, token, key, cursor, txn, opaque }: Names): string {
  const kept = ['content-type', 'www-authenticate', 'cache-control', 'x-request-id', 'allow', 'retry-after', 'location']
  const text = JSON.stringify([status, kept.map((name) => headers[name] ?? null), body])
  const named = [token, key, cursor, txn, opaque].reduce((all, name) => all.replaceAll(name, '*'), text)
  return (
    named
      .replaceAll(`${prefix}-`, '*-')
      // Bound to one answer: signed, with what was asked in it.
      .replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '*')
      .replaceAll(/\b[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}\b/g, '*')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '*')
      .replaceAll(/\\?"(?:record|at|ms|index|trace)\\?":\s*(?:\d+|\\?"[^"\\]*\\?")/g, '*')
  )
}

/** The same question without a socket: what an enforcement point of `north` asks. */
async function askInProcess({ north }: Houses, request: HttpRequest): Promise<HttpAnswer> {
  const [path = ''] = request.path.replace('/t/north', '/t/:tenant').split('?')
  const route = apiRoutes.find((one) => one.path === path && one.method === request.method)
  if (route?.ask === undefined || route.read === undefined) throw new Error(`no such question: ${path}`)
  try {
    const body = route.read(JSON.parse(request.body ?? '{}'))
    // Questions use nothing else of a call.
    const call = { tenant: north.tenant, ctx: contextOf(north), body, params: {} } as unknown as Call
    const { answer, reserved } = await route.ask(call)
    for (const one of reserved) one.release()
    return { status: 200, headers: {}, body: JSON.stringify(answer) }
  } catch (error) {
    const { code, publicMessage } = error as { code?: string; publicMessage?: string }
    if (publicMessage === undefined) throw error
    return { status: 400, headers: {}, body: JSON.stringify({ code, publicMessage }) }
  }
}

function contextOf({ tenant }: Houses['north']): Context {
  const admin = tenant.directory.principal('north-admin')
  if (admin === undefined) throw new Error('nobody asks')
  const clock = { now: () => Date.now() }
  const link = { kind: admin.kind, id: admin.id }
  return tenant.contextOf(
    {
      tenant: tenant.id,
      txn: newTxn(clock.now()),
      trace: '0'.repeat(32),
      clock,
      caller: {
        chain: [link],
        delegation: undefined,
        authentication: { method: 'private_key_jwt', at: clock.now() },
        scope: undefined,
        credential: 'c',
        expiresAt: clock.now() + 60_000,
      },
    },
    link,
  )
}

// ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Draw {
  readonly i: number
  readonly j: number
  readonly random: () => number
}

type Maker = (names: Names, houses: Houses, draw: Draw) => HttpRequest

function post(path: string, body: (names: Names, draw: Draw) => unknown): Maker {
  return (names, { north }, draw) => ({
    method: 'POST',
    path: `/t/north${path}`,
    headers: { authorization: `Bearer ${north.token}` },
    body: JSON.stringify(body(names, draw)),
  })
}

function at(method: string, path: (names: Names, draw: Draw) => string, body?: unknown): Maker {
  return (names, { north }, draw) => ({
    method,
    path: `/t/north${path(names, draw)}`,
    headers: { authorization: `Bearer ${north.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

const ours = ({ i }: Draw) => ({ type: 'user', id: `north-user${i}` })
const theirs = ({ prefix }: Names, { i, random }: Draw) =>
  random() < 0.5 ? { type: 'user', id: `${prefix}-user${i}` } : { type: 'agent', id: `${prefix}-agent${i}` }
const action = ({ random }: Draw) => ({
  name: pick(['data:read', 'view', 'refund', 'model:invoke', 'template:change'], random),
})
const ourThing = ({ j }: Draw) => ({ type: 'Dataset', id: `north-data${j}` })
const theirThing = ({ prefix }: Names, { j, random }: Draw) => {
  const [type, kind] = pick(
    [
      ['Dataset', 'data'],
      ['Template', 'template'],
      ['order', 'order'],
      ['Model', 'model'],
    ] as const,
    random,
  )
  return { type, id: `${prefix}-${kind}${j}`, properties: { total: 5 } }
}

const MAKERS: readonly (readonly [string, Maker])[] = [
  [
    'POST /access/v1/evaluation of a subject',
    post('/access/v1/evaluation', (n, d) => ({ subject: theirs(n, d), action: action(d), resource: ourThing(d) })),
  ],
  [
    'POST /access/v1/evaluation of a resource',
    post('/access/v1/evaluation', (n, d) => ({ subject: ours(d), action: action(d), resource: theirThing(n, d) })),
  ],
  [
    'POST /access/v1/evaluation of an actor',
    post('/access/v1/evaluation', (n, d) => ({
      subject: ours(d),
      action: action(d),
      resource: ourThing(d),
      context: { actors: [theirs(n, d)] },
    })),
  ],
  [
    'POST /access/v1/evaluation of an owner',
    post('/access/v1/evaluation', (n, d) => ({
      subject: ours(d),
      action: action(d),
      resource: { type: 'order', id: 'x', properties: { owner: `${n.prefix}-user${d.j}` } },
    })),
  ],
  [
    'POST /access/v1/evaluations',
    post('/access/v1/evaluations', (n, d) => ({
      action: action(d),
      evaluations: [
        { subject: theirs(n, d), resource: ourThing(d) },
        { subject: ours(d), resource: theirThing(n, d) },
        { subject: theirs(n, d), resource: theirThing(n, d) },
      ],
    })),
  ],
  [
    'POST /access/v1/search/subject',
    post('/access/v1/search/subject', (n, d) => ({
      subject: { type: 'user' },
      action: action(d),
      resource: theirThing(n, d),
    })),
  ],
  [
    'POST /access/v1/search/resource',
    post('/access/v1/search/resource', (n, d) => ({
      subject: theirs(n, d),
      action: action(d),
      resource: { type: 'Dataset' },
    })),
  ],
  [
    'POST /access/v1/search/action',
    post('/access/v1/search/action', (n, d) => ({ subject: ours(d), resource: theirThing(n, d) })),
  ],
  [
    'POST /access/v1/search/resource with a cursor',
    post('/access/v1/search/resource', (n, d) => ({
      subject: { type: 'user', id: d.random() < 0.5 ? 'south-user0' : `north-user${d.i}` },
      action: { name: 'view' },
      resource: { type: 'order' },
      page: { limit: 1, token: n.cursor },
    })),
  ],
  [
    'POST /api/filter',
    post('/api/filter', (n, d) => ({ subject: theirs(n, d), action: action(d), resource: { type: 'Dataset' } })),
  ],
  [
    'POST /api/explain',
    post('/api/explain', (n, d) =>
      d.random() < 0.5
        ? { principal: theirs(n, d).id, action: 'data:read', resource: ourThing(d) }
        : { principal: ours(d).id, action: 'data:read', resource: { type: 'Dataset', id: `${n.prefix}-data${d.j}` } },
    ),
  ],
  ['GET /api/who-can', at('GET', (n, d) => `/api/who-can?action=data:read&type=Dataset&id=${n.prefix}-data${d.j}`)],
  ['GET /api/what-can', at('GET', (n, d) => `/api/what-can?principal=${n.prefix}-user${d.i}`)],
  ['GET /api/principals/ID', at('GET', (n, d) => `/api/principals/${n.prefix}-user${d.i}`)],
  ['POST /api/principals/ID/suspend', at('POST', (n, d) => `/api/principals/${n.prefix}-user${d.i}/suspend`, {})],
  ['POST /api/principals/ID/resume', at('POST', (n, d) => `/api/principals/${n.prefix}-agent${d.i}/resume`, {})],
  [
    'POST /api/principals/ID/level',
    at('POST', (n, d) => `/api/principals/${n.prefix}-agent${d.i}/level`, { level: 3 }),
  ],
  ['POST /api/principals/ID/keys', at('POST', (n, d) => `/api/principals/${n.prefix}-agent${d.i}/keys`, {})],
  ['DELETE /api/keys/ID', at('DELETE', ({ key }) => `/api/keys/${encodeURIComponent(key)}`)],
  ['GET /api/records of a transaction', at('GET', ({ txn }) => `/api/records?txn=${txn}`)],
  ['GET /api/records of a principal', at('GET', (n, d) => `/api/records?principal=${n.prefix}-user${d.i}`)],
  ['GET /api/tools/SERVER/NAME', at('GET', (n, d) => `/api/tools/${n.prefix}-server/${n.prefix}-tool${d.j}`)],
  ['GET /api/approvals/ID', at('GET', ({ opaque }) => `/api/approvals/apr_${opaque}`)],
  ['GET /api/access-requests/ID', at('GET', ({ opaque }) => `/api/access-requests/req_${opaque}`)],
  ['DELETE /api/lists/ID', at('DELETE', ({ opaque }) => `/api/lists/${opaque}`)],
  [
    'any endpoint with a token of another tenant',
    (n, _, { random, i }) => ({
      method: 'GET',
      path: pick(
        [
          '/t/north/api/principals',
          '/t/north/api/records',
          '/t/north/log/checkpoint',
          '/t/north/api/metrics',
          `/t/north/api/principals/north-user${i}`,
          '/t/north/gw/openai/v1/models',
        ],
        random,
      ),
      headers: { authorization: `Bearer ${n.token}` },
    }),
  ],
  [
    'questions with a token of another tenant',
    (n, _, d) => ({
      method: 'POST',
      path: '/t/north/access/v1/evaluation',
      headers: { authorization: `Bearer ${n.token}` },
      body: JSON.stringify({ subject: ours(d), action: action(d), resource: ourThing(d) }),
    }),
  ],
  [
    'the gateway with a key of another tenant',
    (n, _, { random, j }) => ({
      method: 'POST',
      path: pick(
        ['/t/north/gw/openai/v1/chat/completions', '/t/north/gw/anthropic/v1/messages', '/t/north/gw/mcp/north-server'],
        random,
      ),
      headers: { authorization: `Bearer ${n.key}` },
      body: JSON.stringify({ model: `north-model${j}`, max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] }),
    }),
  ],
  [
    'the gateway with a model of another tenant',
    (n, { north }, { j }) => ({
      method: 'POST',
      path: '/t/north/gw/openai/v1/chat/completions',
      headers: { authorization: `Bearer ${north.key}` },
      body: JSON.stringify({ model: `${n.prefix}-model${j}`, messages: [{ role: 'user', content: 'hello' }] }),
    }),
  ],
  [
    'the gateway with a tool server of another tenant',
    (n, { north }) => ({
      method: 'POST',
      path: `/t/north/gw/mcp/${n.prefix}-models`,
      headers: { authorization: `Bearer ${north.key}`, accept: 'application/json, text/event-stream' },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    }),
  ],
  [
    'the token endpoint with a client of another tenant',
    (n) => ({
      method: 'POST',
      path: '/t/north/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${n.prefix}-admin&client_secret=secret`,
    }),
  ],
]

/** What is asked of the decision point: it needs no socket. */
const QUESTIONS = MAKERS.filter(
  ([endpoint]) => endpoint.startsWith('POST /access/v1/') || endpoint === 'POST /api/filter',
)

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T // not empty
}

/** The same draws for the two requests of a pair (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
