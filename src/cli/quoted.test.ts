import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plain, quoted } from './quoted.ts'

test('a name that could be mistaken for something else is quoted', () => {
  for (const name of ['/to', '/recipients/0', 'Tool::office/send_message', '/größe', 'report-agent', '/x~1y']) {
    assert.equal(plain(name), name)
  }
  assert.equal(plain('/x = "a"\n  with  /to'), '"/x = \\"a\\"\\n  with  /to"')
  assert.equal(plain('/to = "a"'), '"/to = \\"a\\""')
  assert.equal(plain(''), '""')
})

test('what a terminal does not show, or shows somewhere else, is escaped', () => {
  assert.equal(quoted('bob\u202emoc.live@'), '"bob\\u202emoc.live@"')
  assert.equal(quoted('a\u200bb\u009b2Jc\u2028'), '"a\\u200bb\\u009b2Jc\\u2028"')
  assert.equal(quoted('\u{e0041}'), '"\\udb40\\udc41"')
  assert.equal(quoted('Grüße, 東京'), '"Grüße, 東京"')
  assert.deepEqual(JSON.parse(quoted({ 'a\u2066': ['\u{e0041}', 1] })), { 'a\u2066': ['\u{e0041}', 1] })
})
