import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { signCheckpoint } from './checkpoint.ts'
import { leafHash } from './hashing.ts'
import { consistencyProof } from './proofs.ts'
import { ed25519Signer } from './signers.ts'
import { rangeHashFromTiles } from './tile-tree.ts'
import { TreeBuilder } from './tree-builder.ts'
import { createVerifier } from './verifier-key.ts'
import {
  formatAddCheckpoint,
  judgeAddCheckpoint,
  parseAddCheckpoint,
  type WitnessedState,
  type WitnessVerdict,
} from './witness-protocol.ts'

const origin = 'log.example'
const pair = generateKeyPairSync('ed25519')
const verifiers = [createVerifier(origin, 'ed25519', pair.publicKey)]

/** A log of `size` leaves; another `history` has other leaves from the third on. */
function logOf(size: number, history = 'one', name = origin, keys = pair) {
  const tree = new TreeBuilder()
  for (let i = 0; i < size; i++) tree.append(leafHash(Buffer.from(i < 2 ? `${i}` : `${history} ${i}`)))
  const rangeHash = rangeHashFromTiles(size, (level, _n, width) => tree.partialTile(level, width))
  return {
    state: { size, root: tree.root() },
    note: signCheckpoint({ origin: name, size, root: tree.root() }, [ed25519Signer({ name, ...keys })]),
    proofFrom: (from: number) => consistencyProof(from, size, rangeHash),
  }
}

function judge(text: string, state?: WitnessedState): WitnessVerdict {
  return judgeAddCheckpoint(text, verifiers, (name) => (name === origin ? state : undefined))
}

const request = (old: number, log: ReturnType<typeof logOf>, proof = log.proofFrom(old)) =>
  formatAddCheckpoint({ old, proof, checkpoint: log.note })

test('a request reads back as it was written', () => {
  const log = logOf(7)
  const text = request(3, log)
  const parsed = parseAddCheckpoint(text)
  assert.deepEqual(parsed?.old, 3)
  assert.deepEqual(parsed?.checkpoint, log.note)
  assert.ok(parsed !== undefined && formatAddCheckpoint(parsed) === text)
})

test('every continuation is cosigned, from every size to every size', () => {
  for (let to = 0; to <= 12; to++) {
    for (let from = 0; from <= to; from++) {
      const { state } = logOf(from)
      assert.equal(judge(request(from, logOf(to)), state).kind, 'cosign', `${from} to ${to}`)
    }
  }
  assert.equal(judge(request(0, logOf(5))).kind, 'cosign')
})

const { state: five } = logOf(5)
const cases: readonly (readonly [string, string, WitnessedState | undefined, number])[] = [
  ['what is not a request', 'old five\n\nx', five, 400],
  ['a proof with a line that is no hash', `old 5\nAAAA\n\n${logOf(9).note}`, five, 400],
  ['an old size with a leading zero', request(5, logOf(9)).replace('old 5', 'old 05'), five, 400],
  ['a checkpoint that is smaller than the old size', `old 5\n\n${logOf(4).note}`, five, 400],
  ['a log that it does not know', request(5, logOf(9, 'one', 'other.example')), five, 404],
  ['a signature of somebody else', request(5, logOf(9, 'one', origin, generateKeyPairSync('ed25519'))), five, 403],
  ['a checkpoint that was changed', request(5, logOf(9)).replace('\n9\n', '\n8\n'), five, 403],
  ['another old size than it remembers', request(4, logOf(9)), five, 409],
  ['a log that begins anew', request(0, logOf(9)), five, 409],
  ['a fork of the same size', request(5, logOf(5, 'two')), five, 409],
  ['a fork of a larger size', request(5, logOf(9, 'two')), five, 422],
  ['a proof of another size', request(5, logOf(9), logOf(9).proofFrom(4)), five, 422],
  ['no proof', request(5, logOf(9), []), five, 422],
  ['a proof where there is nothing to prove', request(5, logOf(5), logOf(9).proofFrom(5)), five, 422],
  ['a proof from the empty tree', request(0, logOf(9), logOf(9).proofFrom(5)), undefined, 422],
]
for (const [what, text, state, status] of cases) {
  test(`${what} is answered with ${status}`, () => {
    const verdict = judge(text, state)
    assert.ok(verdict.kind !== 'cosign')
    assert.equal(verdict.status, status)
    if (verdict.kind === 'conflict') assert.equal(verdict.size, 5)
  })
}
