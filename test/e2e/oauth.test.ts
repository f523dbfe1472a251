import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { createRemoteJWKSet, importJWK, jwtVerify, SignJWT } from 'jose'
import {
  allowInsecureRequests,
  type Configuration,
  clientCredentialsGrant,
  discovery,
  genericGrantRequest,
  PrivateKeyJwt,
  tokenRevocation,
} from 'openid-client'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { accessToken, claimsOf, openaiClient } from './clients.ts'
import { type House, openHouse } from './house.ts'

const ASK = { model: 'demo-chat', messages: [{ role: 'user' as const, content: 'Say: hello' }] }
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

async function configurationFor(name: string): Promise<Configuration> {
  const principal = house.credentials.principals[name]
  assert.ok(principal?.private_key_jwk)
  const key = await importJWK(principal.private_key_jwk, 'ES256')
  assert.ok(!(key instanceof Uint8Array))
  const kid = String(principal.private_key_jwk.kid)
  const execute = [allowInsecureRequests]
  return discovery(new URL(house.credentials.issuer), principal.client_id, undefined, PrivateKeyJwt({ key, kid }), {
    execute,
  })
}

test('both forms of discovery lead to the same server, whatever the Host header says', async () => {
  const { issuer } = house.credentials
  const { origin, pathname } = new URL(issuer)
  const documents = [
    `${issuer}/.well-known/openid-configuration`,
    `${issuer}/.well-known/oauth-authorization-server`,
    `${origin}/.well-known/oauth-authorization-server${pathname}`,
    `${origin}/.well-known/openid-configuration${pathname}`,
  ]
  for (const url of documents) {
    const document = JSON.parse(await getAs(url, 'attacker.example')) as Record<string, unknown>
    assert.equal(document.issuer, issuer, url)
    assert.ok(!JSON.stringify(document).includes('attacker.example'), url)
  }
})

test('an agent gets a token of five minutes with its own key, in the form of RFC 9068', async () => {
  const { token, expiresIn } = await accessToken(house.credentials, 'research-assistant')
  const { issuer } = house.credentials
  const configuration = await configurationFor('research-assistant')
  const keys = createRemoteJWKSet(new URL(configuration.serverMetadata().jwks_uri ?? ''))
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience: `${issuer}/gw` })
  assert.deepEqual([protectedHeader.typ, protectedHeader.alg, expiresIn], ['at+jwt', 'ES256', 300])
  assert.deepEqual(
    [payload.sub, payload.client_id, payload.scope],
    ['research-assistant', 'research-assistant', 'models tools'],
  )
  assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 300)
  assert.match(String(payload.txn), /^txn_/)
  assert.ok(payload.jti)
})

test('a token for another audience is refused at the gateway', async () => {
  const configuration = await configurationFor('olivia')
  const resource = `${house.credentials.issuer}/api`
  const { access_token } = await clientCredentialsGrant(configuration, { resource, scope: 'admin' })
  await assert.rejects(openaiClient(house.credentials, access_token).chat.completions.create(ASK), { status: 401 })
})

test('a token exchange narrows, keeps the request id, and every principal of the chain is asked', async () => {
  const subject = (await accessToken(house.credentials, 'carol')).token
  const configuration = await configurationFor('dispatcher')
  const exchange = (scope: string) =>
    genericGrantRequest(configuration, EXCHANGE, { subject_token: subject, subject_token_type: ACCESS_TOKEN, scope })
  const { access_token } = await exchange('models')
  const [before, after] = [claimsOf(subject), claimsOf(access_token)]
  assert.equal(after.txn, before.txn)
  assert.deepEqual([after.sub, after.client_id, after.scope], ['carol', 'dispatcher', 'models'])
  assert.ok(after.delegation)
  const { response } = await openaiClient(house.credentials, access_token).chat.completions.create(ASK).withResponse()
  const records = await house.records(response.headers.get('sallyport-txn') ?? '')
  const decision = records.find(({ index }) => index === Number(response.headers.get('sallyport-record')))
  assert.deepEqual(decision?.body.chain, [
    { kind: 'User', id: 'carol' },
    { kind: 'Agent', id: 'dispatcher' },
  ])
  assert.equal(decision?.body.delegation, after.delegation)
  await assert.rejects(exchange('models admin'))

  // the dispatcher may use models, the outsider may not: together they may not
  const outsider = (await accessToken(house.credentials, 'outsider')).token
  const parameters = { subject_token: outsider, subject_token_type: ACCESS_TOKEN, scope: 'models' }
  const narrowed = await genericGrantRequest(configuration, EXCHANGE, parameters)
  const denied = openaiClient(house.credentials, narrowed.access_token).chat.completions.create(ASK)
  await assert.rejects(denied, { status: 404 })
})

test('of eight concurrent uses of one assertion exactly one passes', async () => {
  const assertion = await assertionFor('dispatcher')
  const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(assertion)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401, 401, 401, 401])
})

test('a revoked token is refused at once', async () => {
  const { token } = await accessToken(house.credentials, 'dispatcher')
  const client = openaiClient(house.credentials, token)
  await client.chat.completions.create(ASK)
  await tokenRevocation(await configurationFor('dispatcher'), token)
  await assert.rejects(client.chat.completions.create(ASK), { status: 401 })
})

test('a used assertion and a revoked token stay so over a restart', async () => {
  const first = await startSallyport()
  const port = Number(new URL(first.url).port)
  try {
    const credentials = first.credentials
    const { token } = await accessToken(credentials, 'research-assistant')
    const { token: kept } = await accessToken(credentials, 'research-assistant')
    const assertion = await assertionFor('research-assistant', credentials)
    assert.equal((await redeem(assertion, credentials)).status, 200)
    const revoked = await fetch(`${credentials.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({
        token,
        client_id: 'research-assistant',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertionFor('research-assistant', credentials),
      }),
    })
    assert.equal(revoked.status, 200)
    await first.stop()
    const second = await startSallyport({ home: first.home, config: { port } })
    try {
      assert.equal((await redeem(assertion, credentials)).status, 401)
      await assert.rejects(openaiClient(credentials, token).chat.completions.create(ASK), { status: 401 })
      await openaiClient(credentials, kept).chat.completions.create(ASK)
    } finally {
      await second.stop()
    }
  } finally {
    await first.remove()
  }
})

async function assertionFor(name: string, credentials = house.credentials): Promise<string> {
  const principal = credentials.principals[name]
  assert.ok(principal?.private_key_jwk)
  const kid = String(principal.private_key_jwk.kid)
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(name)
    .setSubject(name)
    .setAudience(credentials.issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(await importJWK(principal.private_key_jwk, 'ES256'))
}

async function redeem(assertion: string, credentials = house.credentials): Promise<Response> {
  const metadata = (await (await fetch(`${credentials.issuer}/.well-known/openid-configuration`)).json()) as {
    token_endpoint: string
  }
  return fetch(metadata.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      resource: `${credentials.issuer}/gw`,
      scope: 'models',
    }),
  })
}

/** `fetch` sets its own Host header. */
function getAs(url: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve(text)).on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}
