import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { startTestServer, withAssertion } from './test-server.ts'

test('introspection tells what a token is worth', async (t) => {
  const { client, token, exchange, issuer, gw } = await startTestServer(t)
  const answer = await exchange('helper', await token('alice'), { scope: 'tools' })
  const claims = decodeJwt(answer.access_token)
  assert.deepEqual(await oidc.tokenIntrospection(await client('scout'), answer.access_token), {
    active: true,
    token_type: 'Bearer',
    iss: issuer,
    sub: 'alice',
    client_id: 'helper',
    aud: gw,
    scope: 'tools',
    iat: claims.iat,
    exp: claims.exp,
    jti: claims.jti,
    txn: claims.txn,
    delegation: claims.delegation,
  })
})

test('of a token that does not hold introspection says only that', async (t) => {
  const { client, token, directory, clock } = await startTestServer(t)
  const scout = await client('scout')
  const good = await token('bob')
  const inspect = (one: string) => oidc.tokenIntrospection(scout, one)
  for (const bad of [`${good}x`, 'opaque', 'a.b.c', `${good.slice(0, -6)}AAAAAA`, `${good}${'x'.repeat(9000)}`]) {
    assert.deepEqual(await inspect(bad), { active: false }, bad)
  }
  await directory.setStatus('bob', 'suspended')
  assert.deepEqual(await inspect(good), { active: false })
  await directory.setStatus('bob', 'active')
  assert.equal((await inspect(good)).active, true)
  clock.advance(300_000)
  assert.deepEqual(await inspect(good), { active: false })
})

test('introspection and revocation are for clients only', async (t) => {
  const { ask, token } = await startTestServer(t)
  const good = await token('bob')
  for (const path of ['/token/introspection', '/token/revocation']) {
    const anonymous = await ask(path, { token: good })
    assert.equal(anonymous.status, 400, path)
    const wrong = await ask(path, { token: good, client_id: 'chat', client_secret: 'wrong' })
    assert.deepEqual([wrong.status, wrong.body.error], [401, 'invalid_client'], path)
    assert.ok(!('active' in wrong.body))
  }
})

test('a revoked token stays revoked over a restart', async (t) => {
  const { client, token, server, gw, restart, events } = await startTestServer(t)
  const mine = await token('helper')
  assert.ok(await server().verifyAccessToken(mine, gw))
  await oidc.tokenRevocation(await client('helper'), mine)
  await assert.rejects(server().verifyAccessToken(mine, gw), { code: 'invalid_token' })
  await restart()
  await assert.rejects(server().verifyAccessToken(mine, gw), { code: 'invalid_token' })
  assert.deepEqual(await oidc.tokenIntrospection(await client('helper'), mine), { active: false })
  const revoked = events.filter(({ event }) => event === 'revoked')
  assert.deepEqual(
    revoked.map(({ client: by, token: of }) => [by, of?.id]),
    [['helper', decodeJwt(mine).jti]],
  )
})

test('everybody in the chain may revoke a token, and nobody else', async (t) => {
  const { client, token, exchange, server, gw } = await startTestServer(t)
  const issue = async () => (await exchange('helper', await token('alice'))).access_token
  for (const name of ['alice', 'helper'] as const) {
    const delegated = await issue()
    await oidc.tokenRevocation(await client(name), delegated)
    await assert.rejects(server().verifyAccessToken(delegated, gw), { code: 'invalid_token' }, name)
  }
  const delegated = await issue()
  await assert.rejects(oidc.tokenRevocation(await client('bob'), delegated), { error: 'unauthorized_client' })
  assert.ok(await server().verifyAccessToken(delegated, gw))
})

test('revoking what does not hold is no error', async (t) => {
  const { client, token } = await startTestServer(t)
  const helper = await client('helper')
  const mine = await token('helper')
  await oidc.tokenRevocation(helper, mine)
  for (const one of [mine, 'opaque', 'a.b.c']) await oidc.tokenRevocation(helper, one)
})

test('a token is revoked even when that cannot be recorded, and the client hears of it', async (t) => {
  const { ask, assertion, token, server, gw, log } = await startTestServer(t)
  const mine = await token('helper')
  log.broken = true
  const answer = await ask('/token/revocation', { token: mine, ...withAssertion(await assertion('helper')) })
  assert.deepEqual([answer.status, answer.body.error], [503, 'temporarily_unavailable'])
  await assert.rejects(server().verifyAccessToken(mine, gw), { code: 'invalid_token' })
})

test('revocations of expired tokens are forgotten', async (t) => {
  const { client, token, clock, store } = await startTestServer(t)
  for (const _ of [1, 2]) {
    const mine = await token('helper')
    await oidc.tokenRevocation(await client('helper'), mine)
    clock.advance(400_000)
  }
  await oidc.tokenRevocation(await client('helper'), await token('helper'))
  const rows = await store.read((q) => q.selectFrom('revoked_tokens').select('jti').execute())
  assert.equal(rows.length, 1)
})
