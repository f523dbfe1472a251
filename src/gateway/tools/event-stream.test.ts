import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventStreamReader, type StreamEvent, writeEvent } from './event-stream.ts'

const read = (text: string, ...cuts: readonly number[]) => {
  const bytes = Buffer.from(text)
  const reader = new EventStreamReader(100_000)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return ends.flatMap((end, index) => reader.push(bytes.subarray(ends[index - 1] ?? 0, end)))
}

const line = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/[\r\n\0]/.test(text))
const event: fc.Arbitrary<StreamEvent> = fc.record(
  {
    event: fc.option(
      line.filter((text) => text !== ''),
      { nil: undefined },
    ),
    id: fc.option(line, { nil: undefined }),
    retry: fc.option(fc.nat({ max: 99_999 }), { nil: undefined }),
    data: fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
  },
  { noNullPrototype: true },
)

test('what was written is read again, wherever the pieces are cut', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (events, cuts) => {
      assert.deepEqual(read(events.map(writeEvent).join(''), ...cuts), events)
    }),
  )
})

test('every end of a line is one, wherever the pieces are cut', () => {
  const pieces = fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    'data: a',
    'data:b',
    'data',
    ': note',
    'id: 1',
    'event: x',
    'nonsense',
    'ü',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 8 }), (parts, cuts) => {
      const text = parts.join('')
      const whole = read(text)
      assert.deepEqual(read(text, ...cuts), whole)
      assert.deepEqual(read(text.replace(/\r\n|\r/g, '\n')), whole)
    }),
    { numRuns: 1000 },
  )
})

test('an event is data; comments are told apart, ids without data are kept, the rest is left out', () => {
  assert.deepEqual(read(': hello\ndata: 1\n\n:\n\nid: 7\ndata:\n\nevent: x\n\nretry: 10\n\ndata: half'), [
    'comment',
    { event: undefined, id: undefined, retry: undefined, data: '1' },
    'comment',
    { event: undefined, id: '7', retry: undefined, data: '' },
    { event: undefined, id: undefined, retry: 10, data: '' },
  ])
})

test('an event that is too long is refused, in one line or in many', () => {
  for (const text of [
    `data: ${'x'.repeat(2000)}`,
    'data: xxxxxxxxx\n'.repeat(200),
    'data\n'.repeat(2000),
    'x'.repeat(2000),
  ]) {
    assert.throws(() => new EventStreamReader(1000).push(Buffer.from(text)), RangeError)
  }
})
