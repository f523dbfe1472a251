import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCheckpoint, signCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { leafHash } from './hashing.ts'
import { formatReceipt, parseReceipt, verifyReceipt } from './receipt.ts'
import { addSignature, parseNote, signNote, verifyNote } from './signed-note.ts'
import { ed25519Cosigner, ed25519Signer, mlDsaCosigner } from './signers.ts'
import { createVerifier, formatVerifierKey, parseVerifierKey } from './verifier-key.ts'

const name = 'log.example/demo'
const named = (pair: { privateKey: KeyObject; publicKey: KeyObject }, keyName = name) => ({ name: keyName, ...pair })
const ed = named(generateKeyPairSync('ed25519'))
const quantum = named(generateKeyPairSync('ml-dsa-44'))
const witness = named(generateKeyPairSync('ed25519'), 'witness.example/w1')
const now = () => 1_790_000_000_000
const signers = [ed25519Signer(ed), mlDsaCosigner(quantum, now), ed25519Cosigner(witness, now)]
const verifiers = [
  createVerifier(name, 'ed25519', ed.publicKey),
  createVerifier(name, 'ml-dsa-44-cosignature', quantum.publicKey),
  createVerifier(witness.name, 'ed25519-cosignature', witness.publicKey),
]
const checkpoint = { origin: name, size: 7, root: leafHash(Buffer.from('root')) }

test('a checkpoint verifies under each of its three kinds of signature alone', () => {
  const note = signCheckpoint(checkpoint, signers)
  for (const verifier of verifiers) {
    const verified = verifyCheckpoint(note, [verifier])
    assert.equal(verified.size, 7)
    assert.deepEqual(verified.root, checkpoint.root)
    assert.equal(verified.note.signatures.length, 1)
  }
  assert.equal(verifyCheckpoint(note, verifiers).note.signatures.length, 3)
})

test('verifier keys are read back and verify the same notes', () => {
  const note = signCheckpoint(checkpoint, signers)
  const texts = [
    formatVerifierKey(name, 'ed25519', ed.publicKey),
    formatVerifierKey(name, 'ml-dsa-44-cosignature', quantum.publicKey),
    formatVerifierKey(witness.name, 'ed25519-cosignature', witness.publicKey),
  ]
  for (const text of texts) assert.equal(verifyCheckpoint(note, [parseVerifierKey(text)]).size, 7)
  for (const text of ['', 'a+00000000+AAAA', texts[0]?.replace('demo', 'other') ?? '']) {
    assert.throws(() => parseVerifierKey(text), { code: 'verifier_key_malformed' })
  }
})

test('a note without a known key is refused, and so is one with a known key that signed something else', () => {
  const note = signCheckpoint(checkpoint, signers)
  const stranger = createVerifier(name, 'ed25519', generateKeyPairSync('ed25519').publicKey)
  assert.throws(() => verifyNote(note, [stranger]), { code: 'note_unverified' })
  assert.throws(() => verifyNote(note.replace('\n7\n', '\n8\n'), verifiers), { code: 'note_unverified' })
  // An unknown key beside a known one is no reason to refuse.
  assert.equal(verifyNote(note, [stranger, ...verifiers]).signatures.length, 3)
})

test('any byte of a signed checkpoint that changes is noticed', () => {
  const [signer] = signers
  const [verifier] = verifiers
  if (signer === undefined || verifier === undefined) throw new Error('unreachable')
  const note = Buffer.from(signCheckpoint(checkpoint, [signer]))
  for (let at = 0; at < note.length; at++) {
    const altered = Buffer.from(note)
    altered[at] = (note[at] ?? 0) ^ 0x01
    assert.throws(() => verifyCheckpoint(altered.toString('utf8'), [verifier]), { name: 'TranslogError' }, `byte ${at}`)
  }
})

test('a witness can add its line to a note', () => {
  const [log, , cosigner] = signers
  if (log === undefined || cosigner === undefined) throw new Error('unreachable')
  const note = signCheckpoint(checkpoint, [log])
  const { text } = parseNote(note)
  const witnessed = addSignature(note, { name: cosigner.name, id: cosigner.id, signature: cosigner.sign(text) })
  assert.equal(verifyCheckpoint(witnessed, verifiers).note.signatures.length, 2)
})

test('malformed notes and checkpoints are refused', () => {
  for (const note of [
    '',
    '\n',
    'text\n',
    'text\n\n',
    'text\n\n— name\n',
    'text\n\n— a b\n',
    'a\tb\n\n— n AAAAAAAA\n',
  ]) {
    assert.throws(() => parseNote(note), { code: 'note_malformed' }, JSON.stringify(note))
  }
  const root = Buffer.alloc(32).toString('base64')
  for (const text of ['o\n1\n', `o\n01\n${root}\n`, `\n1\n${root}\n`, `o\n-1\n${root}\n`, `o\n1\n${root}=\n`]) {
    assert.throws(() => parseCheckpoint(signNote(text, signers.slice(0, 1))), { name: 'TranslogError' }, text)
  }
})

test('reading foreign text never throws anything but a TranslogError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      for (const read of [parseNote, parseCheckpoint, parseReceipt, parseVerifierKey]) {
        try {
          read(text)
        } catch (error) {
          assert.equal(error instanceof Error ? error.name : '', 'TranslogError')
        }
      }
    }),
  )
})

test('a receipt is read back, and proves its leaf only', () => {
  const leaf = leafHash(Buffer.from('entry'))
  const note = signCheckpoint({ origin: name, size: 1, root: leaf }, signers)
  const text = formatReceipt({ extra: Buffer.from('more'), index: 0, proof: [], checkpoint: note })
  const receipt = parseReceipt(text)
  assert.equal(formatReceipt(receipt), text)
  assert.equal(verifyReceipt(receipt, leaf, { origin: name, verifiers }).size, 1)
  assert.throws(() => verifyReceipt(receipt, leafHash(leaf), { origin: name, verifiers }), {
    code: 'receipt_malformed',
  })
  assert.throws(() => verifyReceipt(receipt, leaf, { origin: 'other', verifiers }), { code: 'note_unverified' })
  assert.throws(() => verifyReceipt({ ...receipt, index: 1 }, leaf, { origin: name, verifiers }))
})
