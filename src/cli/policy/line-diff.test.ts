import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lineDiff } from './line-diff.ts'

test('a change is shown with what is around it', () => {
  const text = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].join('\n')
  assert.deepEqual(lineDiff(text, text.replace('f', 'x')), ['  d', '  e', '- f', '+ x', '  g'])
  assert.deepEqual(lineDiff(text, text), [])
  assert.deepEqual(lineDiff('', 'a\n'), ['+ a'])
})

test('what is shown as gone and come makes one text into the other', () => {
  const line = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.array(line, { maxLength: 6 }), (before, after) => {
      const lines = lineDiff(before.join('\n'), after.join('\n'))
      const count = (sign: string): number => lines.filter((one) => one.startsWith(sign)).length
      const [was, is] = [before, after].map((one) => (one.length === 0 ? 0 : one.length))
      assert.equal(count('+') - count('-'), (is ?? 0) - (was ?? 0))
      if (before.join() === after.join()) assert.equal(lines.length, 0)
    }),
  )
})
