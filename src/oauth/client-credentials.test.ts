import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import { parseManifest } from '../identity/index.ts'
import { startTestServer, withAssertion } from './test-server.ts'

const GRANT = { grant_type: 'client_credentials' }

test('an agent gets a short-lived token with its own key', async (t) => {
  const { issuer, gw, client, clock } = await startTestServer(t)
  const answer = await oidc.clientCredentialsGrant(await client('helper'), { scope: 'models' })
  assert.equal(answer.expires_in, 300)
  assert.equal(answer.scope, 'models')
  const { payload, protectedHeader } = await jwtVerify(
    answer.access_token,
    createRemoteJWKSet(new URL(`${issuer}/jwks`)),
    { issuer, audience: gw, typ: 'at+jwt', algorithms: ['ES256'], currentDate: new Date(clock.now()) },
  )
  assert.deepEqual(Object.keys(protectedHeader).sort(), ['alg', 'kid', 'typ'])
  const { jti, txn, ...rest } = payload
  const now = clock.now() / 1000
  assert.deepEqual(rest, {
    iss: issuer,
    sub: 'helper',
    client_id: 'helper',
    aud: gw,
    scope: 'models',
    iat: now,
    exp: now + 300,
    client_auth: 'private_key_jwt',
  })
  assert.match(String(txn), /^txn_[0-9a-z]{26}$/)
  assert.match(String(jti), /^at_[0-9a-z]{26}$/)
})

test('every token begins a request of its own', async (t) => {
  const { token } = await startTestServer(t)
  const [a, b] = [decodeJwt(await token('helper')), decodeJwt(await token('helper'))]
  assert.notEqual(a.txn, b.txn)
  assert.notEqual(a.jti, b.jti)
})

test('a service with a secret may send it in either place', async (t) => {
  const { issuer, secret } = await startTestServer(t)
  for (const method of [oidc.ClientSecretBasic, oidc.ClientSecretPost]) {
    const configuration = await oidc.discovery(new URL(issuer), 'chat', undefined, method(secret), {
      execute: [oidc.allowInsecureRequests],
    })
    const answer = await oidc.clientCredentialsGrant(configuration)
    assert.equal(decodeJwt(answer.access_token).client_auth, 'client_secret')
    assert.equal(answer.scope, 'models tools')
  }
})

test('who fails to prove who it is gets the same answer, whatever was wrong', async (t) => {
  const { ask, assertion, secret, privateKeys, issuer } = await startTestServer(t)
  const now = Math.floor(Date.now() / 1000)
  const forged = await new SignJWT({ iss: 'helper', sub: 'helper', aud: issuer, jti: 'x', exp: now + 60 })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const others = await new SignJWT({ iss: 'helper', sub: 'helper', aud: issuer, jti: 'y', exp: now + 60 })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(privateKeys.scout)
  const [, payload] = (await assertion('helper')).split('.')
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
  const symmetric = await new SignJWT({ iss: 'chat', sub: 'chat', aud: issuer, jti: 'z', exp: now + 60 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode('kept as a hash'))
  const attempts: readonly Record<string, string>[] = [
    { client_id: 'chat', client_secret: `${secret}x` },
    { client_id: 'chat', client_secret: 'kept as a hash' },
    { client_id: 'nobody', client_secret: secret },
    { client_id: 'helper', client_secret: secret },
    { client_id: 'helper' },
    { client_id: 'idle' },
    withAssertion(forged),
    withAssertion(others),
    withAssertion(none),
    withAssertion(symmetric),
    withAssertion(await assertion('helper', { exp: now - 120 })),
    withAssertion(await assertion('helper', { exp: now + 7200 })),
    withAssertion(await assertion('helper', { aud: [issuer, 'https://elsewhere.example'] })),
    withAssertion(await assertion('helper', { aud: 'https://elsewhere.example' })),
    withAssertion(await assertion('helper', { iss: 'scout' })),
    withAssertion(await assertion('helper', { jti: 'j'.repeat(300) })),
    withAssertion(await assertion('helper', { jti: undefined })),
  ]
  for (const attempt of attempts) {
    const { status, body } = await ask('/token', { ...GRANT, ...attempt })
    assert.deepEqual(
      { status, body },
      { status: 401, body: { error: 'invalid_client', error_description: 'client authentication failed' } },
      JSON.stringify(attempt),
    )
  }
})

test('of eight concurrent uses of one assertion exactly one passes, and none after a restart', async (t) => {
  const { assertion, post, restart } = await startTestServer(t)
  const body = { ...GRANT, ...withAssertion(await assertion('helper')) }
  const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await post('/token', body)).status))
  assert.deepEqual(statuses.toSorted(), [200, 401, 401, 401, 401, 401, 401, 401])
  await restart()
  assert.equal((await post('/token', body)).status, 401)
})

test('the same jti of two clients is two assertions', async (t) => {
  const { assertion, post } = await startTestServer(t)
  for (const name of ['helper', 'scout'] as const) {
    const body = { ...GRANT, ...withAssertion(await assertion(name, { jti: 'same' })) }
    assert.equal((await post('/token', body)).status, 200)
  }
})

test('used assertions are forgotten once they have expired', async (t) => {
  const { store, token, clock } = await startTestServer(t)
  await token('helper')
  clock.advance(2 * 60 * 60 * 1000)
  await token('scout')
  const rows = await store.read((q) => q.selectFrom('used_assertions').select('issuer').execute())
  assert.deepEqual(
    rows.map((row) => row.issuer),
    ['scout'],
  )
})

test('a token is for the audience and scope that were asked for', async (t) => {
  const { gw, api, token } = await startTestServer(t)
  const cases = [
    [{}, gw, 'models tools'],
    [{ resource: gw, scope: 'tools' }, gw, 'tools'],
    [{ resource: `${gw}/mcp/office` }, `${gw}/mcp/office`, 'models tools'],
    [{ resource: api }, api, 'admin'],
  ] as const
  for (const [parameters, aud, scope] of cases) {
    const claims = decodeJwt(await token('helper', parameters))
    assert.deepEqual([claims.aud, claims.scope], [aud, scope])
  }
})

test('an audience or scope that does not exist is refused', async (t) => {
  const { ask, assertion, gw, api } = await startTestServer(t)
  const cases = [
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
    [{ resource: `${gw}x` }, 'invalid_target'],
    [{ resource: `${gw}/../api` }, 'invalid_target'],
    [{ resource: `${gw}/%2e%2e/api` }, 'invalid_target'],
    [{ resource: `${gw}?x=1` }, 'invalid_target'],
    [{ resource: 'gw' }, 'invalid_target'],
    [{ scope: 'admin' }, 'invalid_scope'],
    [{ scope: 'models openid' }, 'invalid_scope'],
    [{ scope: 'offline_access' }, 'invalid_scope'],
    [{ resource: api, scope: 'models' }, 'invalid_scope'],
  ] as const
  for (const [parameters, error] of cases) {
    const { status, body } = await ask('/token', {
      ...GRANT,
      ...withAssertion(await assertion('helper')),
      ...parameters,
    })
    assert.equal(status, 400, JSON.stringify(parameters))
    assert.equal(body.error, error, JSON.stringify(parameters))
  }
})

test('the suspended get no token, nor do the agents of a suspended sponsor', async (t) => {
  const { directory, token } = await startTestServer(t)
  await directory.setStatus('alice', 'suspended')
  for (const name of ['alice', 'helper'] as const) {
    await assert.rejects(token(name), { error: 'invalid_client' }, name)
  }
  assert.ok(await token('bob'))
  await directory.setStatus('alice', 'active')
  assert.ok(await token('helper'))
})

test('a key that was taken away proves nothing any more', async (t) => {
  const { directory, token } = await startTestServer(t)
  assert.ok(await token('helper'))
  const next = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  await directory.apply(
    parseManifest(`agents: { helper: { sponsor: alice, keys: [${JSON.stringify(next)}] } }`, 'k.yaml'),
  )
  await assert.rejects(token('helper'), { error: 'invalid_client' })
})

test('a token is recorded before it leaves', async (t) => {
  const { token, events, gw, clock } = await startTestServer(t)
  const claims = decodeJwt(await token('helper', { scope: 'tools' }))
  assert.deepEqual(events, [
    {
      event: 'issued',
      at: clock.now(),
      txn: claims.txn,
      traceparent: undefined,
      client: 'helper',
      token: {
        id: claims.jti,
        chain: [{ kind: 'Agent', id: 'helper' }],
        delegation: undefined,
        scope: ['tools'],
        audience: gw,
        authentication: 'private_key_jwt',
        expiresAt: clock.now() + 300_000,
      },
    },
  ])
})

test('no record, no token', async (t) => {
  const { ask, assertion, log, events } = await startTestServer(t)
  log.broken = true
  const attempt = async () => ask('/token', { ...GRANT, ...withAssertion(await assertion('helper')) })
  assert.deepEqual(await attempt(), {
    status: 503,
    body: { error: 'temporarily_unavailable', error_description: 'the log does not take records' },
  })
  log.broken = false
  assert.equal((await attempt()).status, 200)
  assert.equal(events.length, 1)
})

test('what is refused to a known client is recorded, what nobody asked for is not', async (t) => {
  const { ask, assertion, events, log, faults } = await startTestServer(t)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await ask('/token', { ...GRANT, scope: 'admin', ...withAssertion(await assertion('helper')) }, { traceparent })
  await ask('/token', { ...GRANT, client_id: 'chat', client_secret: 'wrong' })
  await ask('/token', { ...GRANT, client_id: 'nobody', client_secret: 'wrong' })
  await ask('/token', { x: 'y' })
  assert.deepEqual(
    events.map(({ event, client, error, traceparent: parent }) => ({ event, client, error, parent })),
    [
      { event: 'refused', client: 'helper', error: 'invalid_scope', parent: traceparent },
      { event: 'refused', client: 'chat', error: 'invalid_client', parent: undefined },
    ],
  )
  log.broken = true
  const refused = await ask('/token', { ...GRANT, client_id: 'chat', client_secret: 'wrong' })
  assert.equal(refused.status, 401, 'a refusal stands without its record')
  assert.equal(faults.length, 1)
})

test('whoever only claims to be a client cannot fill the log, and how often it was tried is recorded', async (t) => {
  const { ask, assertion, events, clock } = await startTestServer(t)
  for (let i = 0; i < 25; i++) await ask('/token', { ...GRANT, client_id: 'helper', client_secret: 'guessed' })
  for (let i = 0; i < 5; i++) {
    await ask('/token', { ...GRANT, client_id: 'helper' }, { 'oauth-client-attestation-pop': 'x' })
  }
  assert.equal(events.length, 10)
  await ask('/token', { ...GRANT, client_id: 'scout', client_secret: 'guessed' })
  assert.equal(events.at(-1)?.client, 'scout', 'others are recorded all the same')
  await ask('/token', { ...GRANT, scope: 'admin', ...withAssertion(await assertion('helper')) })
  assert.equal(events.at(-1)?.error, 'invalid_scope', 'and so is what the client itself is refused')
  clock.advance(60_000)
  await ask('/token', { ...GRANT, client_id: 'helper', client_secret: 'guessed' })
  assert.deepEqual([events.at(-1)?.client, events.at(-1)?.unrecorded], ['helper', 20])
})
