import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { callArguments, originShape } from './call-facts.ts'

test('what somebody asks about is bounded: a pointer of many parts would hold the process', () => {
  const origin = z.object(originShape)
  assert.equal(origin.safeParse({ untrusted: ['/to'] }).success, true)
  assert.equal(origin.safeParse({ untrusted: ['/'.repeat(2000)] }).success, false)
  assert.equal(origin.safeParse({ model: Array.from({ length: 1001 }, () => '/to') }).success, false)
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`/${index}`, 'x']))
  assert.equal(callArguments.safeParse(many).success, false)
  assert.equal(callArguments.safeParse({ ['/'.repeat(2000)]: 'x' }).success, false)
  assert.equal(callArguments.safeParse({ '/to': 'x'.repeat(100_000) }).success, true)
})
