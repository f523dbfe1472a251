import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundedCache } from './bounded-cache.ts'

test('a full cache forgets what was not used for longest', () => {
  const cache = boundedCache<number>(2)
  cache.set('a', 1)
  cache.set('b', 2)
  assert.equal(cache.get('a'), 1)
  cache.set('c', 3)
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3])
})

test('setting a key again makes no room', () => {
  const cache = boundedCache<number>(2)
  for (const value of [1, 2, 3]) cache.set('a', value)
  cache.set('b', 2)
  assert.deepEqual([cache.get('a'), cache.get('b')], [3, 2])
})
