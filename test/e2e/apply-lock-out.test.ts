import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { succeed } from './house.ts'

let sallyport: Sallyport
before(async () => {
  sallyport = await startSallyport()
})
after(() => sallyport?.remove())

const CLOSED =
  '@id("closed") @title("Nobody changes policies")\nforbid (principal, action in [Action::"policy:activate", Action::"tenant:apply"], resource);\n'

test('manifests whose policies nobody could take back again change nothing, unless that is asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-lock-out-'))
  try {
    const file = join(folder, 'closed.yaml')
    writeFileSync(file, 'users: { latecomer: { name: Late } }\npolicies: [closed.cedar]\n')
    writeFileSync(join(folder, 'closed.cedar'), CLOSED)
    const { whole } = JSON.parse(await succeed(sallyport, 'policy', 'log', '--json')) as { whole: string }
    const refused = await sallyport.cli('apply', '-f', file)
    assert.equal(refused.ok, false)
    assert.match(refused.stderr, /nobody could change the policies of `tenant` any more; ask for it with `lockOut`/)
    assert.equal(JSON.parse(await succeed(sallyport, 'policy', 'log', '--json')).whole, whole)
    assert.doesNotMatch(await succeed(sallyport, 'principals', 'list', '--json'), /latecomer/)

    assert.match(await succeed(sallyport, 'apply', '-f', file, '--lock-out'), /created Policies `closed.cedar`/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
