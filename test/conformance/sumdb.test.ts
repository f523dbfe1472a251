// A verifier that we did not write accepts our log: golang.org/x/mod/sumdb, the code of the Go checksum database. It
// needs Go and that module's source (on Debian: `apt install golang-go golang-golang-x-mod-dev`, as .ci/run does); where
// they are not at hand the test is skipped, which fails a run with `CI` set, as does SALLYPORT_GO=require.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Log } from '../../src/audit/index.ts'
import { decision, logFixture, origin } from '../../src/audit/log-fixture.ts'
import {
  formatTilePath,
  formatVerifierKey,
  parseCheckpoint,
  type TilePath,
  tileWidth,
} from '../../src/translog/index.ts'

const GO = process.env.SALLYPORT_GO_PROGRAM ?? 'go'
// Where Debian puts the source of Go packages.
const GOPATH = process.env.SALLYPORT_GOPATH ?? '/usr/share/gocode'
const COUNT = 66_300
const EARLIER = 1000

function verifier(t: TestContext, directory: string): string | undefined {
  const module = join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog')
  const isThere = spawnSync(GO, ['version']).status === 0 && existsSync(module)
  if (!isThere) {
    const message = 'NOT CHECKED by a foreign verifier: there is no Go, or no golang.org/x/mod, on this machine'
    assert.notEqual(process.env.SALLYPORT_GO, 'require', message)
    t.diagnostic(message)
    t.skip(message)
    return undefined
  }
  const program = join(directory, 'verifier')
  const built = spawnSync(GO, ['build', '-o', program, join(import.meta.dirname, 'sumdb/main.go')], {
    encoding: 'utf8',
    env: { ...process.env, GOPATH, GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(directory, 'cache') },
  })
  assert.equal(built.status, 0, built.stderr)
  return program
}

test('the Go checksum database verifies our checkpoint, tiles, receipts and consistency, and nothing altered', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-sumdb-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const program = verifier(t, directory)
  if (program === undefined) return
  using place = logFixture()
  const log = await place.open()
  await appendMany(log, EARLIER)
  await log.receipt(EARLIER - 1)
  const put = (name: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  put('checkpoint-before', await log.checkpoint())
  await appendMany(log, COUNT - EARLIER)
  for (const index of [0, 255, 256, 65_535, 65_536, COUNT - 1]) put(`${index}.tlog-proof`, await log.receipt(index))
  const checkpoint = await log.checkpoint()
  const { size } = parseCheckpoint(checkpoint)
  assert.equal(size, COUNT)
  put('checkpoint', checkpoint)
  put('vkey', formatVerifierKey(origin, 'ed25519', place.keys.signer.publicKey))
  const proof = await log.consistency(EARLIER, size)
  put('consistency', proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join(''))
  for (const path of pathsOf(size)) put(formatTilePath(path), (await log.resource(path)) ?? assert.fail())
  await log.close()

  const run = () => spawnSync(program, [directory], { encoding: 'utf8' })
  const accepted = run()
  assert.equal(accepted.stderr, '')
  assert.equal(accepted.stdout, `${COUNT} records, 6 receipts, from ${EARLIER}\n`)

  const changes = ['checkpoint', 'tile/0/003', 'tile/1/000', 'tile/entries/200', '256.tlog-proof', 'consistency']
  for (const name of changes) {
    const bytes = readFileSync(join(directory, name))
    const altered = Buffer.from(bytes)
    // In the middle of the text, where a digit or letter stays one.
    const at = name === 'checkpoint' ? bytes.indexOf('\n') + 1 : 40
    altered[at] = (bytes[at] ?? 0) ^ 1
    put(name, altered)
    assert.equal(run().status, 1, `${name} was altered`)
    put(name, bytes)
  }
})

async function appendMany(log: Log, count: number): Promise<void> {
  for (let done = 0; done < count; done += 4096) {
    await Promise.all(Array.from({ length: Math.min(4096, count - done) }, () => log.append(decision())))
  }
}

/** Every tile and entry bundle of a log of this size. */
function pathsOf(size: number): TilePath[] {
  const paths: TilePath[] = []
  for (let level = 0; 256 ** level <= size; level++) {
    for (let n = 0; n * 256 ** (level + 1) < size; n++) {
      const width = tileWidth(level, n, size)
      if (width === 0) continue
      paths.push({ kind: 'tile', level, n, width })
      if (level === 0) paths.push({ kind: 'entries', n, width })
    }
  }
  return paths
}
