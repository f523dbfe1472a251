import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { STATUS } from '../src/http/index.ts'

const root = join(import.meta.dirname, '..')

const raised = globSync('src/*/errors.ts', { cwd: root }).flatMap((file) => {
  const union =
    /export type \w+ErrorCode =(.*?)(?:\n\n|\nexport)/s.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? ''
  return [...union.matchAll(/'([a-z_]+)'/g)].map((match) => match[1] ?? '')
})
const documented = new Map(
  [...readFileSync(join(root, 'docs/reference/errors.md'), 'utf8').matchAll(/^\| `([a-z_]+)` \| (\d*) ?\|/gm)].map(
    ([, code = '', status = '']) => [code, status] as const,
  ),
)

test('every error code of every room is documented, and no other', () => {
  assert.ok(raised.length > 40)
  assert.deepEqual([...documented.keys()].sort(), [...new Set(raised)].sort())
})

test('the documented status is the one that is answered', () => {
  for (const [code, status] of documented) {
    assert.equal(status, code in STATUS ? String(STATUS[code]) : '', code)
  }
})
