import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Sallyport, startSallyport } from '../../examples/tour/sallyport.ts'
import { succeed } from './house.ts'

let sallyport: Sallyport
let directory: string
let keys: string
before(async () => {
  sallyport = await startSallyport()
  directory = mkdtempSync(join(tmpdir(), 'sallyport-receipts-'))
  keys = join(sallyport.data, 'tenants', 'demo.log.keys')
})
after(async () => {
  await sallyport?.remove()
  rmSync(directory, { recursive: true, force: true })
})

test('a receipt is fetched to a file, and verified without the server', async () => {
  const file = join(directory, 'record.tlog-proof')
  await succeed(sallyport, 'log', 'receipt', '1', '-o', file)
  const proven = await sallyport.cli('--credentials', '/nowhere', 'log', 'receipt', 'verify', file, '--keys', keys)
  assert.match(proven.stdout, /^record 1 is in the log\n {2}kind {3}\w+[\s\S]*unwitnessed/)
})

test('a receipt that was changed, and one of another log, prove nothing', async () => {
  const file = join(directory, 'changed.tlog-proof')
  await succeed(sallyport, 'log', 'receipt', '1', '-o', file)
  writeFileSync(file, readFileSync(file, 'utf8').replace('index 1\n', 'index 2\n'))
  assert.equal((await sallyport.cli('log', 'receipt', 'verify', file, '--keys', keys)).ok, false)
  writeFileSync(
    file,
    readFileSync(file, 'utf8')
      .replace('index 2\n', 'index 1\n')
      .replace(/^localhost/m, 'elsewhere'),
  )
  const other = await sallyport.cli('log', 'receipt', 'verify', file, '--keys', keys)
  assert.equal(other.ok, false)
  assert.match(other.stderr, /not the keys of the log/)
})

test('a checkpoint that was kept is held against the log, and one that it never signed is refused', async () => {
  const file = join(directory, 'record.tlog-proof')
  await succeed(sallyport, 'log', 'receipt', '0', '-o', file)
  const checkpoint = readFileSync(file, 'utf8').split('\n\n').slice(1).join('\n\n')
  const kept = join(directory, 'kept')
  writeFileSync(kept, checkpoint)
  await succeed(sallyport, 'log', 'verify', '--kept', kept)
  writeFileSync(
    kept,
    checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`),
  )
  const refused = await sallyport.cli('log', 'verify', '--kept', kept)
  assert.equal(refused.ok, false)
  assert.match(refused.stdout, /not one that the log signed/)
})
