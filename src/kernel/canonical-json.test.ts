import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, digestJson, type Json } from './canonical-json.ts'

test('keys stand in the order of their UTF-16 code units, and numbers as ECMAScript writes them', () => {
  // the sample of RFC 8785 §3.2.2, without its control characters
  assert.equal(
    canonicalJson({
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      literals: [null, true, false],
    }),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
  )
  assert.equal(canonicalJson({ '€': 1, '\r': 2, \ufb33: 3, 1: 4, '😀': 5 }), '{"\\r":2,"1":4,"€":1,"😀":5,"\ufb33":3}')
})

test('the order in which an object was built does not change its digest', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const turned = Object.fromEntries(Object.entries(object).reverse()) as Json // jsonValue makes JSON
      assert.equal(digestJson(turned), digestJson(object as Json))
    }),
  )
})

test('the canonical text says the same as the value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(canonicalJson(value as Json)), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('what JSON cannot hold is refused', () => {
  for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => canonicalJson(value as never))
})
