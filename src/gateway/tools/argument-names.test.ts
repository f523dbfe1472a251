import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkArgumentNames } from './argument-names.ts'

const REFUSED = { code: 'arguments_invalid' }

test('an argument that is guarded has one spelling, whether or not the schema names it', () => {
  const tool = { definition: { name: 'send', inputSchema: { $ref: '#/$defs/mail' } }, guarded: ['/to', '/copy/to~1cc'] }
  checkArgumentNames(tool, { to: 'bob', copy: { 'to/cc': 'bob', To: 'x' }, other: { To: 'x' } })
  assert.throws(() => checkArgumentNames(tool, { To: 'eve' }), REFUSED)
  assert.throws(() => checkArgumentNames(tool, { to: 'bob', TO: 'eve' }), REFUSED)
  assert.throws(() => checkArgumentNames(tool, { copy: { 'To/cc': 'eve' } }), REFUSED)
  assert.throws(() => checkArgumentNames(tool, { Copy: {} }), REFUSED)
})
