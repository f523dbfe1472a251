import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  checkPolicies,
  compareVersions,
  expandPacks,
  openTrial,
  packInstanceSections,
  packShelf,
  parseCases,
  tryMutants,
} from '../access/index.ts'
import { parseSections } from '../identity/index.ts'
import type { TenantId } from '../kernel/index.ts'
import { readFoundation } from './foundation.ts'
import { builtInPacks, digestLine, shippedPacks } from './packs.ts'
import { readPolicyFolder } from './policy-folder.ts'

const demo = 'demo' as TenantId // a valid id
const root = join(import.meta.dirname, '../../foundation/packs')

test('there is a pack for each thing that people need on the first day, and each is what was recorded', () => {
  const names = new Set(builtInPacks().map(({ name }) => name))
  assert.deepEqual([...names].sort(), [
    'break-fix-operator',
    'code-assistant',
    'data-analyst',
    'inference-client',
    'mlops-deployer',
    'rag-reader',
    'ticket-agent',
    'training-optimiser',
  ])
  assert.deepEqual(builtInPacks().map(digestLine), shippedPacks().map(digestLine))
})

for (const { name, version } of shippedPacks()) {
  const folder = join(root, name, version)
  test(`${name} ${version} stands in its own folder, gives no cause for complaint, and its cases pass`, async () => {
    const { world, tests } = await readPolicyFolder(folder, demo)
    assert.deepEqual(checkPolicies(world.foundation, world.policies), [])
    const trial = openTrial(world)
    const cases = tests.flatMap(parseCases)
    assert.ok(cases.length > 5)
    assert.deepEqual(
      cases.flatMap((one) => trial.run(one).problems),
      [],
    )
    const counted = [...tryMutants(trial, cases, (source) => source.startsWith('packs/'))]
      .map(({ result }) => result)
      .filter(({ noticedBy }) => noticedBy !== 'validator')
    const unnoticed = counted.filter(({ noticedBy }) => noticedBy === undefined)
    assert.ok(counted.length > 10)
    assert.ok(
      unnoticed.length <= counted.length * 0.1,
      unnoticed.map(({ policy, change }) => `${policy}: ${change}`).join('\n'),
    )
  })
}

test('the example in the README of each pack works, and is of its newest version', () => {
  const shelf = packShelf(builtInPacks())
  const { schema } = readFoundation()
  const readmes = globSync('*/README.md', { cwd: root })
  assert.equal(readmes.length, new Set(shelf.list().map(({ name }) => name)).size)
  for (const file of readmes) {
    const text = readFileSync(join(root, file), 'utf8')
    const example = /```yaml\n(.*?)```/s.exec(text)?.[1] ?? ''
    const { sections, where } = parseSections(example, file, packInstanceSections)
    const { packs = [] } = sections
    assert.deepEqual(
      packs.map(({ pack, version }) => [pack, version]),
      [[file.split('/')[0], shelf.find(packs[0]?.pack ?? '')?.version]],
    )
    const files = expandPacks([{ packs, where }], shelf, { schema, own: [], inForce: [] })
    assert.ok(files.length > 0)
    assert.deepEqual(checkPolicies(readFoundation(), files), [], file)
    assert.ok(text.includes('## What it does not give'), file)
  }
})

test('versions are compared by their numbers', () => {
  assert.deepEqual(['1.10.0', '1.9.9', '2.0.0', '1.9.10'].sort(compareVersions), ['1.9.9', '1.9.10', '1.10.0', '2.0.0'])
})
