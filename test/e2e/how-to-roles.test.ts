import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { consoleBlocks, isAsShown, runInOneShell } from './console-blocks.ts'
import { succeed } from './house.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILE = 'docs/how-to/roles.md'
const page = readFileSync(join(ROOT, FILE), 'utf8')

let sallyport: Sallyport
let folder: string
before(async () => {
  sallyport = await startSallyport()
  folder = mkdtempSync(join(tmpdir(), 'sallyport-roles-'))
})
after(async () => {
  await sallyport?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const credentials = (): string => join(sallyport.data, 'demo', 'credentials.json')

test('the commands of the page about roles print what it shows', async () => {
  const shown = consoleBlocks(page)
  assert.ok(shown.length >= 4)
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    SALLYPORT_CREDENTIALS: credentials(),
  }
  const printed = await runInOneShell(
    shown.map(({ command }) => command),
    { cwd: ROOT, env },
  )
  for (const [index, { command, output, line }] of shown.entries()) {
    const lines = output.filter((text, at) => text !== '' || at < output.length - 1)
    const actual = printed[index] ?? ''
    assert.ok(isAsShown(lines, actual), `${FILE}:${line}: $ ${command}\n${output.join('\n')}\nprinted:\n${actual}`)
  }
})

test('its manifests can be applied, and a role on a project is good for that project alone', async () => {
  const manifests = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  assert.ok(manifests.length >= 2)
  for (const [index, text] of manifests.entries()) await applied(`shown-${index}.yaml`, text)

  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const keys = [await exportJWK(publicKey)]
  await applied('keys.yaml', JSON.stringify({ users: { bob: { keys } } }))
  const known = JSON.parse(readFileSync(credentials(), 'utf8'))
  known.principals.bob = { client_id: 'bob', private_key_jwk: await exportJWK(privateKey) }
  const file = join(folder, 'credentials.json')
  writeFileSync(file, JSON.stringify(known))
  const asBob = (...args: readonly string[]) => sallyport.cli('--credentials', file, '--as', 'bob', ...args)

  const near = await asBob('suspend', 'scout')
  assert.ok(near.ok, near.stderr)
  assert.ok((await asBob('resume', 'scout')).ok)
  const far = await asBob('suspend', 'research-assistant')
  const nobody = await asBob('suspend', 'nobody-at-all')
  assert.ok(!far.ok && !nobody.ok)
  assert.equal(far.stderr, nobody.stderr, 'whether there is one of that name does not show')
  assert.match(far.stderr, /ask for access/)
  const listed = await asBob('principals', 'list', '--project', 'churn')
  assert.match(listed.stdout, /Agent +scout +active +project churn +level 1/)
  assert.ok(!(await asBob('principals', 'list')).ok)
  assert.ok((await asBob('principals', 'set', 'scout', '--level', '2')).ok)
  assert.ok(!(await asBob('principals', 'set', 'research-assistant', '--level', '2')).ok)
})

async function applied(name: string, text: string): Promise<void> {
  const file = join(folder, name)
  writeFileSync(file, text)
  await succeed(sallyport, 'apply', '-f', file)
}
