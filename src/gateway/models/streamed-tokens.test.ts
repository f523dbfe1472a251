import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StreamedTokens } from './streamed-tokens.ts'

function count(text: string, cuts: readonly number[] = []): number {
  const streamed = new StreamedTokens()
  const bytes = Buffer.from(text)
  let start = 0
  for (const cut of [...cuts].sort((a, b) => a - b).filter((at) => at < bytes.length)) {
    streamed.add(bytes.subarray(start, cut))
    start = cut
  }
  streamed.add(bytes.subarray(start))
  return streamed.tokens
}

const event = (text: string, end = '\n'): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}${end}${end}`

test('each event is a token at least, and longer ones are more', () => {
  assert.equal(count(event('a').repeat(5_000)), 5_000)
  assert.equal(count(event('a', '\r\n').repeat(50)), 50)
  assert.equal(count(event('a') + event('a'.repeat(301))), 2 + 100)
})

test('a stream without an end of an event counts by its bytes', () => {
  assert.equal(count('x'.repeat(300)), 100)
})

test('how a stream is cut into pieces makes no difference', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 20 }), fc.array(fc.nat(2_000), { maxLength: 20 }), (texts, cuts) => {
      const stream = texts.map((text, at) => event(text, at % 2 === 0 ? '\n' : '\r\n')).join('')
      assert.equal(count(stream, cuts), count(stream))
    }),
  )
})
