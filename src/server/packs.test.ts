import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openTrial, type PolicyFile, packsInForce, parseCases } from '../access/index.ts'
import type { TenantId } from '../kernel/index.ts'
import { builtInPacks } from './packs.ts'
import { readPolicyFolder } from './policy-folder.ts'

const demo = 'demo' as TenantId // a valid id
const analyst = join(import.meta.dirname, '../../foundation/packs/data-analyst/1.0.0')
const folder = mkdtempSync(join(tmpdir(), 'packs-'))
after(() => rmSync(folder, { recursive: true }))

test('what a pack in use says comes to a decision', async () => {
  const { world, tests } = await readPolicyFolder(analyst, demo)
  const trial = openTrial(world)
  const cases = tests.flatMap(parseCases)
  assert.ok(cases.length > 0)
  assert.deepEqual(
    cases.flatMap((one) => trial.run(one).problems),
    [],
  )
  assert.deepEqual(
    world.policies.map(({ name, as, layer, pack }) => [name, as, layer, pack?.name, pack?.version, pack?.instance]),
    [
      ['grants.cedar', undefined],
      ['limits.cedar', 'limits'],
    ].map(([name, as]) => [
      `packs/voice-analysts/${name}`,
      as,
      { kind: 'agent', type: 'AgentType', id: 'analyst' },
      'data-analyst',
      '1.0.0',
      'voice-analysts',
    ]),
  )
})

test('a pack of the tenant is used like one that ships, and what is wrong is told with file and line', async () => {
  const own = join(folder, 'packs/readers')
  cpSync(analyst, own, { recursive: true })
  const pack = readFileSync(join(own, 'pack.yaml'), 'utf8')
  writeFileSync(join(own, 'pack.yaml'), pack.replace('name: data-analyst', 'name: readers'))
  const use = (text: string) => {
    writeFileSync(join(folder, 'tenant.yaml'), `packs:\n${text}`)
    return readPolicyFolder(folder, demo)
  }
  const { world, tests } = await use(
    '  - { pack: readers, version: 1.0.0, as: ours, agentType: voice, with: { columns: [Column::a] } }\n',
  )
  assert.deepEqual([world.policies.length, tests.length], [2, 0])
  await assert.rejects(
    use('  - { pack: reader, version: 1.0.0, as: ours }\n'),
    /tenant\.yaml:2: there is no pack `reader`; there are .*`data-analyst`.*`readers`/,
  )
  await assert.rejects(
    use('  - { pack: readers, version: 2.0.0, as: ours }\n'),
    /tenant\.yaml:2: there is no `readers` 2\.0\.0, only 1\.0\.0/,
  )
  await assert.rejects(
    use(`  - pack: readers
    version: 1.0.0
    as: ours
    agentType: x
    with:
      columns: [Table::a]
      classification: public
`),
    /tenant\.yaml:8: `readers` has no parameter `classification`; it has .*tenant\.yaml:7: `columns`: entry 1: must be a `Column`, not a `Table`/,
  )
})

test('policies that only say of themselves that they come from a pack are told from those that do', async () => {
  const { world } = await readPolicyFolder(analyst, demo)
  const shipped = { packs: builtInPacks(), schema: world.foundation.schema }
  const isShipped = async (files: readonly PolicyFile[]) =>
    (await packsInForce(files, shipped)).map(({ instance, isShipped }) => [instance, isShipped])
  const { policies } = world
  assert.deepEqual(await isShipped(policies), [['voice-analysts', true]])
  const [first, ...rest] = policies
  assert.ok(first?.pack)
  const forged: readonly (readonly PolicyFile[])[] = [
    [{ ...first, text: '@id("voice-analysts/columns") permit (principal, action, resource);' }, ...rest],
    [...policies, { ...first, name: 'packs/voice-analysts/more.cedar' }],
    rest,
    policies.map((file) => ({ ...file, layer: { kind: 'project' as const, id: 'churn' } })),
    [first, ...rest.map((file) => ({ ...file, pack: { ...first.pack, parameters: {} } }) as PolicyFile)],
  ]
  for (const files of forged) assert.deepEqual(await isShipped(files), [['voice-analysts', false]])
})
