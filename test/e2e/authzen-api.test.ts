import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { type AuthzenHouse, openAuthzenHouse, succeed } from '../conformance/authzen/authzen-house.ts'

let house: AuthzenHouse
before(async () => {
  house = await openAuthzenHouse(join(import.meta.dirname, 'authzen-shop'))
})
after(() => house?.close())

const ada = { type: 'user', id: 'ada' }
const order = (id: string, properties?: object) => ({
  type: 'order',
  id,
  ...(properties === undefined ? {} : { properties }),
})
const refund = { name: 'refund' }

interface Answer {
  readonly decision: boolean
  readonly context?: {
    readonly revision?: string
    readonly reasons?: readonly { readonly policy: string; readonly title?: string }[]
    readonly error?: { readonly status: number; readonly message: string }
    readonly advice?: readonly object[]
    readonly obligations?: readonly object[]
  }
}

async function evaluate(question: object): Promise<Answer> {
  const { status, body } = await house.post('evaluation', question)
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Answer
}

async function evaluateAll(question: object): Promise<readonly Answer[]> {
  const { status, body } = await house.post('evaluations', question)
  assert.equal(status, 200, JSON.stringify(body))
  return body.evaluations as Answer[]
}

async function found(what: string, question: object): Promise<readonly object[]> {
  const { status, body } = await house.post(`search/${what}`, question)
  assert.equal(status, 200, JSON.stringify(body))
  return body.results as object[]
}

test('a batch ends with the first answer that settles it, where that is asked for', async () => {
  const question = {
    subject: ada,
    action: refund,
    evaluations: ['o1', 'o2', 'o3'].map((id) => ({ resource: order(id) })),
  }
  const decisions = async (semantic?: string) => {
    const options = semantic === undefined ? {} : { options: { evaluations_semantic: semantic } }
    return (await evaluateAll({ ...question, ...options })).map(({ decision }) => decision)
  }
  assert.deepEqual(await decisions(), [true, false, true])
  assert.deepEqual(await decisions('execute_all'), [true, false, true])
  assert.deepEqual(await decisions('deny_on_first_deny'), [true, false])
  assert.deepEqual(await decisions('permit_on_first_permit'), [true])
  const { status } = await house.post('evaluations', { ...question, options: { evaluations_semantic: 'whatever' } })
  assert.equal(status, 400)
})

test('what is wrong with one question of a batch is the answer to that one', async () => {
  const answers = await evaluateAll({
    subject: ada,
    action: refund,
    evaluations: [
      { resource: order('o1') },
      { resource: 'o1' },
      {},
      7,
      { resource: order('o1', { total: 'much' }) },
      { resource: order('o1'), context: { actors: 'clerk' } },
    ],
  })
  assert.deepEqual(
    answers.map(({ decision, context }) => [decision, context?.error?.status]),
    [[true, undefined], ...Array.from({ length: 5 }, () => [false, 400])],
  )
})

test('a batch leaves one record, with its questions and nothing to come', async () => {
  const answer = await house.send(
    'evaluations',
    JSON.stringify({
      subject: ada,
      action: refund,
      evaluations: [{ resource: order('o1', { total: 5, weight: 7 }) }, { resource: order('o2') }],
    }),
    {},
  )
  const txn = answer.headers.get('sallyport-txn') ?? ''
  const record = Number(answer.headers.get('sallyport-record'))
  // Its token began the transaction that all its requests belong to.
  const all = JSON.parse(await succeed(house.sallyport, 'log', 'show', '--request', txn, '--json', '--as', 'olivia'))
  const after = all.filter((one: { index: number }) => one.index >= record)
  assert.equal(after.length, 1)
  const [{ kind, outcome, body }] = after
  assert.deepEqual([kind, outcome, body.action, body.decision], ['decision', undefined, 'decision:ask', 'allow'])
  // What differs from the question before: nothing but perhaps the moment.
  const { now: _, ...differing } = body.questions[1].context ?? {}
  assert.deepEqual(differing, {})
  assert.deepEqual(
    body.questions.map((one: { reasons: object[]; context: object }, at: number) => ({
      ...one,
      reasons: one.reasons.length,
      context: at === 0 ? Object.keys(one.context).filter((name) => name !== 'now' && name !== 'time') : [],
    })),
    [
      {
        chain: [{ kind: 'User', id: 'ada' }],
        action: 'Shop::refund',
        resource: { type: 'Shop::Order', id: 'o1' },
        stated: { attributes: { total: 5 } },
        context: ['authentication', 'scope', 'network'],
        decision: 'allow',
        reasons: 1,
      },
      {
        chain: [{ kind: 'User', id: 'ada' }],
        action: 'Shop::refund',
        resource: { type: 'Shop::Order', id: 'o2' },
        context: [],
        decision: 'deny',
        reasons: 0,
      },
    ],
  )
})

test('reasons and facts: the application states its own, and nothing of what Sallyport knows', async () => {
  const allowed = await evaluate({ subject: ada, action: { name: 'view' }, resource: order('anything') })
  assert.deepEqual(allowed.context?.reasons, [{ policy: 'shop/view', title: 'staff sees orders' }])
  const chat = { subject: ada, action: refund, resource: order('o1'), context: { channel: 'chat' } }
  assert.deepEqual((await evaluate(chat)).context?.reasons, [
    { policy: 'shop/no-chat-refunds', title: 'no refunds over the chat' },
  ])
  const byAction = { ...chat, context: {}, action: { name: 'refund', properties: { channel: 'chat' } } }
  assert.equal((await evaluate(byAction)).decision, false)
  // Ben is not staff, whatever somebody says of him; and the catalogue says what a dataset is.
  for (const properties of [{ groups: ['staff'] }, { status: 'active', name: 'Ada', group: 'staff' }]) {
    const ben = { type: 'user', id: 'ben', properties }
    assert.equal((await evaluate({ subject: ben, action: { name: 'view' }, resource: order('o1') })).decision, false)
  }
  const secrets = { type: 'Dataset', id: 'secrets', properties: { classification: 'public' } }
  assert.equal((await evaluate({ subject: ada, action: { name: 'data:read' }, resource: secrets })).decision, false)
  const late = { scope: ['admin'], now: '2001-01-01', authentication: { method: 'none', age: 0, mfaAge: 0 } }
  const deploy = { subject: ada, action: { name: 'model:deploy' }, resource: { type: 'Model', id: 'scorer' } }
  assert.equal((await evaluate({ ...deploy, context: late })).decision, false)
})

test('whoever acts for somebody is allowed no more than each of them', async () => {
  const question = { subject: ada, action: { name: 'view' }, resource: order('o1') }
  const by = async (...ids: readonly string[]) =>
    (await evaluate({ ...question, context: { actors: ids.map((id) => ({ type: 'agent', id })) } })).decision
  assert.equal(await by(), true)
  assert.equal(await by('clerk'), true)
  assert.equal(await by('stray'), false)
  assert.equal(await by('clerk', 'stray'), false)
  assert.equal(await by('nobody'), false)
  assert.equal((await house.post('evaluation', { ...question, context: { actors: 'clerk' } })).status, 400)
  const search = { subject: { type: 'user' }, action: { name: 'view' }, resource: order('o1') }
  const actors = (id: string) => ({ context: { actors: [{ type: 'agent', id }] } })
  assert.deepEqual(await found('subject', { ...search, ...actors('clerk') }), [{ type: 'user', id: 'ada' }])
  assert.deepEqual(await found('subject', { ...search, ...actors('stray') }), [])
})

test('what would help is said, as an obligation to those who support it', async () => {
  const deploy = { subject: ada, action: { name: 'model:deploy' }, resource: { type: 'Model', id: 'scorer' } }
  const { decision, context } = await evaluate(deploy)
  assert.equal(decision, false)
  assert.deepEqual(context?.advice, [{ kind: 'step_up', acr: 'aal2', maxAge: 900 }])
  assert.deepEqual(context?.obligations, [
    { id: 'step-up', type: 'step-up', properties: { acr_value: 'aal2', max_age: 900 } },
  ])
  const without = await evaluate({ ...deploy, context: { supported_obligations: ['notification'] } })
  assert.equal(without.context?.obligations, undefined)
})

test('searches are complete over their pages, and a token opens nothing but its own search', async () => {
  const question = { subject: ada, action: { name: 'view' }, resource: { type: 'order' }, page: { limit: 2 } }
  const first = (await house.post('search/resource', question)).body
  const { next_token: token } = first.page as { next_token: string }
  const second = (await house.post('search/resource', { ...question, page: { limit: 2, token } })).body
  assert.deepEqual(
    [first.results, second.results].flat(),
    ['o1', 'o2', 'o3'].map((id) => order(id)),
  )
  assert.deepEqual(second.page, { next_token: '', count: 1 })
  const refusals = await Promise.all([
    house.post('search/resource', { ...question, action: refund, page: { limit: 2, token } }),
    house.post('search/resource', { ...question, page: { limit: 3, token } }),
    house.post('search/resource', { ...question, page: { limit: 2, token: `${token.slice(0, -2)}AA` } }),
    house.post('search/resource', { ...question, page: { limit: 2, token: 'b2s' } }),
    house.post('search/action', { subject: ada, resource: order('o1'), page: { token } }),
  ])
  for (const { status, body } of refusals) {
    assert.equal(status, 400)
    assert.deepEqual(body, refusals[0]?.body)
  }
})

test('a search for actions decides on the facts that an evaluation of each would', async () => {
  const search = (context: object) => found('action', { subject: ada, resource: order('o1'), context })
  assert.deepEqual(await search({ channel: 'web' }), [refund, { name: 'view' }])
  assert.deepEqual(await search({ channel: 'chat' }), [{ name: 'view' }])
})

test('the arguments of a prompt are stated like those of a tool', async () => {
  const letter = { subject: ada, action: { name: 'prompt:get' }, resource: { type: 'prompt', id: 'office/letter' } }
  const context = { arguments: { '/to': 'ben' }, origin: { user: ['/to'] } }
  assert.equal((await evaluate({ ...letter, context })).decision, true)
  assert.equal((await evaluate({ ...letter, context: { ...context, origin: {} } })).decision, false)
  assert.equal((await evaluate(letter)).decision, false)
})

test('a filter selects in the database what is allowed one by one', async () => {
  const answer = await fetch(`${house.issuer}/api/filter`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      subject: ada,
      action: refund,
      resource: { type: 'order' },
      sql: { dialect: 'sqlite', id: 'id', attributes: { total: { type: 'long', column: 'total' } } },
    }),
  })
  assert.equal(answer.status, 200)
  const { kind, sql } = (await answer.json()) as {
    kind: string
    sql: { text: string; parameters: (string | number)[] }
  }
  assert.equal(kind, 'some')
  const database = new DatabaseSync(':memory:')
  database.exec(`CREATE TABLE orders (id TEXT, total INTEGER);
    INSERT INTO orders VALUES ('a', 1), ('b', 99), ('c', 100), ('d', NULL)`)
  const rows = database.prepare(`SELECT id, total FROM orders WHERE ${sql.text} ORDER BY id`).all(...sql.parameters)
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['a', 'b'],
  )
  for (const [id, total] of [
    ['a', 1],
    ['b', 99],
    ['c', 100],
    ['d', null],
  ] as const) {
    const asked = { subject: ada, action: refund, resource: order(id, { total }) }
    assert.equal(
      (await evaluate(asked)).decision,
      rows.some((row) => row.id === id),
    )
  }
})

test('what is too large is refused, and whoever may not ask is told so and recorded', async () => {
  const many = {
    subject: ada,
    action: refund,
    evaluations: Array.from({ length: 1001 }, () => ({ resource: order('o1') })),
  }
  assert.equal((await house.post('evaluations', many)).status, 400)
  const long = { subject: ada, action: refund, resource: order('o1', { note: 'x'.repeat(1_100_000) }) }
  assert.equal((await house.post('evaluation', long)).status, 413)
  const token = (await succeed(house.sallyport, 'token', 'research-assistant', '--audience', 'api')).trim()
  const refused = await house.send(
    'evaluation',
    JSON.stringify({ subject: ada, action: refund, resource: order('o1') }),
    {
      authorization: `Bearer ${token}`,
    },
  )
  assert.equal(refused.status, 403)
  const txn = refused.headers.get('sallyport-txn') ?? ''
  const shown = JSON.parse(await succeed(house.sallyport, 'log', 'show', '--request', txn, '--json', '--as', 'olivia'))
  assert.equal(shown.at(-1).body.action, 'decision:ask')
  assert.equal(shown.at(-1).body.decision, 'deny')
})
