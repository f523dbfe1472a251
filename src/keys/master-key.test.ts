import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openMasterKey } from './index.ts'

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'sallyport-keys-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}
const text = (key: ReturnType<typeof openMasterKey>): string => key.derive('x').export().toString('hex')

test('an empty directory gets a master key that only its owner can read', (t) => {
  const at = directory(t)
  const first = openMasterKey({ directory: at })
  assert.equal(statSync(join(at, 'master.key')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(at), ['master.key'])
  assert.equal(text(openMasterKey({ directory: at })), text(first), 'it is found again')
})

test('every use gets a key of its own', (t) => {
  const key = openMasterKey({ directory: directory(t) })
  assert.notEqual(key.derive('a').export().toString('hex'), key.derive('b').export().toString('hex'))
})

test('the environment comes first, and no file is written', (t) => {
  const at = directory(t)
  const environment = randomBytes(32).toString('base64')
  assert.equal(text(openMasterKey({ directory: at, environment })), text(openMasterKey({ directory: at, environment })))
  assert.deepEqual(readdirSync(at), [])
})

test('a lost master key is not replaced where tenants have sealed keys', (t) => {
  const at = directory(t)
  mkdirSync(join(at, 'tenants'))
  writeFileSync(join(at, 'tenants', 'demo.db'), '')
  assert.throws(() => openMasterKey({ directory: at }), { code: 'master_key_missing' })
  assert.deepEqual(readdirSync(at), ['tenants'])
})

test('a master key of the wrong size or alphabet is refused', (t) => {
  const at = directory(t)
  for (const environment of ['c2hvcnQ=', '?'.repeat(44), `${randomBytes(32).toString('base64')}x`]) {
    assert.throws(() => openMasterKey({ directory: at, environment }), { code: 'master_key_invalid' }, environment)
  }
  writeFileSync(join(at, 'master.key'), readFileSync('/dev/null'), { mode: 0o600 })
  assert.throws(() => openMasterKey({ directory: at }), { code: 'master_key_invalid' })
})

test('a master key that others can read is refused', (t) => {
  const at = directory(t)
  openMasterKey({ directory: at })
  chmodSync(join(at, 'master.key'), 0o644)
  assert.throws(() => openMasterKey({ directory: at }), { code: 'master_key_exposed' })
})
