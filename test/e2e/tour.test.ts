import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const TOUR = join(import.meta.dirname, '../../examples/tour/main.ts')

test('the tour holds, in thirty seconds, in a hundred columns, without colours where there is no terminal', async () => {
  const began = Date.now()
  const { code, stdout, stderr } = await new Promise<{ code: number | null; stdout: string; stderr: string }>(
    (resolve) => {
      const child = execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', TOUR],
        (_error, out, complaints) => {
          resolve({ code: child.exitCode, stdout: out, stderr: complaints })
        },
      )
    },
  )
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.ok(Date.now() - began < 30_000)
  assert.ok(!stdout.includes('\u001b'), 'there are colours')
  const tooLong = stdout.split('\n').filter((line) => line.length > 100)
  assert.deepEqual(tooLong, [])
})
