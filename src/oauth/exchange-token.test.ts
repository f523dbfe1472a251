import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { parseDelegationId } from '../kernel/index.ts'
import { startTestServer, withAssertion } from './test-server.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

test('an agent takes over from a user: the chain grows, the request id stays', async (t) => {
  const { token, exchange, server, gw, store, events } = await startTestServer(t)
  const subject = await token('alice')
  const answer = await exchange('helper', subject, { scope: 'tools' })
  assert.equal(answer.issued_token_type, ACCESS_TOKEN)
  assert.equal(answer.token_type.toLowerCase(), 'bearer')
  assert.equal(answer.scope, 'tools')
  const claims = decodeJwt(answer.access_token)
  assert.equal(claims.sub, 'alice')
  assert.equal(claims.client_id, 'helper')
  assert.deepEqual(claims.act, { sub: 'helper' })
  assert.equal(claims.txn, decodeJwt(subject).txn)

  const verified = await server().verifyAccessToken(answer.access_token, gw)
  assert.deepEqual(verified.caller.chain, [
    { kind: 'User', id: 'alice' },
    { kind: 'Agent', id: 'helper' },
  ])
  assert.equal(verified.caller.delegation, claims.delegation)
  const [record] = await store.read((q) => q.selectFrom('delegations').selectAll().execute())
  assert.equal(record?.id, claims.delegation)
  assert.equal(record?.txn, claims.txn)
  assert.deepEqual(events.at(-1)?.token?.chain, verified.caller.chain)
  assert.equal(events.at(-1)?.event, 'exchanged')
  assert.equal(events.at(-1)?.txn, claims.txn)
})

test('a sub-agent adds a link, and the readers of `act` see it outermost', async (t) => {
  const { token, exchange, server, gw } = await startTestServer(t)
  const first = await exchange('helper', await token('alice'))
  const second = await exchange('scout', first.access_token)
  const claims = decodeJwt(second.access_token)
  assert.deepEqual(claims.act, { sub: 'scout', act: { sub: 'helper' } })
  const { caller } = await server().verifyAccessToken(second.access_token, gw)
  assert.deepEqual(
    caller.chain.map(({ id }) => id),
    ['alice', 'helper', 'scout'],
  )
})

test('scope, audience and lifetime only narrow', async (t) => {
  const { token, exchange, gw, api, clock } = await startTestServer(t)
  const subject = await token('alice', { scope: 'tools', resource: `${gw}/mcp` })
  clock.advance(100_000)
  const same = await exchange('helper', subject)
  assert.deepEqual([same.scope, decodeJwt(same.access_token).aud, same.expires_in], ['tools', `${gw}/mcp`, 200])
  assert.equal(decodeJwt(same.access_token).exp, decodeJwt(subject).exp)
  const narrow = await exchange('helper', subject, { resource: `${gw}/mcp/office` })
  assert.equal(decodeJwt(narrow.access_token).aud, `${gw}/mcp/office`)
  const wider = [
    [{ scope: 'tools models' }, 'invalid_scope'],
    [{ scope: 'admin' }, 'invalid_scope'],
    [{ resource: gw }, 'invalid_target'],
    [{ audience: gw }, 'invalid_target'],
    [{ resource: api }, 'invalid_target'],
    [{ resource: `${gw}/mcpx` }, 'invalid_target'],
    [{ resource: `${gw}/mcp/office`, audience: `${gw}/mcp/files` }, 'invalid_target'],
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
  ] as const
  for (const [parameters, error] of wider) {
    await assert.rejects(exchange('helper', subject, parameters), { error }, JSON.stringify(parameters))
  }
})

test('the holder may narrow its own token without a link', async (t) => {
  const { token, exchange, server, gw } = await startTestServer(t)
  const narrow = await exchange('helper', await token('helper'), { scope: 'models' })
  const { caller } = await server().verifyAccessToken(narrow.access_token, gw)
  assert.deepEqual(caller.chain, [{ kind: 'Agent', id: 'helper' }])
  assert.ok(caller.delegation)
  assert.equal(decodeJwt(narrow.access_token).act, undefined)
})

test('a subject token that does not hold is refused', async (t) => {
  const { token, exchange, directory, clock, post, assertion, ask } = await startTestServer(t)
  const refused = { error: 'invalid_request', error_description: 'subject_token is not acceptable' }
  const good = await token('alice')
  for (const bad of ['x', `${good}x`, `${good.slice(0, -4)}AAAA`, `a${'.'.repeat(3)}`, await assertion('alice')]) {
    await assert.rejects(exchange('helper', bad), refused, bad)
  }
  await directory.setStatus('bob', 'suspended')
  await directory.setStatus('bob', 'active')
  const ofBob = await token('bob')
  await directory.setStatus('bob', 'suspended')
  await assert.rejects(exchange('helper', ofBob), refused, 'suspended subject')

  const revoked = await token('alice')
  await post('/token/revocation', { token: revoked, ...withAssertion(await assertion('alice')) })
  await assert.rejects(exchange('helper', revoked), refused, 'revoked')

  clock.advance(300_000)
  await assert.rejects(exchange('helper', good), refused, 'expired')

  const missing = await ask('/token', {
    grant_type: EXCHANGE,
    subject_token_type: ACCESS_TOKEN,
    ...withAssertion(await assertion('helper')),
  })
  assert.equal(missing.body.error, 'invalid_request')
})

test('token types other than access tokens are refused', async (t) => {
  const { token, exchange } = await startTestServer(t)
  const subject = await token('alice')
  const wrong = [
    { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
    { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    { actor_token: await token('helper') },
    { actor_token_type: ACCESS_TOKEN },
  ]
  for (const parameters of wrong) {
    await assert.rejects(
      exchange('helper', subject, parameters),
      { error: 'invalid_request' },
      JSON.stringify(parameters),
    )
  }
})

test('an actor token must be the own token of the client', async (t) => {
  const { token, exchange } = await startTestServer(t)
  const subject = await token('alice')
  const own = { actor_token: await token('helper'), actor_token_type: ACCESS_TOKEN }
  assert.ok((await exchange('helper', subject, own)).access_token)
  const delegated = (await exchange('helper', subject)).access_token
  for (const actor of [await token('scout'), delegated, 'x']) {
    await assert.rejects(exchange('helper', subject, { ...own, actor_token: actor }), {
      error: 'invalid_request',
      error_description: 'actor_token is not acceptable',
    })
  }
})

test('what was derived falls with what it was derived from, also after a restart', async (t) => {
  const { token, exchange, server, gw, assertion, post, restart } = await startTestServer(t)
  const root = await token('alice')
  const first = (await exchange('helper', root)).access_token
  const second = (await exchange('scout', first)).access_token
  const sibling = (await exchange('scout', root)).access_token
  const holds = async (one: string) =>
    server()
      .verifyAccessToken(one, gw)
      .then(
        () => true,
        () => false,
      )
  const state = () => Promise.all([root, first, second, sibling].map(holds))
  assert.deepEqual(await state(), [true, true, true, true])
  await post('/token/revocation', { token: first, ...withAssertion(await assertion('helper')) })
  assert.deepEqual(await state(), [true, false, false, true])
  await restart()
  assert.deepEqual(await state(), [true, false, false, true])
  await post('/token/revocation', { token: root, ...withAssertion(await assertion('alice')) })
  assert.deepEqual(await state(), [false, false, false, false])
})

test('a delegation can be revoked by its id', async (t) => {
  const { token, exchange, server, gw, restart } = await startTestServer(t)
  const answer = await exchange('helper', await token('alice'))
  const id = parseDelegationId(decodeJwt(answer.access_token).delegation) ?? assert.fail()
  assert.ok(await server().verifyAccessToken(answer.access_token, gw))
  await server().revokeDelegation(id)
  await assert.rejects(server().verifyAccessToken(answer.access_token, gw), { code: 'invalid_token' })
  await restart()
  await assert.rejects(server().verifyAccessToken(answer.access_token, gw), { code: 'invalid_token' })
})

test('suspending anybody in the chain ends the token at once', async (t) => {
  const { token, exchange, server, gw, directory } = await startTestServer(t)
  const answer = await exchange('scout', (await exchange('helper', await token('bob'))).access_token)
  for (const name of ['bob', 'helper', 'scout', 'alice']) {
    assert.ok(await server().verifyAccessToken(answer.access_token, gw))
    await directory.setStatus(name, 'suspended')
    await assert.rejects(server().verifyAccessToken(answer.access_token, gw), { code: 'invalid_token' }, name)
    await directory.setStatus(name, 'active')
  }
})

test('a chain has an end', async (t) => {
  const { token, exchange } = await startTestServer(t)
  let current = await token('alice')
  const turns = ['helper', 'scout'] as const
  for (let length = 2; length <= 8; length++) {
    current = (await exchange(turns[length % 2] ?? 'helper', current)).access_token
  }
  await assert.rejects(exchange('scout', current), {
    error: 'invalid_request',
    error_description: 'the delegation chain is too long',
  })
})

test('no record, no exchanged token', async (t) => {
  const { token, ask, assertion, log } = await startTestServer(t)
  const subject = await token('alice')
  log.broken = true
  const answer = await ask('/token', {
    grant_type: EXCHANGE,
    subject_token: subject,
    subject_token_type: ACCESS_TOKEN,
    ...withAssertion(await assertion('helper')),
  })
  assert.equal(answer.status, 503)
  assert.equal(answer.body.error, 'temporarily_unavailable')
})

test('records of expired delegations do not pile up', async (t) => {
  const { token, exchange, clock, store } = await startTestServer(t)
  const first = await exchange('helper', await token('alice'))
  await exchange('scout', first.access_token)
  clock.advance(400_000)
  await exchange('helper', await token('alice'))
  const rows = await store.read((q) => q.selectFrom('delegations').select('id').execute())
  assert.equal(rows.length, 1)
})
