import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeEntryBundle, parseEntryBundle } from './entry-bundle.ts'
import { formatTilePath, parseTilePath } from './tile-path.ts'

test('what is written as a tile path is read back', () => {
  const n = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  const width = fc.integer({ min: 1, max: 256 })
  fc.assert(
    fc.property(fc.nat({ max: 63 }), n, width, (level, n, width) => {
      const tile = { kind: 'tile', level, n, width } as const
      assert.deepEqual(parseTilePath(formatTilePath(tile)), tile)
      const entries = { kind: 'entries', n, width } as const
      assert.deepEqual(parseTilePath(formatTilePath(entries)), entries)
    }),
  )
})

test('every other spelling of a tile path is refused', () => {
  const wrong = [
    '',
    'tile/0/0',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/001.p/0',
    'tile/0/001.p/256',
    'tile/0/001.p/01',
    'tile/0/001.p/',
    'tile/0/1000',
    'tile/0/x001/x002',
    'tile/0/001/002',
    'tile/data/001',
    'tile/0/../000',
    '/tile/0/000',
    'tile/0/000 ',
  ]
  for (const path of wrong) assert.equal(parseTilePath(path), undefined, path)
})

test('an entry bundle gives back its entries, and nothing but all of them', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
      const bundle = encodeEntryBundle(entries)
      assert.deepEqual(
        parseEntryBundle(bundle, entries.length).map((entry) => new Uint8Array(entry)),
        entries,
      )
      assert.throws(() => parseEntryBundle(bundle, entries.length + 1), /exactly/)
      if (entries.length > 0) assert.throws(() => parseEntryBundle(bundle, entries.length - 1), /exactly/)
    }),
  )
})

test('an entry of more than 64 KiB does not go into a bundle', () => {
  assert.throws(() => encodeEntryBundle([new Uint8Array(65_536)]), /larger than 64 KiB/)
})
