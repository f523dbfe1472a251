import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseTenantId, type TenantId } from '../kernel/index.ts'
import { openSqlite } from './sqlite.ts'
import { memoryTenantStore, openStores } from './stores.ts'

const demo = parseTenantId('demo') as TenantId // a valid id

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return join(path, 'data')
}

test('a new data directory can be entered by its owner only', async (t) => {
  const path = directory(t)
  const stores = openStores(path)
  t.after(() => stores.close())
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(statSync(join(path, 'tenants')).mode & 0o777, 0o700)
})

test('tenants and what they hold are there after a restart', async (t) => {
  const path = directory(t)
  const first = openStores(path)
  await first.createTenant(demo, 7)
  const store = await first.tenant(demo)
  await store.write((q) => q.insertInto('roles').values({ id: 'r', title: 'R' }).execute())
  await first.close()
  const second = openStores(path)
  t.after(() => second.close())
  assert.deepEqual(await second.tenants(), ['demo'])
  const again = await second.tenant(demo)
  assert.deepEqual(
    { ...(await again.read((q) => q.selectFrom('roles').selectAll().executeTakeFirst())) },
    { id: 'r', title: 'R' },
  )
})

test('a second process on the same directory is refused, and let in once the first has been killed', async (t) => {
  const path = directory(t)
  const program = `
    import { openStores } from ${JSON.stringify(join(import.meta.dirname, 'stores.ts'))}
    openStores(${JSON.stringify(path)})
    console.log('open')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module-typescript',
    '-e',
    program,
  ])
  t.after(() => child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  assert.throws(() => openStores(path), { code: 'data_in_use', message: new RegExp(`process ${child.pid}`) })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  await openStores(path).close()
})

test('the same process cannot open a directory twice either', async (t) => {
  const path = directory(t)
  const stores = openStores(path)
  t.after(() => stores.close())
  assert.throws(() => openStores(path), { code: 'data_in_use' })
})

test('a file that is no database is named, and the directory is left free', async (t) => {
  const path = directory(t)
  await openStores(path).close()
  writeFileSync(join(path, 'system.db'), 'not a database, whatever it was before'.repeat(200))
  assert.throws(() => openStores(path), {
    code: 'data_corrupt',
    message: /system\.db` is not a readable sallyport database/,
  })
  rmSync(join(path, 'system.db'))
  await openStores(path).close()
})

test('data written by a newer version is refused', async (t) => {
  const path = directory(t)
  await openStores(path).close()
  const db = openSqlite(join(path, 'system.db'))
  db.exec('PRAGMA user_version = 999')
  db.close()
  assert.throws(() => openStores(path), { code: 'data_too_new' })
})

test('a tenant that does not exist is unknown', async (t) => {
  const stores = openStores(directory(t))
  t.after(() => stores.close())
  await assert.rejects(stores.tenant(demo), { code: 'tenant_unknown' })
})

test('a transaction is all or nothing', async () => {
  const store = memoryTenantStore()
  const failing = store.write(async (q) => {
    await q.insertInto('roles').values({ id: 'a', title: 'A' }).execute()
    throw new Error('half-way')
  })
  await assert.rejects(failing, /half-way/)
  assert.deepEqual(await store.read((q) => q.selectFrom('roles').selectAll().execute()), [])
})

test('using the store inside its own transaction fails at once instead of waiting for ever', async () => {
  const store = memoryTenantStore()
  const nested = store.write(async () => store.read((q) => q.selectFrom('roles').selectAll().execute()))
  await assert.rejects(nested, { code: 'nested_transaction' })
})

test('two handles of different stores may be nested', async () => {
  const [one, two] = [memoryTenantStore(), memoryTenantStore()]
  const rows = await one.write(async () => two.read((q) => q.selectFrom('roles').selectAll().execute()))
  assert.deepEqual(rows, [])
})

test('an agent without a sponsor cannot be stored', async () => {
  const store = memoryTenantStore()
  const insert = store.write((q) =>
    q
      .insertInto('principals')
      .values({
        id: 'x',
        kind: 'Agent',
        name: 'x',
        status: 'active',
        sponsor: null,
        agent_type: null,

        created_at: 0,
        updated_at: 0,
      })
      .execute(),
  )
  await assert.rejects(insert, /CHECK constraint/)
})
