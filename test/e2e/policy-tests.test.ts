import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = 'docs/how-to/test-policies.md'
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` }
const sallyport = `node --disable-warning=ExperimentalWarning ${join(ROOT, 'src/cli/main.ts')}`

for (const page of [PAGE, 'docs/how-to/migrate-a-policy-set.md', 'docs/how-to/keep-policies-simple.md']) {
  test(`every command of ${page} prints what the page shows`, async () => {
    const shown = consoleBlocks(readFileSync(join(ROOT, page), 'utf8'))
    assert.ok(shown.length > 2)
    const printed = await runInOneShell(
      shown.map(({ command }) => command),
      { cwd: ROOT, env },
    )
    for (const [index, { command, output, line }] of shown.entries()) {
      const actual = printed[index] ?? ''
      assert.ok(
        isAsShown(output, actual),
        `${page}:${line}: $ ${command}\nshown:\n${output.join('\n')}\nprinted:\n${actual}`,
      )
    }
  })
}

test(`the cases that ${PAGE} adds close the gap that it speaks of`, async () => {
  const more = [...readFileSync(join(ROOT, PAGE), 'utf8').matchAll(/^```yaml\n( {2}- name:[\s\S]*?)^```/gm)].map(
    (match) => match[1] ?? '',
  )
  assert.equal(more.length, 1)
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-policies-'))
  try {
    cpSync(join(ROOT, 'examples/policies'), folder, { recursive: true })
    const [printed = ''] = await runInOneShell(
      [`cat >> analyst.test.yaml <<'EOF'\n\n${more[0]}EOF\n${sallyport} policy test . --mutate`],
      { cwd: folder, env },
    )
    assert.match(printed, /^8 cases, all passed$/m)
    assert.doesNotMatch(printed, /without `action == Action::"data:read"`: no case notices/)
    assert.doesNotMatch(printed, /without `action in Action::"data"`: no case notices/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a failing case is told with what came of it, and fails the run; broken files are told with their lines', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-policies-'))
  try {
    cpSync(join(ROOT, 'examples/policies'), folder, { recursive: true })
    const printed = await runInOneShell(
      [
        `sed -i 's/expect: allow }/expect: deny }/' analyst.test.yaml; ${sallyport} policy test . ; echo "exit $?"`,
        `echo '  - { by: reporter, expect: perhaps }' >> analyst.test.yaml; ${sallyport} policy test . ; echo "exit $?"`,
        `sed -i 's/resource.classification !=/resource.colour !=/' analyst.cedar; ${sallyport} policy check . ; echo "exit $?"`,
        `${sallyport} policy check . --sarif | head -c 200`,
        `${sallyport} policy check /nowhere ; echo "exit $?"`,
      ],
      { cwd: folder, env },
    )
    assert.match(
      printed[0] ?? '',
      /^analyst\.test\.yaml:21: working hours: at eight\n {2}expected deny, got allow: because of `analyst\/tables`\n6 cases, 1 failed\nexit 1/,
    )
    assert.match(printed[1] ?? '', /^sallyport: analyst\.test\.yaml:\d+: .*`expect`.*\nexit 1/)
    assert.match(
      printed[2] ?? '',
      /^analyst\.cedar:6:\d+: error invalid: .*colour[\s\S]*\n1 file of policies: 1 error, 0 warnings\nexit 1/,
    )
    assert.match(printed[3] ?? '', /sarif-2\.1\.0\.json/)
    assert.match(printed[4] ?? '', /^sallyport: there is no manifest .*`\/nowhere`\nexit 1/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
