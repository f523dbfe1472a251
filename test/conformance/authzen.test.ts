// The interoperability decisions and the certification scenario of the AuthZEN working group, over HTTP, against a
// started Sallyport that is configured by the manifests, schemas and policies in test/conformance/authzen/ alone.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type AuthzenHouse, openAuthzenHouse } from './authzen/authzen-house.ts'
import { casesIn, type ScenarioCase } from './authzen/scenario.ts'

const folder = join(
  process.env.SALLYPORT_VECTORS_DIR ?? join(import.meta.dirname, '../../../shared/vectors'),
  'authzen',
)

if (existsSync(folder)) {
  describe('the to-do scenario', () => {
    const house = inHouse('todo')

    test('every evaluation is decided as the working group says', async () => {
      const { evaluation } = readDecisions()
      assert.equal(evaluation.length, 40)
      for (const { request, expected } of evaluation) {
        const answer = await house().post('evaluation', request)
        assert.equal(answer.status, 200)
        assert.equal(answer.body.decision, expected, JSON.stringify(request))
      }
    })

    test('every batch is decided as the working group says', async () => {
      const { evaluations } = readDecisions()
      assert.equal(evaluations.length, 3)
      for (const { request, expected } of evaluations) {
        const { body } = await house().post('evaluations', request)
        assert.deepEqual(decisionsIn(body.evaluations), expected, JSON.stringify(request))
        // The scenario also sends an empty resource as the default.
        const again = await house().post('evaluations', { ...request, resource: {}, context: {} })
        assert.deepEqual(decisionsIn(again.body.evaluations), expected)
      }
    })
  })

  describe('the certification scenario', () => {
    const house = inHouse('certification')
    const cases = casesIn(readFileSync(join(folder, 'certification-scenario.md'), 'utf8'))

    test('has the requests that it had when this was written', () => assert.equal(cases.length, EXPECTED_CASES))
    for (const one of cases) test(`${one.id}: ${one.title}`, () => hold(one, house()))

    test('c-2-4-3 to c-2-4-5: another content type, broken JSON and an empty body are bad requests', async () => {
      const good = JSON.stringify({
        subject: { type: 'user', id: 'alice' },
        action: { name: 'read' },
        resource: { type: 'record', id: 'record-1' },
      })
      for (const [type, body] of [
        ['text/plain', good],
        ['application/x-www-form-urlencoded', 'subject=alice'],
        ['application/json', '{'],
        ['application/json', ''],
      ] as const) {
        const answer = await house().send('evaluation', body, { 'content-type': type })
        assert.equal(answer.status, 400, `${type}: ${body}`)
      }
    })

    test('c-2-5, c-2-6, c-5: the request id comes back, absent or not it works, and answers do not change', async () => {
      const good = {
        subject: { type: 'user', id: 'alice' },
        action: { name: 'read' },
        resource: { type: 'record', id: 'record-1' },
      }
      const id = 'bfe9eb29-ab87-4ca3-be83-a1d5d8305716'
      for (let i = 0; i < 5; i++) {
        const answer = await house().send('evaluation', JSON.stringify(good), { 'x-request-id': id })
        assert.equal(answer.headers.get('x-request-id'), id)
        assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
        assert.equal(((await answer.json()) as { decision: boolean }).decision, true)
      }
      assert.equal((await house().post('evaluation', good)).status, 200)
    })

    test('c-4-2, c-4-3, c-4-4: neither the context nor an id of what is looked for changes what is found', async () => {
      for (const [plain, ...others] of [
        ['c-4-2-1', 'c-4-2-2', 'c-4-2-3'],
        ['c-4-3-1', 'c-4-3-2', 'c-4-3-3'],
        ['c-4-4-1', 'c-4-4-2'],
      ]) {
        const found = async (id: string | undefined) => {
          const one = cases.find((each) => each.id === id)
          assert.ok(one)
          return (await house().post(one.endpoint, one.request)).body
        }
        for (const other of others) assert.deepEqual(await found(other), await found(plain))
      }
    })

    test('c-4-5: pages follow each other until an empty token', async () => {
      const question = {
        subject: { type: 'user' },
        action: { name: 'read' },
        resource: { type: 'record', id: 'record-1' },
        page: { limit: 1 },
      }
      const first = await house().post('search/subject', question)
      const { next_token: token } = first.body.page as { next_token: string }
      assert.ok(token.length > 0)
      const second = await house().post('search/subject', { ...question, page: { limit: 1, token } })
      assert.equal(second.status, 200)
      assert.deepEqual(second.body.page, { next_token: '', count: 1 })
      assert.deepEqual(
        [first.body.results, second.body.results].flat(),
        ['alice', 'bob'].map((id) => ({ type: 'user', id })),
      )
    })

    test('c-6: the metadata names every endpoint', async () => {
      const { issuer } = house()
      const { origin, pathname } = new URL(issuer)
      const answer = await fetch(`${origin}/.well-known/authzen-configuration${pathname}`)
      assert.equal(answer.status, 200)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
      const metadata = (await answer.json()) as { capabilities?: unknown }
      assert.partialDeepStrictEqual(metadata, {
        policy_decision_point: issuer,
        access_evaluation_endpoint: `${issuer}/access/v1/evaluation`,
        access_evaluations_endpoint: `${issuer}/access/v1/evaluations`,
        search_subject_endpoint: `${issuer}/access/v1/search/subject`,
        search_resource_endpoint: `${issuer}/access/v1/search/resource`,
        search_action_endpoint: `${issuer}/access/v1/search/action`,
        supported_obligations: ['step-up'],
      })
      const { capabilities = [] } = metadata
      assert.ok(Array.isArray(capabilities) && capabilities.every((one) => typeof one === 'string'))
    })
  })
} else {
  test('the vectors of AuthZEN are there', (t) => {
    const message = `no vectors at ${folder}: the decision point was NOT held to the scenarios of AuthZEN`
    if (process.env.SALLYPORT_VECTORS === 'require') assert.fail(message)
    t.diagnostic(message)
    t.skip(message)
  })
}

const EXPECTED_CASES = 49

function inHouse(scenario: 'todo' | 'certification'): () => AuthzenHouse {
  let house: AuthzenHouse | undefined
  before(async () => {
    house = await openAuthzenHouse(join(import.meta.dirname, 'authzen', scenario))
  })
  after(() => house?.close())
  return () => {
    if (house === undefined) throw new Error('the house is not open')
    return house
  }
}

interface Decisions {
  readonly evaluation: readonly { readonly request: object; readonly expected: boolean }[]
  readonly evaluations: readonly { readonly request: object; readonly expected: readonly object[] }[]
}

function readDecisions(): Decisions {
  return JSON.parse(readFileSync(join(folder, 'todo-decisions.json'), 'utf8'))
}

function decisionsIn(evaluations: unknown): unknown {
  return (evaluations as { decision: boolean }[]).map(({ decision }) => ({ decision }))
}

async function hold({ endpoint, request, status, expected }: ScenarioCase, house: AuthzenHouse): Promise<void> {
  const answer = await house.post(endpoint, request)
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  if (status !== 200) return
  const { body } = answer
  if (endpoint.startsWith('search')) assert.ok(Array.isArray(body.results))
  if (expected === undefined) return
  if (expected.results !== undefined) {
    const wanted = expected.results as readonly object[]
    if (wanted.length === 0) assert.deepEqual(body.results, [])
    for (const one of wanted) assert.ok(includes(body.results as object[], one), JSON.stringify(body.results))
  }
  if (expected.evaluations !== undefined) {
    const found = body.evaluations as { decision: unknown }[]
    const wanted = expected.evaluations as { decision: unknown }[]
    assert.equal(found.length, wanted.length)
    for (const [i, { decision }] of wanted.entries()) {
      assert.equal(typeof found[i]?.decision, 'boolean')
      if (decision !== 'any') assert.equal(found[i]?.decision, decision)
    }
  }
  if (typeof expected.decision === 'boolean') assert.equal(body.decision, expected.decision)
}

function includes(list: readonly object[], wanted: object): boolean {
  return list.some((one) => JSON.stringify(one) === JSON.stringify(wanted))
}
