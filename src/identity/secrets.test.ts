import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSecret, matchesSecret, newSecret } from './secrets.ts'

test('what is kept of a secret matches it and nothing else, and does not show it', () => {
  const secret = newSecret('sps')
  const kept = hashSecret(secret)
  assert.ok(!kept.includes(secret))
  assert.ok(matchesSecret(secret, kept))
  for (const other of [newSecret('sps'), `${secret}x`, secret.slice(0, -1), '', kept])
    assert.ok(!matchesSecret(other, kept))
  assert.ok(!matchesSecret(secret, ''))
})

test('a guess costs next to nothing, so that guessing is no way to keep the server busy', () => {
  const kept = hashSecret(newSecret('sps'))
  const started = performance.now()
  for (let guess = 0; guess < 1000; guess++) matchesSecret(`guess ${guess}`, kept)
  const took = performance.now() - started
  assert.ok(took < 5000, `took ${took.toFixed(0)} ms`)
})
