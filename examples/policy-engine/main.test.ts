import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

test('the example prints what its page shows', () => {
  const here = import.meta.dirname
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(here, 'main.ts')],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0)
  const page = readFileSync(join(here, 'README.md'), 'utf8')
  const shown = /main\.ts\n(# May[\s\S]*?)```/.exec(page)?.[1]
  assert.equal(stdout, shown)
})
