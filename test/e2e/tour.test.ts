import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const TOUR = join(import.meta.dirname, '../../examples/tour/main.ts')
const README = join(import.meta.dirname, '../../README.md')

test('the tour holds, in a hundred columns, as the README shows it, without colours where there is no terminal', async () => {
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
  assert.ok(!stdout.includes('\u001b'), 'there are colours')
  const tooLong = stdout.split('\n').filter((line) => line.length > 100)
  assert.deepEqual(tooLong, [])

  const shown = /<!-- tour -->.*?```\n(.*?)```/s.exec(readFileSync(README, 'utf8'))?.[1] ?? ''
  assert.ok(shown.length > 500)
  assert.ok(withoutChance(stdout).includes(withoutChance(shown).trimEnd()), 'the README shows another tour')
})

/** Ports, request ids and record numbers are others every time. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/localhost:\d+/g, 'localhost:PORT')
    .replaceAll(/txn_\w{26}/g, 'TXN')
    .replaceAll(/#\d+/g, '#N')
}
