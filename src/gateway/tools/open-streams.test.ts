import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startTestGateway, type TestGateway } from './test-gateway.ts'
import { startHostile } from './test-upstream.ts'

/** A server whose stream has no end. */
async function rig(t: TestContext) {
  const server = await startHostile(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(':\n\n')
  })
  return startTestGateway(t, `upstreams: { lab: { kind: mcp, url: '${server.url}' } }`)
}

async function open(gateway: TestGateway, credential: string) {
  const answer = await fetch(gateway.url('lab'), {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${credential}` },
  })
  assert.equal(answer.status, 200, await (answer.ok ? '' : answer.text()))
  return answer
}

/** What the stream said at its end; rejects when it has none. */
async function endOf(answer: Response): Promise<string> {
  const timeout = AbortSignal.timeout(5000)
  const ended = answer.text()
  return Promise.race([
    ended,
    new Promise<never>((_, reject) => timeout.addEventListener('abort', () => reject(new Error('still open')))),
  ])
}

const ENDS: Readonly<Record<string, (gateway: TestGateway) => Promise<string>>> = {
  async 'when its token is revoked'(gateway) {
    const token = await gateway.token('helper')
    const answer = await open(gateway, token)
    await gateway.revoke('helper', token)
    return endOf(answer)
  },
  async 'when its gateway key is revoked'(gateway) {
    const { id, secret } = await gateway.directory.issueGatewayKey('helper')
    const answer = await open(gateway, secret)
    await gateway.directory.revokeGatewayKey(id)
    return endOf(answer)
  },
  async 'when its credential expires'(gateway) {
    const { secret } = await gateway.directory.issueGatewayKey('helper', { ttl: 1 })
    return endOf(await open(gateway, secret))
  },
  async 'when a policy does not allow it any more'(gateway) {
    const answer = await open(gateway, await gateway.token('helper'))
    await gateway.setPolicies('')
    return endOf(answer)
  },
}

for (const [when, end] of Object.entries(ENDS)) {
  test(`a stream without an end is ended ${when}, and the log says so`, async (t) => {
    const gateway = await rig(t)
    const text = await end(gateway)
    assert.match(text, /"code":-32001|"error"/)
    const [outcome] = await gateway.records('outcome')
    assert.ok(outcome !== undefined && !outcome.erased)
    assert.equal(outcome.body.status, 'cut')
  })
}

test('what takes a stream away is a decision with a record', async (t) => {
  const gateway = await rig(t)
  const answer = await open(gateway, await gateway.token('helper'))
  await gateway.setPolicies('')
  await endOf(answer)
  const decisions = (await gateway.records('decision')).flatMap((record) => (record.erased ? [] : [record.body]))
  assert.deepEqual(
    decisions.map(({ decision }) => decision),
    ['allow', 'deny'],
  )
})

test('a stream goes on while others lose what they have', async (t) => {
  const gateway = await rig(t)
  const [token, next] = [await gateway.token('helper'), await gateway.token('helper')]
  const { id, secret } = await gateway.directory.issueGatewayKey('helper')
  const answer = await open(gateway, next)
  const lost = [await open(gateway, token), await open(gateway, secret)]
  await gateway.revoke('helper', token)
  await gateway.directory.revokeGatewayKey(id)
  await Promise.all(lost.map(endOf))
  assert.equal(gateway.gateway.underWay, 1)
  await answer.body?.cancel()
})

test('one principal cannot have all the streams', async (t) => {
  const gateway = await rig(t)
  const token = await gateway.token('helper')
  const answers = []
  for (let i = 0; i < 100; i++) answers.push(await open(gateway, token))
  const more = await fetch(gateway.url('lab'), {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
  })
  assert.equal(more.status, 429)
  await (await open(gateway, await gateway.token('other'))).body?.cancel()
  await answers[0]?.body?.cancel()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await (await open(gateway, token)).body?.cancel()
  await Promise.all(answers.slice(1).map((answer) => answer.body?.cancel()))
})
