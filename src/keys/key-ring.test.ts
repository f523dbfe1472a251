import assert from 'node:assert/strict'
import { randomBytes, sign, verify } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { fakeClock, parseTenantId, type TenantId } from '../kernel/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { openKeyRing, openMasterKey } from './index.ts'

const tenant = parseTenantId('demo') as TenantId // a valid name, written out
const master = () => openMasterKey({ directory: '/nowhere', environment: randomBytes(32).toString('base64') })
const storeFor = (t: TestContext) => {
  const store = memoryTenantStore()
  t.after(() => store.close())
  return store
}

test('a tenant finds its keys again', async (t) => {
  const [store, key, clock] = [storeFor(t), master(), fakeClock()]
  const first = await openKeyRing(store, key, tenant, clock)
  const again = await openKeyRing(store, key, tenant, clock)
  assert.equal(again.signing().kid, first.signing().kid)
  assert.deepEqual(again.logSigner().publicKeyBytes, first.logSigner().publicKeyBytes)
  const sealed = first.seal(Buffer.from('secret'), 'for:test')
  assert.equal(Buffer.from(again.open(sealed, 'for:test')).toString(), 'secret')
})

test('the signing key signs ES256 and the log key Ed25519', async (t) => {
  const ring = await openKeyRing(storeFor(t), master(), tenant, fakeClock())
  const { privateKey, publicKey, publicJwk } = ring.signing()
  const data = Buffer.from('data')
  assert.ok(verify('sha256', data, publicKey, sign('sha256', data, privateKey)))
  assert.deepEqual(Object.keys(publicJwk), ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use'])
  const log = ring.logSigner()
  assert.ok(verify(null, data, log.publicKey, sign(null, data, log.privateKey)))
  assert.equal(log.publicKeyBytes.length, 32)
})

test('another master key opens nothing and says so', async (t) => {
  const store = storeFor(t)
  await openKeyRing(store, master(), tenant, fakeClock())
  await assert.rejects(openKeyRing(store, master(), tenant, fakeClock()), {
    code: 'master_key_wrong',
    publicMessage: 'the master key does not open the keys of tenant `demo`',
  })
})

test('a key moved to another tenant, purpose or row does not open', async (t) => {
  const [store, key] = [storeFor(t), master()]
  await openKeyRing(store, key, tenant, fakeClock())
  const other = parseTenantId('other') as TenantId // a valid name, written out
  await assert.rejects(openKeyRing(store, key, other, fakeClock()), { code: 'master_key_wrong' })
  await store.write((q) => q.updateTable('keys').set({ id: 'moved' }).where('purpose', '=', 'data').execute())
  await assert.rejects(openKeyRing(store, key, tenant, fakeClock()), { code: 'master_key_wrong' })
})

test('no private key lies in the store in the clear', async (t) => {
  const store = storeFor(t)
  const ring = await openKeyRing(store, master(), tenant, fakeClock())
  const d = Buffer.from(ring.signing().privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  const rows = await store.read((q) => q.selectFrom('keys').selectAll().execute())
  assert.equal(rows.length, 5)
  for (const row of rows) {
    assert.ok(!Buffer.from(row.sealed).includes(d))
    assert.ok(!String(row.public_jwk).includes('"d"'))
  }
})

test('a retired signing key is published for a day', async (t) => {
  const [store, key, clock] = [storeFor(t), master(), fakeClock()]
  const ring = await openKeyRing(store, key, tenant, clock)
  const old = ring.signing().kid
  clock.advance(1000)
  const now = (await ring.rotateSigning()).kid
  assert.equal(ring.signing().kid, now)
  assert.deepEqual(
    ring.verification().map((k) => k.kid),
    [now, old],
  )
  const again = await openKeyRing(store, key, tenant, clock)
  assert.deepEqual(
    again.verification().map((k) => k.kid),
    [now, old],
  )
  clock.advance(24 * 60 * 60 * 1000 + 1)
  assert.deepEqual(
    ring.verification().map((k) => k.kid),
    [now],
  )
})

test('what is sealed opens only whole and for the same use', async (t) => {
  const ring = await openKeyRing(storeFor(t), master(), tenant, fakeClock())
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.nat(), (plaintext, use, at) => {
      const sealed = ring.seal(plaintext, use)
      assert.deepEqual(Uint8Array.from(ring.open(sealed, use)), plaintext)
      assert.throws(() => ring.open(sealed, `${use}x`), { code: 'seal_broken' })
      const broken = Uint8Array.from(sealed)
      broken[at % broken.length] = (broken[at % broken.length] ?? 0) ^ 1
      assert.throws(() => ring.open(broken, use), { code: 'seal_broken' })
      assert.throws(() => ring.open(sealed.subarray(0, at % sealed.length), use), { code: 'seal_broken' })
    }),
  )
})

test('no nonce comes twice', async (t) => {
  const ring = await openKeyRing(storeFor(t), master(), tenant, fakeClock())
  const nonces = Array.from({ length: 1000 }, () => Buffer.from(ring.seal(Buffer.from('x'), '')).toString('hex', 0, 12))
  assert.equal(new Set(nonces).size, 1000)
})
