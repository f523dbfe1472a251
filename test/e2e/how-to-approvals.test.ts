import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILE = 'docs/how-to/approvals.md'

test('the files and commands of the page about approvals do what it shows', async () => {
  const page = readFileSync(join(ROOT, FILE), 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-acme-'))
  for (const [, name = '', text = ''] of page.matchAll(/^```\w+\n(?:#|\/\/) acme\/(\S+)\n([\s\S]*?)^```/gm)) {
    writeFileSync(join(folder, basename(name)), text)
  }
  const sallyport = await startSallyport()
  try {
    const { host } = new URL(sallyport.url)
    const shown = consoleBlocks(page)
    assert.ok(shown.length > 15)
    const commands = shown.map(({ command }) =>
      command
        .replaceAll('localhost:8420', host)
        .replaceAll('acme/tenant', `${folder}/tenant`)
        .replaceAll(/acme\/$/g, folder),
    )
    const env = {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      SALLYPORT_CREDENTIALS: join(sallyport.data, 'demo', 'credentials.json'),
    }
    const printed = await runInOneShell(commands, { cwd: ROOT, env })
    for (const [index, { command, output, line }] of shown.entries()) {
      const actual = printed[index] ?? ''
      assert.ok(
        isAsShown(
          output.filter((text, at) => text !== '' || at < output.length - 1),
          actual,
        ),
        `${FILE}:${line}: $ ${command}\nshown:\n${output.join('\n')}\nprinted:\n${actual}`,
      )
    }
    // The rule that is shown and not applied.
    const rule = /^@id\("bob[\s\S]*?;$/m.exec(page)?.[0] ?? assert.fail()
    writeFileSync(join(folder, 'messages.cedar'), rule)
    const { ok, stderr } = await sallyport.cli('apply', '-f', join(folder, 'tenant.yaml'))
    assert.ok(ok, stderr)
  } finally {
    await sallyport.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})
