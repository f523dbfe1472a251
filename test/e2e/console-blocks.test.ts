import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

test('commands are found with what follows them, in console blocks only', () => {
  const page = ['```sh', '$ not this', '```', '```console', '$ a', '1', '2', '$ b', '```', '$ nor this'].join('\n')
  assert.deepEqual(consoleBlocks(page), [
    { command: 'a', output: ['1', '2'], line: 5 },
    { command: 'b', output: [], line: 8 },
  ])
})

test('what is printed is compared line by line, an ellipsis stands for anything', () => {
  assert.ok(isAsShown(['a …, b'], 'a 17, b\n'))
  assert.ok(isAsShown(['first', '…', 'last'], 'first\nx\ny\nlast'))
  assert.ok(isAsShown([], '\n'))
  assert.ok(!isAsShown([], 'something'))
  assert.ok(!isAsShown(['a'], 'a\nb'))
  assert.ok(!isAsShown(['a.c'], 'abc'))
})

test('commands share one shell', async () => {
  const printed = await runInOneShell(['X=1', 'echo $X', 'false; echo $?', 'ls /nowhere'], {
    cwd: '/',
    env: process.env,
  })
  assert.deepEqual(
    printed.slice(0, 3).map((text) => text.trim()),
    ['', '1', '1'],
  )
  assert.match(printed[3] ?? '', /No such file/)
})
