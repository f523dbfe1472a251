import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { OAuthError } from './index.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const THE_ANSWER = { name: 'OAuthError', code: 'invalid_token', publicMessage: 'the credential is not valid' }

/** A token whose header, claims or key are other than ours, one thing at a time. */
async function forge(
  { keyRing }: TestServer,
  token: string,
  change: { header?: object; claims?: object; key?: Parameters<SignJWT['sign']>[0] },
): Promise<string> {
  const header = { ...decodeProtectedHeader(token), alg: 'ES256', ...change.header }
  return new SignJWT({ ...decodeJwt(token), ...change.claims })
    .setProtectedHeader(header)
    .sign(change.key ?? keyRing.signing().privateKey)
}

async function started(t: TestContext) {
  const fixture = await startTestServer(t)
  const good = await fixture.token('helper')
  const verify = (token: string, audience = fixture.gw) => fixture.server().verifyAccessToken(token, audience)
  return { ...fixture, fixture, good, verify }
}

test('a token of ours is accepted, and says who calls', async (t) => {
  const { good, verify, gw, clock } = await started(t)
  const claims = decodeJwt(good)
  const { caller, txn, audience, clientId } = await verify(good)
  assert.deepEqual(caller, {
    chain: [{ kind: 'Agent', id: 'helper' }],
    delegation: undefined,
    authentication: { method: 'private_key_jwt', at: clock.now() },
    scope: new Set(['models', 'tools']),
    credential: claims.jti,
    lineage: [claims.jti],
    expiresAt: clock.now() + 300_000,
  })
  assert.deepEqual([txn, audience, clientId], [claims.txn, gw, 'helper'])
})

test('whatever is wrong with a token, the answer is the same', async (t) => {
  const { fixture, good, verify, issuer, gw, api } = await started(t)
  const [header, payload, signature] = good.split('.')
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const none = encoded({ ...decodeProtectedHeader(good), alg: 'none' })
  const publicPem = new TextEncoder().encode(
    fixture.keyRing.signing().publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  )
  const bad: Readonly<Record<string, string>> = {
    empty: '',
    'not a token': 'x',
    'alg none, no signature': `${none}.${payload}.`,
    'alg none, our signature': `${none}.${payload}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'two parts': `${header}.${payload}`,
    'four parts': `${good}.${signature}`,
    'changed signature': `${header}.${payload}.${'A'.repeat(86)}`,
    'changed payload': `${header}.${encoded({ ...decodeJwt(good), sub: 'alice' })}.${signature}`,
    'padded signature': `${good}==`,
    'stray bits in the signature': `${good.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[good.slice(-1)]}`,
    'standard alphabet': `${header}.${payload}.${'+/'.repeat(43)}`,
    'trailing space': `${good} `,
    'key of somebody else': await forge(fixture, good, { key: other.privateKey }),
    'key of somebody else, embedded': await forge(fixture, good, {
      key: other.privateKey,
      header: { jwk: other.publicKey.export({ format: 'jwk' }) },
    }),
    'another kid': await forge(fixture, good, { header: { kid: 'other' } }),
    'no kid': await forge(fixture, good, { header: { kid: undefined } }),
    'another typ': await forge(fixture, good, { header: { typ: 'JWT' } }),
    'no typ': await forge(fixture, good, { header: { typ: undefined } }),
    'our public key as HMAC secret': await forge(fixture, good, { header: { alg: 'HS256' }, key: publicPem }),
    'another issuer': await forge(fixture, good, { claims: { iss: `${issuer}x` } }),
    'another audience': await forge(fixture, good, { claims: { aud: api } }),
    'two audiences': await forge(fixture, good, { claims: { aud: [gw, api] } }),
    'no audience': await forge(fixture, good, { claims: { aud: undefined } }),
    'no expiry': await forge(fixture, good, { claims: { exp: undefined } }),
    'not yet valid': await forge(fixture, good, { claims: { nbf: Math.floor(Date.now() / 1000) + 60 } }),
    'unknown principal': await forge(fixture, good, { claims: { sub: 'ghost', client_id: 'ghost' } }),
    'client other than actor': await forge(fixture, good, { claims: { client_id: 'scout' } }),
    'no txn': await forge(fixture, good, { claims: { txn: undefined } }),
    'delegation that is not there': await forge(fixture, good, { claims: { delegation: `dlg_${'0'.repeat(26)}` } }),
    'delegation that is no id': await forge(fixture, good, { claims: { delegation: 'x' } }),
    oversized: await forge(fixture, good, { claims: { padding: 'x'.repeat(9000) } }),
    'an assertion': await fixture.assertion('helper', { aud: gw }),
  }
  for (const [what, token] of Object.entries(bad)) {
    const error = await verify(token).then(
      () => assert.fail(`accepted: ${what}`),
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof OAuthError, what)
    const { name, code, publicMessage } = error
    assert.deepEqual({ name, code, publicMessage }, THE_ANSWER, what)
  }
  assert.ok(await verify(good))
})

test('an unchanged token signed again by us passes, so the cases above fail for their own reasons', async (t) => {
  const { fixture, good, verify } = await started(t)
  assert.ok(await verify(await forge(fixture, good, {})))
})

test('the claims of a delegated token must be those of its record', async (t) => {
  const { fixture, token, exchange, verify } = await started(t)
  const delegated = (await exchange('helper', await token('alice'))).access_token
  const other = decodeJwt((await exchange('scout', await token('bob'))).access_token)
  assert.ok(await verify(await forge(fixture, delegated, {})))
  const wrong = [
    { sub: 'bob' },
    { client_id: 'scout' },
    { txn: other.txn },
    { delegation: other.delegation },
    { delegation: undefined },
  ]
  for (const claims of wrong) {
    await assert.rejects(verify(await forge(fixture, delegated, { claims })), THE_ANSWER, JSON.stringify(claims))
  }
})

test('a token is good at its audience and below it', async (t) => {
  const { token, verify, gw, api, issuer } = await started(t)
  const narrow = await token('helper', { resource: `${gw}/mcp/office` })
  assert.ok(await verify(narrow, `${gw}/mcp/office`))
  for (const elsewhere of [gw, `${gw}/mcp`, `${gw}/mcp/officer`, `${gw}/openai`, api, issuer]) {
    await assert.rejects(verify(narrow, elsewhere), THE_ANSWER, elsewhere)
  }
  assert.ok(await verify(await token('helper'), `${gw}/mcp/office`))
})

test('a token that was verified before still expires, and its holder can be suspended', async (t) => {
  const { good, verify, clock, directory } = await started(t)
  assert.ok(await verify(good))
  await directory.setStatus('helper', 'suspended')
  await assert.rejects(verify(good), THE_ANSWER)
  await directory.setStatus('helper', 'active')
  assert.ok(await verify(good))
  clock.advance(299_999)
  assert.ok(await verify(good))
  clock.advance(1)
  await assert.rejects(verify(good), THE_ANSWER)
})

test('a token whose key is no longer published is not accepted', async (t) => {
  const { good, verify, keyRing, clock, fixture } = await started(t)
  const old = keyRing.signing()
  const now = await keyRing.rotateSigning()
  assert.ok(await verify(good), 'retired a moment ago')
  clock.advance(25 * 60 * 60 * 1000)
  const claims = { exp: Math.floor(clock.now() / 1000) + 60 }
  const withOld = await forge(fixture, good, { claims, key: old.privateKey })
  await assert.rejects(verify(withOld), THE_ANSWER)
  assert.ok(await verify(await forge(fixture, good, { claims, key: now.privateKey, header: { kid: now.kid } })))
})

test('a token is verified once and then known', async (t) => {
  const { good, verify } = await started(t)
  const first = await verify(good)
  assert.equal(await verify(good), first)
  const rounds = 20_000
  const before = process.hrtime.bigint()
  for (let i = 0; i < rounds; i++) await verify(good)
  const each = Number(process.hrtime.bigint() - before) / rounds / 1000
  t.diagnostic(`${each.toFixed(2)} µs a check`)
  assert.ok(each < 100, `${each} µs: a signature was verified again`)
})

test('no text makes the check do anything but refuse', async (t) => {
  const { good, verify } = await started(t)
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.constantFrom(...good.split('.')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const text = parts.join('.')
      if (text !== good) await assert.rejects(verify(text), THE_ANSWER)
    }),
    { numRuns: 200 },
  )
})
