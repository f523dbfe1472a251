import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasoningOf } from './reasoning.ts'

const asHeader = (text: string) => ({ 'sallyport-reasoning': Buffer.from(text, 'utf8').toString('latin1') })

test('reasons are read as UTF-8, without control characters, and cut at 4096', () => {
  assert.equal(reasoningOf(asHeader('Der Prüfbericht nennt „Größe“ — 東京')), 'Der Prüfbericht nennt „Größe“ — 東京')
  assert.equal(reasoningOf(asHeader('a\tb\u0085c')), 'a b c')
  const long = reasoningOf(asHeader('😀'.repeat(3000)))
  assert.ok(long !== undefined && long.length <= 4096 && long.endsWith('…') && long.isWellFormed())
  for (const none of [{}, asHeader(''), asHeader('  '), { 'sallyport-reasoning': ['a', 'b'] }]) {
    assert.equal(reasoningOf(none), undefined)
  }
})
