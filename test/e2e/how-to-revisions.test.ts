import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'
import { succeed } from './house.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILE = 'docs/how-to/change-policies.md'
const page = readFileSync(join(ROOT, FILE), 'utf8')

let sallyport: Sallyport
let folder: string
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-acme-'))
  for (const [, text = '', name = ''] of page.matchAll(/^```\w+\n((?:#|\/\/) acme\/(\S+)\n[\s\S]*?)^```/gm)) {
    if (name !== 'demand.yaml') writeFileSync(join(folder, basename(name)), text)
  }
  sallyport = await startSallyport()
})
after(async () => {
  await sallyport?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const rollout = (...args: readonly string[]) => succeed(sallyport, '--as', 'rollout', ...args)
const olivia = (...args: readonly string[]) => sallyport.cli('--as', 'olivia', ...args)

test('the commands of the page about changing policies print what it shows', async () => {
  const shown = consoleBlocks(page)
  assert.ok(shown.length >= 12)
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    SALLYPORT_CREDENTIALS: join(sallyport.data, 'demo', 'credentials.json'),
  }
  const commands = shown.map(({ command }) => command.replaceAll(/\bacme(?=\/| |$)/g, folder))
  const printed = await runInOneShell(commands, { cwd: ROOT, env })
  const wrong = shown.flatMap(({ command, output, line }, index) => {
    const lines = output.filter((text, at) => text !== '' || at < output.length - 1)
    const actual = printed[index] ?? ''
    return isAsShown(lines, actual) ? [] : [`${FILE}:${line}: $ ${command}\nprinted:\n${actual}`]
  })
  assert.equal(wrong.join('\n'), '')
})

test('what a tenant demands can be neither loosened nor gone round by who may only apply manifests', async () => {
  const demand = join(folder, 'demand.yaml')
  writeFileSync(demand, 'activation: { require: [replay] }\n')
  const refused = await olivia('apply', '-f', demand)
  assert.ok(!refused.ok)
  assert.match(refused.stderr, /several factors/)
})

test('a role on a project is enough for its layer, and for no other', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const manifest = {
    projects: { churn: {}, other: {} },
    services: { bot: { roles: [{ role: 'tenant-admin', on: 'Project::churn' }], keys: [await exportJWK(publicKey)] } },
  }
  const file = join(folder, 'churn.yaml')
  writeFileSync(file, JSON.stringify(manifest))
  await succeed(sallyport, 'apply', '-f', file)
  rmSync(file)
  const credentials = JSON.parse(readFileSync(join(sallyport.data, 'demo', 'credentials.json'), 'utf8'))
  credentials.principals.bot = { client_id: 'bot', private_key_jwk: await exportJWK(privateKey) }
  const known = join(folder, 'credentials.json')
  writeFileSync(known, JSON.stringify(credentials))
  const bot = (...args: readonly string[]) => sallyport.cli('--credentials', known, '--as', 'bot', ...args)

  const layers = mkdtempSync(join(tmpdir(), 'sallyport-churn-'))
  try {
    writeFileSync(
      join(layers, 'tenant.yaml'),
      'policies: [{ file: churn.cedar, project: churn }, { file: other.cedar, project: other }]\n',
    )
    for (const name of ['churn', 'other']) {
      writeFileSync(
        join(layers, `${name}.cedar`),
        `@id("${name}") permit (principal, action in Action::"data", resource);`,
      )
    }
    const own = await bot('--json', 'policy', 'push', layers, '-m', 'ours', '--project', 'churn')
    assert.ok(own.ok, own.stderr)
    const [{ revision }] = JSON.parse(own.stdout)
    assert.ok((await bot('policy', 'activate', revision)).ok)
    assert.ok((await bot('policy', 'rollback', '--project', 'churn')).ok)
    const { layers: active } = JSON.parse(await rollout('--json', 'policy', 'status'))
    const ofTenant = active.find(({ layer }: { layer: string }) => layer === 'tenant')
    // The same files mean nothing elsewhere, and what is elsewhere is as good as not there.
    const denied = [
      await bot('policy', 'push', layers, '-m', 'theirs', '--project', 'other'),
      await bot('policy', 'push', folder, '-m', 'all'),
      await bot('policy', 'rollback'),
      await bot('policy', 'status'),
      await bot('policy', 'show', ofTenant?.revision.revision ?? ''),
      await bot('policy', 'show', '00000000'),
    ]
    for (const [index, { ok, stderr }] of denied.entries()) {
      assert.ok(!ok && /no policy permits this/.test(stderr), `${index}: ${stderr}`)
    }
  } finally {
    rmSync(layers, { recursive: true, force: true })
  }
})

test('an approval that a policy asks for is for these revisions, and is used by the activation that it allows', async () => {
  const rule = /^@id\("acme\/four-eyes[\s\S]*?;$/m.exec(page)?.[0] ?? assert.fail()
  writeFileSync(join(folder, 'slow.cedar'), rule)
  rmSync(join(folder, 'models.test.yaml'))
  rmSync(join(folder, 'demand.yaml'), { force: true })
  const revisions: string[] = []
  for (const message of ['four eyes', 'and something else']) {
    writeFileSync(join(folder, 'slow.cedar'), `${rule}\n// ${message}`)
    const [pushed] = JSON.parse(await rollout('--json', 'policy', 'push', folder, '-m', message))
    revisions.push(pushed.revision)
    if (revisions.length === 1) await rollout('policy', 'activate', pushed.revision)
  }
  const [, second = ''] = revisions
  const waits = await sallyport.cli('--as', 'rollout', 'policy', 'activate', second)
  assert.match(waits.stderr, /approval/)
  const [approval] = JSON.parse(await succeed(sallyport, '--json', 'approvals', 'list'))
  assert.equal(approval.action, 'policy:activate')
  assert.deepEqual(approval.resource, { type: 'Revision', id: second })
})
