import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')

for (const file of ['docs/how-to/access-requests.md', 'docs/how-to/lists.md']) {
  test(`the commands of ${file} do what it shows`, async () => {
    const page = readFileSync(join(ROOT, file), 'utf8')
    const shown = consoleBlocks(page)
    assert.ok(shown.length > 5)
    const sallyport = await startSallyport()
    try {
      const env = {
        ...process.env,
        PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
        SALLYPORT_CREDENTIALS: join(sallyport.data, 'demo', 'credentials.json'),
      }
      // Files that a page writes do not belong here.
      const commands = shown.map(({ command }) =>
        command.replaceAll('networks.txt', join(sallyport.home, 'networks.txt')),
      )
      const printed = await runInOneShell(commands, { cwd: ROOT, env })
      for (const [index, { command, output, line }] of shown.entries()) {
        const wanted = output.filter((text, at) => text !== '' || at < output.length - 1)
        const actual = printed[index] ?? ''
        assert.ok(
          isAsShown(wanted, actual),
          `${file}:${line}: $ ${command}\nshown:\n${wanted.join('\n')}\nprinted:\n${actual}`,
        )
      }
    } finally {
      await sallyport.remove()
    }
  })
}
