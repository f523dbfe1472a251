import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSallyport } from '../../examples/tour/sallyport.ts'
import {
  consistencyProof,
  ed25519Signer,
  formatAddCheckpoint,
  formatVerifierKey,
  leafHash,
  parseVerifierKey,
  rangeHashFromTiles,
  signCheckpoint,
  TreeBuilder,
  verifyCheckpoint,
} from '../../src/translog/index.ts'
import { succeed } from './house.ts'
import { until } from './until.ts'
import { startWitness } from './witness-process.ts'

const origin = 'log.example/one'
const pair = generateKeyPairSync('ed25519')

/** What a log of `size` leaves asks; another `history` is another log from the third leaf on. */
function addRequest(old: number, size: number, history = 'one'): string {
  const tree = new TreeBuilder()
  for (let i = 0; i < size; i++) tree.append(leafHash(Buffer.from(i < 2 ? `${i}` : `${history} ${i}`)))
  const rangeHash = rangeHashFromTiles(size, (level, _n, width) => tree.partialTile(level, width))
  const checkpoint = signCheckpoint({ origin, size, root: tree.root() }, [ed25519Signer({ name: origin, ...pair })])
  return formatAddCheckpoint({ old, proof: consistencyProof(old, size, rangeHash), checkpoint })
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-witness-'))
  try {
    writeFileSync(join(directory, 'log.keys'), `${formatVerifierKey(origin, 'ed25519', pair.publicKey)}\n`)
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a witness cosigns what continues, refuses a fork, and only one runs on a directory', async () => {
  await inDirectory(async (directory) => {
    const data = join(directory, 'witness')
    const witness = await startWitness(data, join(directory, 'log.keys'))
    try {
      const request = addRequest(0, 5)
      const first = await witness.add(request)
      assert.equal(first.status, 200)
      const keys = readFileSync(witness.keys, 'utf8').trim().split('\n').map(parseVerifierKey)
      const checkpoint = request.slice(request.indexOf('\n\n') + 2)
      assert.equal(verifyCheckpoint(checkpoint + first.text, keys).note.signatures.length, 2)

      assert.equal((await witness.add(addRequest(5, 9, 'two'))).status, 422)
      assert.equal((await witness.add(addRequest(5, 5, 'two'))).status, 409)
      assert.deepEqual(await witness.add(addRequest(0, 9, 'two')), { status: 409, text: '5\n' })
      assert.equal((await witness.add(addRequest(5, 9))).status, 200)
      await assert.rejects(startWitness(data, join(directory, 'log.keys')), /in use/)
    } finally {
      await witness.stop()
    }
  })
})

test('killed at any moment, a witness never goes back behind what it has cosigned', async () => {
  await inDirectory(async (directory) => {
    let acknowledged = 0
    for (let round = 0; round < 4; round++) {
      const witness = await startWitness(join(directory, 'witness'), join(directory, 'log.keys'))
      try {
        const { status, text } = await witness.add(addRequest(255, 255))
        assert.equal(status, 409)
        const remembered = Number(text)
        // The one that was under way when it was killed may be remembered though it was not answered.
        assert.ok(remembered === acknowledged || remembered === acknowledged + 1, `${remembered}, not ${acknowledged}`)
        acknowledged = remembered
        const killed = sleep(100 + Math.random() * 200).then(() => witness.stop('SIGKILL'))
        while (acknowledged < 250) {
          const answer = await witness.add(addRequest(acknowledged, acknowledged + 1)).catch(() => undefined)
          if (answer === undefined) break // it is dead
          assert.equal(answer.status, 200)
          acknowledged++
        }
        await killed
      } finally {
        await witness.stop('SIGKILL')
      }
    }
    assert.ok(acknowledged > 0)
  })
})

test('a log is witnessed by another process, through its death, and auditors are told how far', async () => {
  await inDirectory(async (directory) => {
    const data = join(directory, 'witness')
    const before = await startSallyport()
    try {
      const logKeys = join(before.data, 'tenants', 'demo.log.keys')
      await before.stop()
      let witness = await startWitness(data, logKeys)
      const port = Number(new URL(witness.url).port)
      const config = { witnesses: [{ url: witness.url, key: readFileSync(witness.keys, 'utf8') }] }
      const sallyport = await startSallyport({ home: before.home, config })
      try {
        const isWitnessed = async () => {
          const { stdout } = await sallyport.cli('log', 'verify', '--witness', witness.keys)
          assert.match(stdout, /^the log is whole/)
          return /witnessed by 1 of 1, witness\.example\/w1: the first/.test(stdout) && !/unwitnessed/.test(stdout)
        }
        await until(isWitnessed, 30_000)
        assert.match(await succeed(sallyport, 'log', 'verify'), /unwitnessed/)

        const file = join(directory, 'record.tlog-proof')
        await succeed(sallyport, 'log', 'receipt', '1', '-o', file)
        const receipt = ['log', 'receipt', 'verify', file, '--keys', logKeys]
        assert.match(await succeed(sallyport, ...receipt, '--witness', witness.keys), /witnessed by 1 of 1/)

        // Without its witness the log goes on; once it is back, it catches up.
        await witness.stop('SIGKILL')
        const size = (text: string) => Number(/the first (\d+) records/.exec(text)?.[1])
        const then = size(await succeed(sallyport, 'log', 'verify', '--witness', witness.keys))
        witness = await startWitness(data, logKeys, port)
        await until(
          async () => size(await succeed(sallyport, 'log', 'verify', '--witness', witness.keys)) > then,
          30_000,
        )

        await sallyport.stop()
        const log = join(sallyport.data, 'tenants', 'demo.log.db')
        const offline = await succeed(sallyport, 'log', 'verify', '--file', log, '--witness', witness.keys)
        assert.match(offline, /^the log is whole[\s\S]*witnessed by 1 of 1/)
      } finally {
        await sallyport.stop()
        await witness.stop()
      }
    } finally {
      await before.remove()
    }
  })
})
