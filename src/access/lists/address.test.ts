import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { masked, networkText, parseAddress, parseNetwork } from './address.ts'
import { NetworkTable } from './network-table.ts'

test('an IPv4 address in IPv6 is that IPv4 address, however it is written', () => {
  const plain = parseAddress('203.0.113.7')
  for (const text of ['::ffff:203.0.113.7', '::ffff:cb00:7107', '0:0:0:0:0:ffff:cb00:7107', '::FFFF:CB00:7107']) {
    assert.deepEqual(parseAddress(text), plain, text)
  }
  assert.equal(parseAddress('::203.0.113.7')?.family, 6)
  assert.equal(parseAddress('fe80::1%eth0')?.family, 6)
})

test('a network has one text', () => {
  const text = (given: string) => {
    const network = parseNetwork(given)
    return typeof network === 'string' ? assert.fail(network) : networkText(network)
  }
  assert.equal(text('203.0.113.0/24'), '203.0.113.0/24')
  assert.equal(text('203.0.113.7/32'), '203.0.113.7')
  assert.equal(text('::ffff:10.0.0.0/104'), '10.0.0.0/8')
  assert.equal(text('2001:DB8:0:0:0:0:0:0/32'), '2001:db8::/32')
  assert.equal(text('2001:db8:0:1:0:0:0:1'), '2001:db8:0:1::1')
  assert.equal(text('::1'), '::1')
})

test('what is no network is refused with the reason', () => {
  for (const given of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    'x',
    '010.0.0.1',
  ]) {
    assert.equal(typeof parseNetwork(given), 'string', given)
  }
  assert.match(String(parseNetwork('10.0.0.5/8')), /the network is `10.0.0.0\/8`/)
  for (const every of ['0.0.0.0/0', '::/0', '::ffff:0:0/96']) assert.match(String(parseNetwork(every)), /every address/)
  assert.equal(typeof parseNetwork('fe80::1%eth0/64'), 'string')
})

const ipv4 = fc.integer({ min: 0, max: 0xffffffff }).map((word) => ({ family: 4 as const, words: [word] }))
const ipv6 = fc
  .array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 4, maxLength: 4 })
  .map((words) => ({ family: 6 as const, words }))
  .filter(({ words }) => !(words[0] === 0 && words[1] === 0 && words[2] === 0xffff))

test('the text of a network is read as that network', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.integer({ min: 1, max: 128 }), ({ family, words }, bits) => {
      const prefix = Math.min(bits, words.length * 32)
      const network = { family, words: masked(words, prefix), prefix }
      assert.deepEqual(parseNetwork(networkText(network)), network)
    }),
  )
})

test('the table finds exactly the networks that have the address', () => {
  // Few different bits, so that networks contain each other.
  const word = fc.constantFrom(0x0a000000, 0x0a000001, 0x0a010000, 0xcb007100, 0xcb007107)
  const address = fc.oneof(
    word.map((one) => ({ family: 4 as const, words: [one] })),
    fc.tuple(word, word).map(([a, b]) => ({ family: 6 as const, words: [a, 0, 0, b] })),
  )
  const network = fc.tuple(address, fc.integer({ min: 1, max: 128 })).map(([{ family, words }, bits]) => {
    const prefix = Math.min(bits, words.length * 32)
    return { family, words: masked(words, prefix), prefix }
  })
  fc.assert(
    fc.property(fc.array(network, { maxLength: 20 }), fc.nat(), address, (networks, which, asked) => {
      const table = new NetworkTable<number>()
      networks.forEach((one, at) => {
        table.add(one, at)
      })
      const removed = networks.length === 0 ? -1 : which % networks.length
      const gone = networks[removed]
      if (gone !== undefined) table.remove(gone, removed)
      const expected = networks.flatMap(({ family, words, prefix }, at) =>
        at !== removed && family === asked.family && masked(asked.words, prefix).join() === words.join() ? [at] : [],
      )
      assert.deepEqual([...table.find(asked)].sort(), expected.sort())
    }),
  )
})
