import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashOf } from './hash-trie.ts'
import { PersistentMap } from './persistent-map.ts'
import { UidTable } from './uid-table.ts'

/** A version to change, a key, and the value it gets; without one it is removed. */
const aChange = fc.record({
  from: fc.nat(),
  key: fc.constantFrom(
    '',
    'a',
    'b',
    'c',
    '__proto__',
    'constructor',
    'é😀',
    ...Array.from({ length: 60 }, (_, i) => `k${i}`),
  ),
  value: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
})
const start = fc.array(fc.tuple(fc.constantFrom<string>('a', 'k1', 'k2', 'k3', '__proto__'), fc.nat({ max: 5 })))

interface Versioned extends Iterable<readonly [string, number]> {
  readonly size: number
}

/** Whether each version reads what a map of its own would, whatever other versions became of it. */
function checkVersions<M extends Versioned>(
  of: (map: Map<string, number>) => M,
  change: (map: M, key: string, value: number | undefined) => M,
  check: (map: M, key: string, value: number | undefined) => void,
): void {
  fc.assert(
    fc.property(start, fc.array(aChange, { maxLength: 200 }), (entries, changes) => {
      const versions = [{ map: of(new Map(entries)), model: new Map(entries) }]
      for (const { from, key, value } of changes) {
        const before = versions[from % versions.length]
        if (before === undefined) continue
        versions.push({ map: change(before.map, key, value), model: changed(before.model, key, value) })
      }
      for (const { map, model } of versions) {
        assert.equal(map.size, model.size)
        assert.deepEqual(new Map(map), model)
        for (const key of ['a', 'k1', 'nowhere', ...model.keys()]) check(map, key, model.get(key))
      }
    }),
  )
}

test('each version of a map reads what a map of its own would, whatever other versions became of it', () => {
  checkVersions(
    (map) => PersistentMap.of(map),
    (map, key, value) => map.with(key, value),
    (map, key, value) => assert.equal(map.get(key), value),
  )
})

test('each version of a table of names likewise', () => {
  checkVersions(
    (map) => UidTable.of(map),
    (map, key, value) => map.with(key, value),
    (map, key, value) => {
      assert.equal(map.at(key), value)
      assert.ok(map.mayHave(hashOf(key)) || value === undefined)
    },
  )
})

test('names with one and the same hash are told apart', () => {
  const stranger = { key: 'b', hash: hashOf('a') }
  assert.equal(UidTable.of(new Map([['a', 1]])).get(stranger), undefined)
  assert.equal(UidTable.of(new Map<string, number>()).with('a', 1).get(stranger), undefined)
})

function changed(model: ReadonlyMap<string, number>, key: string, value: number | undefined): Map<string, number> {
  const next = new Map(model)
  if (value === undefined) next.delete(key)
  else next.set(key, value)
  return next
}
