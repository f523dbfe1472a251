import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILE = 'docs/how-to/observe-first.md'

test('the files and commands of the page about observing do what it shows', async () => {
  const page = readFileSync(join(ROOT, FILE), 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-acme-'))
  for (const [, name = '', text = ''] of page.matchAll(/^```\w+\n(?:#|\/\/) acme\/(\S+)\n([\s\S]*?)^```/gm)) {
    writeFileSync(join(folder, basename(name)), text)
  }
  const sallyport = await startSallyport()
  try {
    const { host } = new URL(sallyport.url)
    const credentials = join(sallyport.data, 'demo', 'credentials.json')
    const shown = consoleBlocks(page)
    assert.ok(shown.length > 8)
    const commands = shown.map(({ command }) =>
      command.replaceAll('localhost:8420', host).replaceAll('acme/bob', `${folder}/bob`),
    )
    const path = `${dirname(process.execPath)}:${process.env.PATH ?? ''}`
    const env = { ...process.env, PATH: path, SALLYPORT_CREDENTIALS: credentials }
    const printed = await runInOneShell(commands, { cwd: ROOT, env })
    for (const [index, { command, output, line }] of shown.entries()) {
      const actual = (printed[index] ?? '').replaceAll('\r', '').replaceAll(host, 'localhost:8420')
      assert.ok(
        isAsShown(output, actual),
        `${FILE}:${line}: $ ${command}\nshown:\n${output.join('\n')}\nprinted:\n${actual}`,
      )
    }
  } finally {
    await sallyport.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})
