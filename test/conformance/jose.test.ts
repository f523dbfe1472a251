// Wycheproof's attacks on JSON Web Signatures and Keys, against the check of access tokens and the registration of keys.
import assert from 'node:assert/strict'
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDirectory, parsePublicJwk } from '../../src/identity/index.ts'
import { fakeClock, parseTenantId } from '../../src/kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../src/keys/index.ts'
import { createAuthorizationServer, OAuthError } from '../../src/oauth/index.ts'
import { memoryTenantStore } from '../../src/store/index.ts'

const vectors = process.env.SALLYPORT_VECTORS_DIR ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors')
const skip =
  process.env.SALLYPORT_VECTORS !== 'require' && !existsSync(join(vectors, 'jose'))
    ? 'the published test data is not at hand'
    : false

interface Group {
  readonly comment: string
  readonly public?: JsonWebKey & { readonly keys?: readonly JsonWebKey[] }
  readonly private?: JsonWebKey & { readonly keys?: readonly JsonWebKey[] }
  readonly tests: readonly {
    readonly tcId: number
    readonly comment: string
    readonly result: 'valid' | 'invalid'
    readonly jws?: string
  }[]
}

function groupsOf(file: string): readonly Group[] {
  return JSON.parse(readFileSync(join(vectors, 'jose', file), 'utf8')).testGroups
}

/** The check of access tokens, where `jwk` is the key that signs them. */
async function verifierFor(jwk: JsonWebKey) {
  const store = memoryTenantStore()
  const tenant = parseTenantId('demo') ?? assert.fail()
  const clock = fakeClock()
  const master = openMasterKey({ directory: '/nowhere', environment: Buffer.alloc(32, 7).toString('base64') })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const kid = String(jwk.kid)
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const server = await createAuthorizationServer({
    tenant,
    issuer: 'http://localhost/t/demo',
    store,
    keyRing: { ...keyRing, verification: () => [{ kid, alg: 'ES256', publicKey, publicJwk: {} }] },
    directory: await openDirectory(store, clock),
    clock,
    audiences: [{ uri: 'http://localhost/t/demo/gw', scopes: [] }],
    recordToken: async () => {},
    reportFault: assert.ifError,
  })
  return {
    close: () => store.close(),
    /** Whether the signature is what the token fails for; no vector holds claims of ours, so each fails somewhere. */
    async failsBySignature(jws: string): Promise<boolean> {
      const error = await server.verifyAccessToken(jws, 'http://localhost/t/demo/gw').then(
        () => assert.fail('accepted'),
        (reason: unknown) => reason,
      )
      assert.ok(error instanceof OAuthError)
      assert.deepEqual([error.code, error.publicMessage], ['invalid_token', 'the credential is not valid'])
      const { cause } = error
      return !(cause instanceof Error && 'code' in cause && cause.code === 'ERR_JWT_INVALID')
    },
  }
}

test('RFC7515-5.2 every forged ES256 signature is refused as one, and every valid one passes that check', {
  skip,
}, async () => {
  const groups = ['json_web_signature_test.json', 'json_web_crypto_test.json']
    .flatMap(groupsOf)
    .filter((group) => group.public?.alg === 'ES256')
  let checked = 0
  for (const group of groups) {
    const verifier = await verifierFor(group.public ?? assert.fail())
    for (const { tcId, comment, result, jws } of group.tests) {
      assert.equal(typeof jws, 'string')
      assert.equal(
        await verifier.failsBySignature(String(jws)),
        result === 'invalid',
        `${group.comment} ${tcId} ${comment}`,
      )
      checked += 1
    }
    await verifier.close()
  }
  assert.ok(checked >= 50, String(checked))
})

test('RFC7517-4 no weak, private or mismatched key is registered', { skip }, () => {
  // Not ours to find: a key that comes from a broken generator (ROCA) looks like any other, and a set that uses one
  // name twice is no single key.
  const beyond = new Set(['rejectsKeyWithRocaVulnerability', 'rejectsDuplicateKid', 'rejectsModifiedSignature'])
  let refused = 0
  for (const group of groupsOf('json_web_key_test.json')) {
    const [first] = group.tests
    if (first === undefined || first.result === 'valid' || beyond.has(first.comment)) continue
    const keys = group.public?.keys ?? group.private?.keys ?? [group.public ?? group.private ?? assert.fail()]
    assert.ok(
      keys.some((key) => 'problem' in parsePublicJwk(key)),
      `${group.comment} ${first.comment}: ${JSON.stringify(keys)}`,
    )
    refused += 1
  }
  assert.ok(refused >= 15, String(refused))
})
