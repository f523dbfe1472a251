import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { requestToken } from '../../src/cli/client.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'
import { succeed } from './house.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = 'docs/how-to/packs.md'

let sallyport: Sallyport
before(async () => {
  sallyport = await startSallyport()
})
after(() => sallyport?.remove())

test(`every command of ${PAGE} prints what the page shows`, async () => {
  const shown = consoleBlocks(readFileSync(join(ROOT, PAGE), 'utf8'))
  assert.ok(shown.length > 8)
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    SALLYPORT_CREDENTIALS: join(sallyport.data, 'demo', 'credentials.json'),
  }
  const printed = await runInOneShell(
    shown.map(({ command }) => command),
    { cwd: ROOT, env },
  )
  for (const [index, { command, output, line }] of shown.entries()) {
    const lines = output.filter((text, at) => text !== '' || at < output.length - 1)
    const actual = printed[index] ?? ''
    assert.ok(isAsShown(lines, actual), `${PAGE}:${line}: $ ${command}\n${output.join('\n')}\nprinted:\n${actual}`)
  }
})

test('a pack of the tenant travels with its manifest; changed under its version it is refused, and nothing changes', async () => {
  const folder = join(sallyport.home, 'own')
  mkdirSync(folder)
  cpSync(join(ROOT, 'examples/packs/packs'), join(folder, 'packs'), { recursive: true })
  const use = (version: string): string => {
    const file = join(folder, 'own.yaml')
    const dataset = 'Dataset::surveys'
    writeFileSync(
      file,
      JSON.stringify({
        resources: { [dataset]: { attributes: { classification: 'internal' } } },
        packs: [{ pack: 'dataset-reader', version, as: 'surveys', agent: 'research-assistant', with: { dataset } }],
      }),
    )
    return file
  }
  const whoCan = () => succeed(sallyport, 'who-can', 'data:read', 'Dataset::surveys')
  await succeed(sallyport, 'apply', '-f', use('1.0.0'))
  assert.match(await whoCan(), /Agent::research-assistant +surveys\/read/)

  const statements = join(folder, 'packs/dataset-reader/grants.cedar')
  writeFileSync(statements, readFileSync(statements, 'utf8').replace('"restricted"', '"confidential"'))
  const refused = await sallyport.cli('apply', '-f', use('1.0.0'))
  assert.equal(refused.ok, false)
  assert.match(refused.stderr, /own\.yaml:1: `dataset-reader` 1\.0\.0 has changed since it was put in force/)
  assert.match(
    await succeed(sallyport, 'packs', 'in-force'),
    /surveys +dataset-reader 1\.0\.0 +Agent research-assistant/,
  )

  const manifest = join(folder, 'packs/dataset-reader/pack.yaml')
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('version: 1.0.0', 'version: 1.1.0'))
  assert.match(
    await succeed(sallyport, 'apply', '-f', use('1.1.0')),
    /updated Policies `packs\/surveys\/grants\.cedar`: text, pack/,
  )
  const [inForce] = JSON.parse(await succeed(sallyport, 'packs', 'in-force', '--json'))
  assert.deepEqual(
    [inForce.version, inForce.layer],
    ['1.1.0', { kind: 'agent', type: 'Agent', id: 'research-assistant' }],
  )
})

test('programs read what packs there are, and which are in force', async () => {
  const { token } = await requestToken(sallyport.credentials, 'olivia', 'api', 'admin')
  const get = async (path: string) => {
    const answer = await fetch(`${sallyport.credentials.issuer}/api/packs${path}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    // biome-ignore lint/suspicious/noExplicitAny: a test looks into what came
    return { status: answer.status, body: (await answer.json()) as any }
  }
  const all = await get('')
  assert.equal(all.body.packs.length, 9)
  assert.deepEqual(
    all.body.inForce.map(({ instance }: { instance: string }) => instance),
    ['surveys'],
  )
  const one = await get('/rag-reader/1.0.0')
  assert.deepEqual(
    one.body.parameters.map(({ name }: { name: string }) => name),
    ['indexes', 'classifications', 'searches', 'documents'],
  )
  const none = await get('/rag-reader/9.9.9')
  assert.deepEqual([none.status, none.body.error.code], [404, 'pack_unknown'])
})

test('an upgrade is planned on what is on record too, and written only where every case still passes', async () => {
  const folder = join(sallyport.home, 'own')
  const upgrade = (...more: readonly string[]) =>
    sallyport.cli('packs', 'upgrade', 'surveys', '--folder', folder, '--json', ...more)
  const planned = await upgrade('--set', 'requests=5/min', '--replay', '1d')
  assert.equal(planned.ok, true, planned.stderr)
  const plan = JSON.parse(planned.stdout)
  assert.deepEqual([plan.from, plan.to, plan.written], ['1.1.0', '1.1.0', false])
  assert.deepEqual(plan.parameters, [{ name: 'requests', change: 'set', text: 'not set → "5/min"' }])
  assert.deepEqual(
    plan.statements.map(({ id }: { id: string }) => id),
    ['surveys/requests'],
  )
  assert.ok(plan.replay.records > 0)

  const tests = join(folder, 'own.test.yaml')
  const text = `cases: [{ by: scout, action: 'data:read', resource: Dataset::surveys, expect: allow }]`
  writeFileSync(tests, text)
  const manifest = readFileSync(join(folder, 'own.yaml'), 'utf8')
  const failing = await upgrade('--set', 'requests=5/min', '--yes')
  assert.equal(failing.ok, false)
  assert.equal(JSON.parse(failing.stdout).failing.length, 1)
  assert.equal(readFileSync(join(folder, 'own.yaml'), 'utf8'), manifest)

  const pack = join(folder, 'packs/dataset-reader')
  const newer = join(folder, 'packs/dataset-reader/2.0.0')
  mkdirSync(newer)
  const yaml = readFileSync(join(pack, 'pack.yaml'), 'utf8').replace('version: 1.1.0', 'version: 2.0.0')
  writeFileSync(join(newer, 'pack.yaml'), `${yaml}  level: { type: integer, doc: the level that is needed }\n`)
  writeFileSync(
    join(newer, 'grants.cedar'),
    `${readFileSync(join(pack, 'grants.cedar'), 'utf8')}@id("level") forbid (principal is Agent, action, resource) unless { principal has level && principal.level >= Parameter::"level" };`,
  )
  cpSync(join(pack, 'limits.cedar'), join(newer, 'limits.cedar'))
  const needed = await upgrade()
  assert.equal(needed.ok, false)
  assert.match(needed.stderr, /own\.yaml:1: `level` is needed: .*it is new in 2\.0\.0: say `--set level=…`/)
  const outOfBounds = await upgrade('--set', 'level=-1')
  assert.match(outOfBounds.stderr, /`level`: must be from 0/)
})

test('a pack is added to a manifest only where the whole folder is right with it', async () => {
  const folder = join(sallyport.home, 'own')
  const add = (...more: readonly string[]) =>
    sallyport.cli('packs', 'add', 'inference-client', '--folder', folder, '--write', 'own.yaml', ...more)
  const before = readFileSync(join(folder, 'own.yaml'), 'utf8')
  const values = ['--set', 'who=User::bob', 'models=[Model::small]']
  assert.match((await add('--instance', 'surveys', ...values)).stderr, /`surveys` is in use at own\.yaml:1/)
  assert.match((await add('--instance', 'B', ...values)).stderr, /`--instance B` must be small letters/)
  assert.match((await add('--instance', 'bob', '--agent', 'x', '--project', 'y', ...values)).stderr, /one layer/)
  assert.equal(readFileSync(join(folder, 'own.yaml'), 'utf8'), before)
  assert.equal((await add('--instance', 'bob', ...values)).ok, true)
  assert.match(
    await succeed(sallyport, 'packs', 'list', '--folder', folder),
    /bob +inference-client 1\.0\.0 +own\.yaml/,
  )
})

test('what a manifest says wrongly of packs is told with file and line, and nothing changes', async () => {
  const file = join(sallyport.home, 'wrong.yaml')
  const cases: readonly (readonly [string, RegExp])[] = [
    ['packs: [', /wrong\.yaml:1/],
    ['packs:\n  - { pack: x, version: 1, as: y }', /wrong\.yaml:2: `packs\.0\.version`/],
    ['packs:\n  - { pack: x, version: 1.0.0, as: Y }', /wrong\.yaml:2: `packs\.0\.as`/],
    ['packs:\n  - { pack: x, version: 1.0.0, as: foundation }', /wrong\.yaml:2: .*only Sallyport uses/],
    ['packs:\n  - { pack: x, version: 1.0.0, as: a, agent: b, agentType: c }', /wrong\.yaml:2: .*one layer/],
    ['packs:\n  - { pack: x, version: 1.0.0, as: a }', /wrong\.yaml:2: there is no pack `x`/],
    [
      'packs:\n  - { pack: inference-client, version: 1.0.0, as: a, with: { __proto__: 1 } }',
      /wrong\.yaml:2: unknown key `__proto__`/,
    ],
    [
      `packs:\n  - pack: inference-client\n    version: 1.0.0\n    as: a\n    with:\n      who: 'User::a") ; permit(principal,action,resource);'\n      models: []\n      colour: red\n`,
      /wrong\.yaml:8: .*no parameter `colour`.*wrong\.yaml:6: `who`: must not contain quotation marks.*wrong\.yaml:7: `models`: must have 1 to 100/,
    ],
    [
      'packs:\n  - { pack: data-analyst, version: 1.0.0, as: a, with: { columns: [Column::a] } }',
      /wrong\.yaml:2: `data-analyst` stands in the layer of `agentType` or `agent`, not of `tenant`/,
    ],
  ]
  const before = await succeed(sallyport, 'packs', 'in-force')
  for (const [text, expected] of cases) {
    writeFileSync(file, text)
    const { ok, stderr } = await sallyport.cli('apply', '-f', file)
    assert.equal(ok, false)
    assert.match(stderr, expected)
  }
  assert.equal(await succeed(sallyport, 'packs', 'in-force'), before)
})

test('without packs in use there are none, whatever else stays', async () => {
  const file = join(sallyport.home, 'none.yaml')
  writeFileSync(file, 'packs: []\n')
  await succeed(sallyport, 'apply', '-f', file)
  assert.equal((await succeed(sallyport, 'packs', 'in-force')).trim(), 'no pack is in use')
  assert.match(await succeed(sallyport, 'who-can', 'log:read', 'Tenant::demo'), /demo\/auditor/)
})
