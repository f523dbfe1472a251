import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')

for (const file of globSync('docs/tutorials/*.md', { cwd: ROOT })) {
  test(`every command of ${file} prints what the page shows`, async () => {
    const shown = consoleBlocks(readFileSync(join(ROOT, file), 'utf8'))
    assert.ok(shown.length > 0)
    const sallyport = await startSallyport()
    try {
      const credentials = join(sallyport.data, 'demo', 'credentials.json')
      const { host } = new URL(sallyport.url)
      const commands = shown.map(({ command }) =>
        command.replaceAll('localhost:8420', host).replaceAll('data/demo/credentials.json', credentials),
      )
      // the page says `node` and means the one that runs this
      const path = `${dirname(process.execPath)}:${process.env.PATH ?? ''}`
      const env = { ...process.env, PATH: path, SALLYPORT_CREDENTIALS: credentials }
      const printed = await runInOneShell(commands, { cwd: ROOT, env })
      for (const [index, { command, output, line }] of shown.entries()) {
        const actual = (printed[index] ?? '').replaceAll(host, 'localhost:8420')
        assert.ok(
          isAsShown(output, actual),
          `${file}:${line}: $ ${command}\nshown:\n${output.join('\n')}\nprinted:\n${actual}`,
        )
      }
    } finally {
      await sallyport.remove()
    }
  })
}
