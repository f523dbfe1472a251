import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GatewayError } from './errors.ts'
import { parseStrictJson } from './json-text.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text))

test('what JSON.stringify writes is read as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value)
      // Integers that a double does not hold are refused, and that is all.
      if (/\d{16}/.test(text)) return
      assert.deepEqual(parse(text), JSON.parse(text))
      assert.deepEqual(parse(JSON.stringify(value, null, '\t')), JSON.parse(text))
    }),
  )
})

test('a key that stands twice is found wherever it is and however it is written', () => {
  const escaped = (key: string) =>
    `"${[...key].map((c) => (c.length > 1 ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)).join('')}"`
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.jsonValue({ maxDepth: 3 }),
      fc.boolean(),
      (key, value, isEscaped) => {
        const inner = JSON.stringify(value)
        if (/\d{16}/.test(inner)) return
        const twice = `{${JSON.stringify(key)}:${inner},"${'other'.repeat(9)}":[{}],${isEscaped ? escaped(key) : JSON.stringify(key)}:1}`
        for (const text of [twice, `[${twice}]`, `{"a":{"b":[0,${twice}]}}`]) {
          assert.throws(() => parse(text), { code: 'body_invalid' }, text)
        }
      },
    ),
  )
})

test('the same key in different objects is no matter', () => {
  assert.deepEqual(parse('{"a":{"a":[{"a":1},{"a":2}]},"b":"a\\"a"}'), { a: { a: [{ a: 1 }, { a: 2 }] }, b: 'a"a' })
})

test('whatever comes is read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseStrictJson(bytes)
      } catch (error) {
        assert.ok(error instanceof GatewayError)
      }
    }),
  )
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    'a',
    ':',
    ',',
    '\\',
    '1',
    '-',
    '.',
    'e',
    'null',
    ' ',
    '\\u0061',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('')
      try {
        assert.deepEqual(parse(text), JSON.parse(text))
      } catch (error) {
        assert.ok(error instanceof GatewayError, text)
      }
    }),
    { numRuns: 2000 },
  )
})

test('text that is not UTF-8 is refused', () => {
  assert.throws(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22])), { code: 'body_not_json' })
})
