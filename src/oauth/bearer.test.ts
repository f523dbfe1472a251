import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { OAuthError } from './index.ts'
import { startTestServer } from './test-server.ts'

test('an access token is taken from the Authorization header', async (t) => {
  const { server, token, gw } = await startTestServer(t)
  const mine = await token('helper')
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const { caller, txn } = await server().authenticateBearer({ authorization: `${scheme} ${mine}` }, gw)
    assert.equal(caller.credential, decodeJwt(mine).jti)
    assert.equal(txn, decodeJwt(mine).txn)
  }
})

test('a gateway key is taken from either header, and each call is a request of its own', async (t) => {
  const { server, directory, gw, clock } = await startTestServer(t)
  const { id, secret, expiresAt } = await directory.issueGatewayKey('chat', { scope: ['models'], ttl: 60 })
  const authenticate = (headers: Record<string, string>) => server().authenticateBearer(headers, `${gw}/openai`)
  const first = await authenticate({ authorization: `Bearer ${secret}` })
  const second = await authenticate({ 'x-api-key': secret })
  assert.deepEqual(first.caller, {
    chain: [{ kind: 'Service', id: 'chat' }],
    delegation: undefined,
    authentication: { method: 'gateway_key', at: clock.now() },
    scope: new Set(['models']),
    credential: id,
    expiresAt,
  })
  assert.deepEqual(second.caller, first.caller)
  assert.notEqual(second.txn, first.txn)
  clock.advance(60_000)
  await assert.rejects(authenticate({ 'x-api-key': secret }), { code: 'invalid_token' }, 'expired')
})

test('two Authorization headers, as Node joins them, are no credential', async (t) => {
  const { server, token, gw } = await startTestServer(t)
  const mine = await token('helper')
  const authorization = `Bearer ${mine}, Bearer ${mine}`
  await assert.rejects(server().authenticateBearer({ authorization }, gw), { code: 'invalid_token' })
})

test('a gateway key is good at the gateway only', async (t) => {
  const { server, directory, gw, api } = await startTestServer(t)
  const { secret } = await directory.issueGatewayKey('chat')
  assert.ok(await server().authenticateBearer({ 'x-api-key': secret }, gw))
  await assert.rejects(server().authenticateBearer({ 'x-api-key': secret }, api), { code: 'invalid_token' })
})

test('revoking a gateway key ends it at once; suspending its principal is for the decision to see', async (t) => {
  const { server, directory, gw } = await startTestServer(t)
  const { id, secret } = await directory.issueGatewayKey('helper')
  const authenticate = () => server().authenticateBearer({ authorization: `Bearer ${secret}` }, gw)
  assert.ok(await authenticate())
  await directory.setStatus('helper', 'suspended')
  assert.equal((await authenticate()).caller.chain[0].id, 'helper')
  await directory.revokeGatewayKey(id)
  await assert.rejects(authenticate(), { code: 'invalid_token' })
})

test('what is no credential is refused, and so are two of them', async (t) => {
  const { server, token, directory, gw } = await startTestServer(t)
  const mine = await token('helper')
  const { secret } = await directory.issueGatewayKey('chat')
  await assert.rejects(server().authenticateBearer({}, gw), { code: 'no_credentials' })
  const wrong: readonly Record<string, string>[] = [
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: mine },
    { authorization: `Basic ${mine}` },
    { authorization: `Bearer ${mine} ${mine}` },
    { authorization: `Bearer ${mine}, Bearer ${mine}` },
    { authorization: `Bearer ${secret}x` },
    { authorization: 'Bearer spk_' },
    { authorization: `Bearer ${mine}`, 'x-api-key': secret },
    { authorization: 'Basic x', 'x-api-key': secret },
    { 'x-api-key': '' },
    { 'x-api-key': `${secret}, ${secret}` },
  ]
  for (const headers of wrong) {
    await assert.rejects(server().authenticateBearer(headers, gw), { code: 'invalid_token' }, JSON.stringify(headers))
  }
})

test('a 401 says where the authorization server is found, and why only that there was a credential', async (t) => {
  const { server, issuer, origin, gw } = await startTestServer(t)
  const resource = `${gw}/mcp/office`
  const none = new OAuthError('no_credentials', 'a credential is needed')
  const bad = new OAuthError('invalid_token', 'the credential is not valid', {
    detail: 'the signature is of another key',
  })
  assert.equal(server().challenge(none), `Bearer realm="${issuer}"`)
  assert.equal(
    server().challenge(bad, { resource, scope: ['tools'] }),
    `Bearer realm="${issuer}", error="invalid_token", scope="tools", ` +
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/t/demo/gw/mcp/office"`,
  )
  assert.deepEqual(server().resourceMetadata(resource, ['tools']), {
    resource,
    authorization_servers: [issuer],
    scopes_supported: ['tools'],
    bearer_methods_supported: ['header'],
  })
})
