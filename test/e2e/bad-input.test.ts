import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { accessToken, claimsOf, mcpClient, openaiClient } from './clients.ts'
import { type House, openHouse } from './house.ts'
import { until } from './until.ts'

const MAX_BODY = 65_536
const LATER = join(import.meta.dirname, 'an-hour-later.mjs')

let house: House
let token: string
before(async () => {
  house = await openHouse({ maxBody: MAX_BODY })
  token = (await accessToken(house.credentials, 'research-assistant')).token
})
after(() => house?.close())

const BODY = JSON.stringify({ model: 'demo-chat', messages: [{ role: 'user', content: 'Say: hello' }] })

/** Every door of the gateway, each with a request that would pass. */
function doors(): {
  readonly name: string
  readonly url: string
  readonly body: string
  readonly headers: Record<string, string>
}[] {
  const { openai, anthropic, mcp } = house.credentials.gateway
  const json = { 'content-type': 'application/json' }
  return [
    { name: 'openai', url: `${openai}/chat/completions`, body: BODY, headers: json },
    {
      name: 'anthropic',
      url: `${anthropic}/v1/messages`,
      body: JSON.stringify({ model: 'demo-claude', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }),
      headers: { ...json, 'anthropic-version': '2023-06-01' },
    },
    {
      name: 'mcp',
      url: mcp.office ?? '',
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      }),
      headers: { ...json, accept: 'application/json, text/event-stream' },
    },
  ]
}

function post(
  door: ReturnType<typeof doors>[number],
  credential: string | undefined,
  body: string = door.body,
): Promise<Response> {
  const authorization: Record<string, string> =
    credential === undefined ? {} : { authorization: `Bearer ${credential}` }
  return fetch(door.url, { method: 'POST', headers: { ...door.headers, ...authorization }, body })
}

function reached(): number {
  return house.model.received().length + house.office.received().length
}

describe('a token that is not good', () => {
  const cases: { readonly name: string; readonly make: () => Promise<string> | string }[] = [
    { name: 'none', make: () => '' },
    { name: 'noise', make: () => 'not-a-token' },
    {
      name: 'a changed payload',
      make: () => {
        const [head, , seal] = token.split('.')
        const claims = { ...claimsOf(token), scope: 'models tools admin' }
        return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${seal}`
      },
    },
    {
      name: 'alg=none',
      make: () => {
        const head = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')
        return `${head}.${token.split('.')[1]}.`
      },
    },
    {
      name: 'the key of somebody else',
      make: () =>
        new SignJWT(claimsOf(token))
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
          .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    },
    {
      name: 'a shared secret',
      make: () =>
        new SignJWT(claimsOf(token))
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
          .sign(new Uint8Array(32).fill(1)),
    },
    { name: 'an oversized token', make: () => `${token}${'A'.repeat(12_000)}` },
    { name: 'an empty token', make: () => 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA' },
  ]
  for (const { name, make } of cases) {
    test(`${name}: 401, nothing about why, and nothing reaches the upstream`, async () => {
      for (const door of doors()) {
        const before = reached()
        const answer = await post(door, name === 'none' ? undefined : await make())
        assert.equal(answer.status, 401, door.name)
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/, door.name)
        assert.doesNotMatch(await answer.text(), /signature|algorithm|expired|alg\b|kid/i, door.name)
        assert.equal(reached(), before, door.name)
      }
    })
  }

  test('two credentials at once: 401, for a request that names two callers has none', async () => {
    for (const door of doors()) {
      const answer = await post({ ...door, headers: { ...door.headers, 'x-api-key': token } }, token)
      assert.equal(answer.status, 401, door.name)
    }
  })

  test('of all these, no two can be told apart', async () => {
    const [door] = doors()
    assert.ok(door)
    const bodies = new Set<string>()
    for (const { make } of cases.slice(1, 6))
      bodies.add((await (await post(door, await make())).text()).replaceAll(/(txn|req)_\w+/g, 'ID'))
    assert.equal(bodies.size, 1, [...bodies].join('\n'))
  })

  test('an expired token: 401', async () => {
    const earlier = await startSallyport()
    const port = Number(new URL(earlier.url).port)
    try {
      const { token: old } = await accessToken(earlier.credentials, 'research-assistant')
      await earlier.stop()
      const later = await startSallyport({ home: earlier.home, config: { port }, nodeArguments: ['--import', LATER] })
      try {
        await assert.rejects(openaiClient(earlier.credentials, old).models.list(), { status: 401 })
      } finally {
        await later.stop()
      }
    } finally {
      await earlier.remove()
    }
  })
})

test('a body over the limit: 413, and nothing reaches the upstream', async () => {
  for (const door of doors()) {
    const before = reached()
    const answer = await post(door, token, JSON.stringify({ filler: 'x'.repeat(MAX_BODY) }))
    assert.equal(answer.status, 413, door.name)
    assert.equal(reached(), before, door.name)
  }
})

test('broken JSON: 400', async () => {
  for (const door of doors()) {
    for (const body of ['{"model": ', '', '[1,', '\u0000']) {
      const answer = await post(door, token, body)
      assert.equal(answer.status, 400, `${door.name}: ${JSON.stringify(body)}`)
    }
  }
})

test('a key twice in one object is refused: two readers could see two requests', async () => {
  const twice: Record<string, string> = {
    openai: '{"model":"demo-chat","model":"demo-slow","messages":[{"role":"user","content":"hi"}]}',
    mcp: '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"send_message"}}',
  }
  for (const door of doors()) {
    const body = twice[door.name]
    if (body === undefined) continue
    const before = reached()
    const answer = await post(door, token, body)
    if (answer.status !== 400) {
      // a re-serialised body is as good: then what was decided is what was sent
      const received = JSON.stringify(house.model.received().slice(before).at(-1)?.body ?? '')
      assert.ok(!received.includes('demo-chat') || !received.includes('demo-slow'))
    }
  }
})

test('an unknown model, server, endpoint and tenant: 404', async () => {
  const { openai, mcp, anthropic } = house.credentials.gateway
  const [first, , last] = doors()
  assert.ok(first && last)
  const answers = [
    await post(first, token, BODY.replace('demo-chat', 'demo-unheard-of')),
    await post({ ...last, url: (mcp.office ?? '').replace('/office', '/nowhere') }, token),
    await post({ ...first, url: `${openai}/nothing` }, token),
    await post({ ...first, url: `${anthropic}/v1/nothing` }, token),
    await post({ ...first, url: first.url.replace('/t/demo/', '/t/other/') }, token),
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [404, 404, 404, 404, 404],
  )
})

test('a server that the caller may not connect to looks like one that does not exist', async () => {
  const outsider = (await accessToken(house.credentials, 'outsider')).token
  const [, , door] = doors()
  assert.ok(door)
  const texts = await Promise.all(
    [door.url, door.url.replace('/office', '/nowhere')].map(async (url) => {
      const answer = await post({ ...door, url }, outsider)
      return `${answer.status} ${(await answer.text()).replaceAll(/office|nowhere/g, 'SERVER').replaceAll(/txn_\w+|"record":\d+/g, 'ID')}`
    }),
  )
  assert.equal(texts[0], texts[1])
})

test('while the log cannot be written every door answers 503 and nothing is called; then they open again', async () => {
  const intruder = new DatabaseSync(join(house.sallyport.data, 'tenants', 'demo.log.db'))
  try {
    intruder.exec('BEGIN IMMEDIATE')
    for (const door of doors()) {
      const before = reached()
      assert.equal((await post(door, token)).status, 503, door.name)
      assert.equal(reached(), before, door.name)
    }
    intruder.exec('ROLLBACK')
  } finally {
    intruder.close()
  }
  const [door] = doors()
  assert.ok(door)
  await until(async () => (await post(door, token)).status === 200)
  const client = await mcpClient(house.credentials, 'office', token)
  await client.listTools()
  await client.close()
})
