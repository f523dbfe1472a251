import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import * as oidc from 'openid-client'
import { answerOf, startTestServer, withAssertion } from './test-server.ts'

test('discovery answers at every address that a client may try, and says the same', async (t) => {
  const { issuer, origin } = await startTestServer(t)
  const documents = await Promise.all(
    [
      `${issuer}/.well-known/openid-configuration`,
      `${issuer}/.well-known/oauth-authorization-server`,
      `${origin}/.well-known/oauth-authorization-server/t/demo`,
      `${origin}/.well-known/openid-configuration/t/demo`,
    ].map(async (url) => (await fetch(url)).json()),
  )
  for (const document of documents) assert.deepEqual(document, documents[0])
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const found = await oidc.discovery(new URL(issuer), 'helper', undefined, oidc.None(), {
      algorithm,
      execute: [oidc.allowInsecureRequests],
    })
    assert.equal(found.serverMetadata().issuer, issuer)
  }
})

test('discovery says what is built, and what is not built cannot be reached', async (t) => {
  const { issuer } = await startTestServer(t)
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
  assert.deepEqual(metadata, {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/token/introspection`,
    revocation_endpoint: `${issuer}/token/revocation`,
    response_types_supported: [],
    grant_types_supported: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    scopes_supported: ['models', 'tools', 'admin'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA', 'PS256'],
    introspection_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    introspection_endpoint_auth_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA', 'PS256'],
    revocation_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    revocation_endpoint_auth_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA', 'PS256'],
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  })
  for (const path of [
    '/me',
    '/reg',
    '/session/end',
    '/session/end/confirm',
    '/device',
    '/device/auth',
    '/request',
    '/backchannel',
    '/challenge',
    '/interaction/x',
    '/auth/x',
    '/TOKEN',
    '/token/',
  ]) {
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(`${issuer}${path}`, { method })
      assert.equal(answer.status, 404, `${method} ${path}`)
    }
  }
  const authorization = await fetch(`${issuer}/auth?client_id=helper&response_type=code`)
  assert.equal(authorization.status, 400)
  assert.deepEqual(await authorization.json(), { error: 'unsupported_response_type' })
})

test('other grants are refused', async (t) => {
  const { ask, assertion } = await startTestServer(t)
  for (const grant of [
    'authorization_code',
    'refresh_token',
    'password',
    'implicit',
    'urn:ietf:params:oauth:grant-type:device_code',
  ]) {
    const answer = await ask('/token', { grant_type: grant, ...withAssertion(await assertion('helper')) })
    assert.equal(answer.status, 400, grant)
    assert.equal(answer.body.error, 'unsupported_grant_type', grant)
  }
})

test('nothing comes from the Host header', async (t) => {
  const { issuer, origin, assertion, server } = await startTestServer(t)
  const { port } = new URL(origin)
  const send = (path: string, method: string, body = ''): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = {
        host: 'evil.example',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        forwarded: 'host=evil.example',
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(body),
      }
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, async (answer) => {
        let text = ''
        for await (const chunk of answer) text += String(chunk)
        resolve({ status: answer.statusCode ?? 0, text: `${JSON.stringify(answer.headers)}${text}` })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const discovery = await send('/t/demo/.well-known/openid-configuration', 'GET')
  assert.equal(discovery.status, 200)
  assert.ok(discovery.text.includes(`"token_endpoint":"${issuer}/token"`))
  assert.ok(!discovery.text.includes('evil'))

  const grant = async (audience: string) =>
    send(
      '/t/demo/token',
      'POST',
      new URLSearchParams({
        grant_type: 'client_credentials',
        ...withAssertion(await assertion('helper', { aud: audience })),
      }).toString(),
    )
  for (const audience of [
    'http://evil.example/t/demo/token',
    'https://evil.example/token',
    'http://evil.example/token',
  ]) {
    assert.equal((await grant(audience)).status, 401, `an assertion for ${audience} is not for us`)
  }
  for (const audience of [issuer, `${issuer}/token`]) assert.equal((await grant(audience)).status, 200, audience)
  assert.equal(server().issuer, issuer)
})

test('an oversized body is refused before anybody reads it, declared or not', async (t) => {
  const { issuer } = await startTestServer(t)
  const body = `grant_type=${'x'.repeat(60 * 1024)}`
  const declared = await fetch(`${issuer}/token`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(declared.status, 413)
  assert.equal((await answerOf(declared)).body.error, 'invalid_request')
  const chunked = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: ReadableStream.from([new TextEncoder().encode(body)]),
    duplex: 'half',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(chunked.status, 413)
})

test('a body that comes in chunks is read like any other', async (t) => {
  const { issuer, assertion } = await startTestServer(t)
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...withAssertion(await assertion('helper')),
  }).toString()
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: ReadableStream.from([body.slice(0, 40), body.slice(40)].map((part) => new TextEncoder().encode(part))),
    duplex: 'half',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(answer.status, 200)
})

test('bodies that are no form, and parameters sent twice, get an OAuth error', async (t) => {
  const { issuer, assertion } = await startTestServer(t)
  const json = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(json.status, 400)
  const twice = new URLSearchParams({ grant_type: 'client_credentials', ...withAssertion(await assertion('helper')) })
  twice.append('scope', 'models')
  twice.append('scope', 'tools')
  const answer = await fetch(`${issuer}/token`, { method: 'POST', body: twice })
  assert.equal(answer.status, 400)
  assert.equal((await answerOf(answer)).body.error, 'invalid_request')
})

test('a method that an address does not know gets 405', async (t) => {
  const { issuer } = await startTestServer(t)
  const answer = await fetch(`${issuer}/token`)
  assert.equal(answer.status, 405)
  assert.equal(answer.headers.get('allow'), 'POST')
})

test('errors are JSON also for a browser, and nothing sets a cookie', async (t) => {
  const { issuer, post } = await startTestServer(t)
  const refused = await post('/token', { grant_type: 'client_credentials', client_id: 'x' }, { accept: 'text/html' })
  assert.equal(refused.status, 401)
  assert.match(refused.headers.get('content-type') ?? '', /^application\/json/)
  for (const path of ['/jwks', '/.well-known/openid-configuration']) {
    assert.deepEqual((await fetch(`${issuer}${path}`)).headers.getSetCookie(), [])
  }
  assert.deepEqual(refused.headers.getSetCookie(), [])
})

test('after a rotation new tokens are signed with the new key, and the old ones still hold', async (t) => {
  const { issuer, keyRing, token, server, gw } = await startTestServer(t)
  const before = await token('helper')
  const old = keyRing.signing().kid
  await keyRing.rotateSigning()
  const after = await token('helper')
  assert.equal(decodeProtectedHeader(before).kid, old)
  assert.equal(decodeProtectedHeader(after).kid, keyRing.signing().kid)
  const { keys } = (await answerOf(await fetch(`${issuer}/jwks`))).body
  assert.ok(Array.isArray(keys))
  assert.deepEqual(
    keys.map((key) => key.kid),
    [keyRing.signing().kid, old],
  )
  assert.ok(keys.every((key) => !('d' in key)))
  for (const one of [before, after]) assert.ok(await server().verifyAccessToken(one, gw))
})

test('an error of ours is reported and said to nobody', async (t) => {
  const { store, faults, post, assertion } = await startTestServer(t)
  const body = { grant_type: 'client_credentials', ...withAssertion(await assertion('helper')) }
  await store.close()
  const answer = await post('/token', body)
  assert.equal(answer.status, 500)
  assert.deepEqual(await answer.json(), {
    error: 'server_error',
    error_description: 'oops! something went wrong',
  })
  assert.equal(faults.length, 1)
})
