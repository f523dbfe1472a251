import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSallyport } from '../../examples/tour/sallyport.ts'

const DEMO = join(import.meta.dirname, '../../foundation/demo')

test('what a server has recorded is asked again by diffs and migrations', async () => {
  const sallyport = await startSallyport()
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'))
  try {
    // Whatever the command line asks for is decided and recorded.
    assert.ok((await sallyport.cli('log', 'search')).ok)
    cpSync(DEMO, folder, { recursive: true })
    const policies = join(folder, 'policies/demo.cedar')
    const nobody = '\n@id("closed") forbid (principal, action == Action::"log:read_body", resource);\n'
    writeFileSync(policies, readFileSync(policies, 'utf8') + nobody)
    const diff = await sallyport.cli('policy', 'diff', DEMO, folder, '--generated', '0', '--since', '1h', '--json')
    assert.ok(diff.ok, diff.stderr)
    const { parts } = JSON.parse(diff.stdout) as { parts: { of: string; asked: number; differing: number }[] }
    const recorded = parts.find(({ of }) => of === 'recorded')
    assert.ok(recorded !== undefined && recorded.asked > 0 && recorded.differing > 0, diff.stdout)

    const plan = join(folder, 'policies/plan.yaml')
    writeFileSync(plan, 'roles: { keeper: curator }\n')
    const manifest = join(folder, 'tenant.yaml')
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('roles:\n', 'roles:\n  keeper: { title: Keeps }\n'))
    const migrated = await sallyport.cli('policy', 'migrate', plan, folder, '--since', '1h', '--dry-run', '--json')
    assert.ok(migrated.ok, migrated.stderr)
    const report = JSON.parse(migrated.stdout) as { changes: unknown[]; asked: number }
    assert.deepEqual(report.changes, [])
    const without = await sallyport.cli('policy', 'migrate', plan, folder, '--dry-run', '--json')
    assert.ok(report.asked > (JSON.parse(without.stdout) as { asked: number }).asked)
  } finally {
    await sallyport.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the complexity of what a server has in force is told by the address of its revision', async () => {
  const sallyport = await startSallyport()
  try {
    const listed = await sallyport.cli('policy', 'log', '--json')
    const revision = /"(?:revision|address)": "([0-9a-f]{64})"/.exec(listed.stdout)?.[1]
    assert.ok(revision !== undefined, listed.stdout + listed.stderr)
    const told = await sallyport.cli('policy', 'complexity', revision, '--json')
    assert.ok(told.ok, told.stderr)
    const { folders } = JSON.parse(told.stdout) as { folders: { totals: { own: number } }[] }
    assert.ok((folders[0]?.totals.own ?? 0) > 0)
  } finally {
    await sallyport.remove()
  }
})
