import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, type Json, newTxn } from '../../kernel/index.ts'
import { createOriginMemory } from './origin-memory.ts'

const SOON = { timeout: 5_000 }

function originOf(value: Json, heard?: string) {
  const clock = fakeClock()
  const memory = createOriginMemory(clock)
  const conversation = `agent ${newTxn(clock.now())}`
  if (heard !== undefined) memory.observe(conversation, { kind: 'tool', server: 'web' }, heard)
  return memory.originsOf(conversation, { to: value }).origin
}

// A regular expression that goes back and forth stops the process, and no timer interrupts it: what is measured here is
// that the answer comes at all.
function answersWithin(milliseconds: number, ask: () => unknown): void {
  const started = performance.now()
  ask()
  const took = performance.now() - started
  assert.ok(took < milliseconds, `took ${Math.round(took)} ms`)
}

test('a long run of white space is read in one pass', SOON, () => {
  const blank = `at${' '.repeat(100_000)}x`
  answersWithin(1_000, () => originOf(blank))
  answersWithin(1_000, () => originOf('eve@evil.co', blank))
  answersWithin(1_000, () => originOf(`mailto:${'%20'.repeat(100_000)}x`))
})

test('a list that is almost one of addresses is read in one pass', SOON, () => {
  answersWithin(1_000, () => originOf(`${'<a@b.co> '.repeat(25)}=`))
  assert.deepEqual(originOf('Bob <bob@x.co> Eve < eve@x.co > ', 'mail bob@x.co and eve@x.co').untrusted, ['/to'])
})

test('a spelled-out address is read whatever white space is around it', () => {
  assert.deepEqual(originOf('eve@evil.co', 'mail eve \n (at)\t evil  [ dot ]  co').untrusted, ['/to'])
  assert.deepEqual(originOf('eve@evil.co', 'mail eve  at  evil  dot  co').untrusted, ['/to'])
})

test('arguments of more values than can be looked into are refused at once', () => {
  const refused = { code: 'arguments_invalid' }
  const many = Array.from({ length: 300_000 }, (_, index) => index)
  answersWithin(1_000, () => assert.throws(() => originOf(many), refused))
  answersWithin(1_000, () => assert.throws(() => originOf([many.slice(0, 6_000), many.slice(0, 6_000)]), refused))
  const named = { ['n'.repeat(100_000)]: many.slice(0, 1_000) }
  answersWithin(1_000, () => assert.throws(() => originOf(named), refused))
  answersWithin(2_000, () => originOf(many.slice(0, 9_000)))
})

test("a value that is too long to be looked into is nobody's word, and takes nothing from the others", () => {
  const clock = fakeClock()
  const memory = createOriginMemory(clock)
  const conversation = `agent ${newTxn(clock.now())}`
  memory.observe(conversation, { kind: 'user' }, 'mail bob@x.co')
  const ask = () => memory.originsOf(conversation, { body: 'a@b.co, '.repeat(1_000_000), to: 'bob@x.co' }).origin
  answersWithin(1_000, ask)
  assert.deepEqual(ask(), { user: ['/to'], system: [], trusted: [], untrusted: ['/body'], model: [] })
})
