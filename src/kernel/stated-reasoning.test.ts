import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statedReasoning } from './stated-reasoning.ts'

test('reasons keep their lines, lose other control characters, and are cut at 4096', () => {
  assert.equal(statedReasoning(' First.\n\tThen\u0000\u001b\u009b[31m red. '), 'First.\n\tThen [31m red.')
  assert.equal(statedReasoning('a'.repeat(4096)), 'a'.repeat(4096))
  assert.equal(statedReasoning('a'.repeat(4097)), `${'a'.repeat(4095)}…`)
  const long = statedReasoning('😀'.repeat(1_000_000))
  assert.ok(long !== undefined && long.length <= 4096 && long.endsWith('…') && long.isWellFormed())
  for (const nothing of ['', ' \n ', '\u0007\u0008']) assert.equal(statedReasoning(nothing), undefined)
})
