import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newDelegationId, newId, newTxn, parseDelegationId, parsePrincipalId, parseTenantId, parseTxn } from './ids.ts'

test('ids made later sort later', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 30 }), (now, later) => {
      assert.ok(newId('txn', now) < newId('txn', now + later))
    }),
  )
})

test('ids of one moment differ', () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => newTxn(1)))
  assert.equal(ids.size, 10_000)
})

test('an id is read back as what it is, and as nothing else', () => {
  const [txn, delegation] = [newTxn(Date.now()), newDelegationId(Date.now())]
  assert.equal(parseTxn(txn), txn)
  assert.equal(parseDelegationId(delegation), delegation)
  assert.equal(parseTxn(delegation), undefined)
  assert.equal(parseDelegationId(txn), undefined)
  for (const wrong of [undefined, 7, '', 'txn_', `${txn}\n`, txn.toUpperCase(), `${txn}0`])
    assert.equal(parseTxn(wrong), undefined)
})

test('a tenant is named by a DNS label', () => {
  for (const good of ['a', 'demo', 'a-b', 'x'.repeat(63)]) assert.equal(parseTenantId(good), good)
  for (const bad of ['', '-a', 'a-', 'A', 'a.b', '../x', 'x'.repeat(64), 'a/b', 'a\u0000', 1])
    assert.equal(parseTenantId(bad), undefined)
})

test('a principal id can stand in a URL, a header and a file name', () => {
  for (const good of ['alice', 'bob@example.com', 'research-assistant', 'a.b_c'])
    assert.equal(parsePrincipalId(good), good)
  for (const bad of ['', '.a', 'a.', 'a b', 'a"b', 'a/b', 'ä', 'a\r\n', 'x'.repeat(129)])
    assert.equal(parsePrincipalId(bad), undefined)
})
