import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './exact-json.ts'

test('what JSON.parse reads without loss is read the same', () => {
  const text = '{"a":[1,-2,0,true,false,null,"x\\u00e9\\n\\"\\\\\\/"],"b":{"c":{}},"":[]}'
  assert.equal(JSON.stringify(parseJson(text)), JSON.stringify(JSON.parse(text)))
})

test('integers keep every digit', () => {
  assert.deepEqual(parseJson('[9007199254740991,9007199254740993,-9223372036854775808]'), [
    9007199254740991,
    9007199254740993n,
    -9223372036854775808n,
  ])
})

test('what would be passed over in silence is refused, with its place', () => {
  const refused: Readonly<Record<string, string>> = {
    '{"a":1,\n "a":2}': '2:5: duplicate key `a`',
    '[1.5]': '1:2: only integers are numbers in Cedar',
    '[1e3]': '1:2: only integers are numbers in Cedar',
    '9223372036854775808': '1:1: `9223372036854775808` does not fit into 64 bits',
    '[1,]': '1:4: expected a value',
    '[1] 2': '1:5: unexpected text after the value',
    '"a\nb"': '1:3: unterminated string, or a control character in it',
    '"a': '1:3: unterminated string, or a control character in it',
    '': '1:1: expected a value',
    '01': '1:2: unexpected text after the value',
  }
  for (const [text, message] of Object.entries(refused)) {
    assert.throws(() => parseJson(text), { code: 'json_invalid', publicMessage: message }, text)
  }
})

test('keys that mean something to JavaScript are keys like any other', () => {
  const object = parseJson('{"__proto__": {"admin": true}, "constructor": 1}')
  assert.deepEqual(Object.keys(object as object), ['__proto__', 'constructor'])
  assert.equal((object as { admin?: unknown }).admin, undefined)
})

test('nesting has a limit', () => {
  assert.throws(() => parseJson('['.repeat(100_000)), { code: 'json_invalid' })
})
