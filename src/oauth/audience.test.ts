import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { audienceOf, covers } from './audience.ts'

const gw = { uri: 'https://sallyport.example/t/demo/gw', scopes: ['models'] }
const segment = fc.stringMatching(/^[a-z.~_-]{1,6}$/).filter((text) => text !== '.' && text !== '..')

test('an audience covers itself and what lies below it', () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 4 }), fc.array(segment, { maxLength: 4 }), (path, more) => {
      const granted = [gw.uri, ...path].join('/')
      const wanted = [granted, ...more].join('/')
      assert.ok(covers(granted, wanted))
      assert.equal(covers(wanted, granted), more.length === 0)
      assert.ok(!covers(granted, `${granted}x`))
      assert.equal(audienceOf(wanted, [gw]), gw)
    }),
  )
})

test('an address that could be read in two ways has no audience', () => {
  for (const tail of ['/', '/../api', '/./x', '/%2e%2e/api', '//x', '?x', '#x', '\\x', '/a b', '/a/..', '/ä']) {
    assert.equal(audienceOf(`${gw.uri}${tail}`, [gw]), undefined, tail)
  }
  assert.equal(audienceOf('', [gw]), undefined)
})
