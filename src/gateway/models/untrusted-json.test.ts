import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachMember } from './untrusted-json.ts'

test('a list of any length is looked through, whatever stands in it', () => {
  const list = Array.from({ length: 1_000_000 }, (_, index) => (index === 999_999 ? { deep: 1 } : 0))
  const seen: string[] = []
  eachMember({ list }, (key) => seen.push(key))
  assert.deepEqual(seen, ['list', 'deep'])
})
