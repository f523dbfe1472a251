import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { importJWK } from 'jose'
import { allowInsecureRequests, clientCredentialsGrant, discovery, PrivateKeyJwt, tokenRevocation } from 'openid-client'
import { type House, openHouse } from './house.ts'

let house: House
before(async () => {
  house = await openHouse()
})
after(() => house?.close())

/** Follows the log as this principal. */
async function tail(name: string) {
  const { issuer, principals } = house.credentials
  const jwk = principals[name]?.private_key_jwk ?? assert.fail()
  const key = await importJWK(jwk, 'ES256')
  assert.ok(!(key instanceof Uint8Array) && typeof jwk.kid === 'string')
  const options = { execute: [allowInsecureRequests] }
  const configuration = await discovery(new URL(issuer), name, undefined, PrivateKeyJwt({ key, kid: jwk.kid }), options)
  const { access_token: token } = await clientCredentialsGrant(configuration, {
    scope: 'admin',
    resource: `${issuer}/api`,
  })
  const answer = await fetch(`${issuer}/api/records/tail`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(answer.status, 200)
  return { ended: endOf(answer), revoke: () => tokenRevocation(configuration, token) }
}

function endOf(answer: Response): Promise<string> {
  const timeout = new Promise<string>((resolve) => setTimeout(resolve, 6000, 'still open').unref())
  return Promise.race([answer.text().then(() => 'ended'), timeout])
}

test('whoever follows the log is cut off when their token is revoked', async () => {
  const [one, other] = [await tail('olivia'), await tail('alice')]
  await one.revoke()
  assert.equal(await one.ended, 'ended')
  assert.equal(await Promise.race([other.ended, 'open']), 'open')
  await other.revoke()
})

test('whoever follows the log is cut off when they lose the role that let them', async () => {
  const { ended } = await tail('alice')
  await house.apply({ users: { alice: { name: 'Alice', roles: [] } } })
  assert.equal(await ended, 'ended')
})
