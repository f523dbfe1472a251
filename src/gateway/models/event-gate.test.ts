import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Sink } from '../protocol.ts'
import { Denied, EventGate } from './event-gate.ts'
import { OpenAiStream } from './openai-stream.ts'

/** What went out, piece by piece. */
function sinkInto(pieces: string[]): Sink {
  return {
    started: true,
    start: () => undefined,
    write(chunk) {
      pieces.push(Buffer.from(chunk).toString('utf8'))
      return undefined
    },
    end: () => undefined,
    destroy: () => undefined,
    onGone: () => undefined,
  }
}

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}`
const TEXT = [chunk({ content: 'naïve ✓ text' }), chunk({ content: 'with \\u escapes and a _call' }), ': comment']
const CALL = [
  chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'look', arguments: '{"a":' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
  chunk({}, 'tool_calls'),
]

const ends = fc.constantFrom('\n', '\r\n', '\r')
const streams = fc
  .record({
    end: ends,
    before: fc.array(fc.constantFrom(...TEXT), { maxLength: 4 }),
    cuts: fc.array(fc.nat(2000), { maxLength: 12 }),
  })
  .map(({ end, before, cuts }) => ({
    text: [...before, ...CALL, chunk({ content: 'after' }), 'data: [DONE]'].map((event) => event + end + end).join(''),
    cuts,
  }))

function piecesOf(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length))
}

test('however a stream is cut into pieces, an allowed one comes out as it went in', async () => {
  await fc.assert(
    fc.asyncProperty(streams, async ({ text, cuts }) => {
      const out: string[] = []
      let asked = 0
      const gate = new EventGate(new OpenAiStream(false), sinkInto(out), async (calls) => {
        asked += calls.length
        assert.deepEqual(calls, [{ name: 'look', arguments: '{"a":1}', freeText: false }])
        return true
      })
      for (const piece of piecesOf(text, cuts)) await gate.push(piece)
      await gate.finish()
      assert.equal(out.join('').trimEnd(), text.trimEnd())
      assert.equal(asked, 1)
    }),
    { numRuns: 300 },
  )
})

test('however a stream is cut into pieces, nothing of a denied call comes out', async () => {
  await fc.assert(
    fc.asyncProperty(streams, async ({ text, cuts }) => {
      const out: string[] = []
      const gate = new EventGate(new OpenAiStream(false), sinkInto(out), async () => false)
      await assert.rejects(async () => {
        for (const piece of piecesOf(text, cuts)) await gate.push(piece)
        await gate.finish()
      }, Denied)
      assert.ok(!/tool_calls|look/.test(out.join('')))
      assert.ok(text.startsWith(out.join('')))
    }),
    { numRuns: 300 },
  )
})

test('an event without an end is not kept for ever', async () => {
  const gate = new EventGate(new OpenAiStream(false), sinkInto([]), async () => true)
  const piece = Buffer.alloc(1024 * 1024, 'x')
  assert.throws(() => {
    for (let index = 0; index < 20; index++) gate.push(piece)
  }, /too long/)
})

test('an event that comes in many small pieces takes time in proportion to its length', async () => {
  const out: string[] = []
  const gate = new EventGate(new OpenAiStream(false), sinkInto(out), async () => true)
  const piece = Buffer.from('x'.repeat(4096))
  const started = performance.now()
  await gate.push(Buffer.from('data: {"text":"'))
  for (let size = 0; size < 12_000_000; size += piece.length) await gate.push(piece)
  await gate.push(Buffer.from('"}\n'))
  await gate.push(Buffer.from('\n'))
  const took = performance.now() - started
  assert.ok(out.join('').length > 12_000_000)
  assert.ok(took < 10_000, `took ${took.toFixed(0)} ms`)
})
