// RFC 6962 proofs against published vectors, and the C2SP log formats against the examples of their own documents.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  formatReceipt,
  formatTilePath,
  isConsistent,
  isIncluded,
  parseCheckpoint,
  parseNote,
  parseReceipt,
  parseTilePath,
  parseVerifierKey,
  tileWidth,
  verifyNote,
} from '../../src/translog/index.ts'

const vectors = process.env.SALLYPORT_VECTORS_DIR ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors')
const specs = join(vectors, '..', 'reference', 'specs')
const skip =
  process.env.SALLYPORT_VECTORS !== 'require' && !existsSync(vectors) ? 'the published test data is not at hand' : false

const read = (folder: string) =>
  globSync('**/*.json', { cwd: join(vectors, 'merkle', folder) }).map((file) => ({
    file,
    vector: JSON.parse(readFileSync(join(vectors, 'merkle', folder, file), 'utf8')),
  }))
const bytes = (base64: string | null) => Buffer.from(base64 ?? '', 'base64')
const path = (proof: string[] | null) => (proof ?? []).map(bytes)

test('RFC6962-2.1.1 every inclusion vector is accepted or refused as published', { skip }, () => {
  const all = read('inclusion')
  assert.ok(all.length >= 90)
  for (const { file, vector: v } of all) {
    const answer = isIncluded(bytes(v.leafHash), v.leafIdx, v.treeSize, path(v.proof), bytes(v.root))
    assert.equal(answer, !v.wantErr, `${file}: ${v.desc}`)
  }
})

test('RFC6962-2.1.2 every consistency vector is accepted or refused as published', { skip }, () => {
  const all = read('consistency')
  assert.ok(all.length >= 90)
  for (const { file, vector: v } of all) {
    const answer = isConsistent(v.size1, v.size2, path(v.proof), bytes(v.root1), bytes(v.root2))
    assert.equal(answer, !v.wantErr, `${file}: ${v.desc}`)
  }
})

/** The fenced examples of a specification, in their order. */
function examples(spec: string): string[] {
  const text = readFileSync(join(specs, spec), 'utf8')
  return [...text.matchAll(/^```\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
}
const written = (note: string) => {
  const { text, signatures } = parseNote(note)
  const lines = signatures.map(({ name, id, signature }) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(id)
    return `— ${name} ${Buffer.concat([head, signature]).toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

test('C2SP-signed-note the example verifies under the key of the document', { skip }, () => {
  const text = readFileSync(join(specs, 'c2sp-signed-note.md'), 'utf8')
  const key = /^ {4}(example\.com\/foo\+[0-9a-f]{8}\+\S+)$/m.exec(text)?.[1] ?? ''
  const [poem = '', message = ''] = examples('c2sp-signed-note.md')
  assert.equal(verifyNote(message, [parseVerifierKey(key)]).text, 'This is an example message.\n')
  assert.throws(() => verifyNote(poem, [parseVerifierKey(key)]), { code: 'note_unverified' })
  assert.throws(() => verifyNote(message.replace('an', 'no'), [parseVerifierKey(key)]), { code: 'note_unverified' })
  for (const note of [poem, message]) assert.equal(written(note), note)
})

test('C2SP-tlog-checkpoint the examples, with and without a cosignature, are read and written back', { skip }, () => {
  for (const spec of ['c2sp-tlog-checkpoint.md', 'c2sp-tlog-cosignature.md']) {
    const [note = ''] = examples(spec)
    const checkpoint = parseCheckpoint(note)
    assert.equal(checkpoint.origin, 'example.com/behind-the-sofa')
    assert.equal(checkpoint.size, 20_852_163)
    assert.equal(checkpoint.root.length, 32)
    assert.equal(written(note), note)
  }
})

test('C2SP-tlog-proof the example is read and written back byte by byte', { skip }, () => {
  const [example = ''] = examples('c2sp-tlog-proof.md')
  const receipt = parseReceipt(example)
  assert.equal(receipt.index, 73_894)
  assert.equal(receipt.proof.length, 5)
  assert.equal(formatReceipt(receipt), example)
})

test('C2SP-tlog-tiles the path and the tile counts of the document hold', { skip }, () => {
  const text = readFileSync(join(specs, 'c2sp-tlog-tiles.md'), 'utf8')
  const index = /index (\d+) will be encoded as\s+`([^`]+)`/.exec(text)
  const tile = { kind: 'tile', level: 3, n: Number(index?.[1]), width: 256 } as const
  assert.equal(formatTilePath(tile), `tile/3/${index?.[2]}`)
  assert.deepEqual(parseTilePath(`tile/3/${index?.[2]}`), tile)

  const widths = (size: number) =>
    [0, 1, 2, 3].map((level) => {
      const full = Math.floor(size / 256 ** (level + 1))
      return { full, partial: tileWidth(level, full, size) }
    })
  assert.deepEqual(widths(70_000), [
    { full: 273, partial: 112 },
    { full: 1, partial: 17 },
    { full: 0, partial: 1 },
    { full: 0, partial: 0 },
  ])
  assert.deepEqual(widths(256).slice(0, 2), [
    { full: 1, partial: 0 },
    { full: 0, partial: 1 },
  ])
})
