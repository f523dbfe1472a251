import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, type Json, newTxn, type Txn } from '../../kernel/index.ts'
import { createOriginMemory, type OriginLimits } from './origin-memory.ts'

function rig(limits: Partial<OriginLimits> = {}) {
  const clock = fakeClock()
  const memory = createOriginMemory(clock, limits)
  return {
    clock,
    txn: () => newTxn(clock.now()),
    user: (txn: Txn, text: string) => memory.observe(`agent ${txn}`, { kind: 'user' }, text),
    web: (txn: Txn, text: string) => memory.observe(`agent ${txn}`, { kind: 'tool', server: 'web' }, text),
    originOf: (txn: Txn, args: Json) => memory.originsOf(`agent ${txn}`, args).origin,
    kind: (txn: Txn, value: Json) => {
      const { origin } = memory.originsOf(`agent ${txn}`, { to: value })
      return (['untrusted', 'model', 'user'] as const).find((kind) => origin[kind].length > 0)
    },
  }
}

test('a full conversation keeps what it knows and trusts nothing new', () => {
  const { txn: newId, user, web, kind } = rig({ charactersEach: 2000 })
  const txn = newId()
  user(txn, 'mail bob@x.co')
  web(txn, 'x '.repeat(4000))
  user(txn, 'mail eve@x.co')
  assert.equal(kind(txn, 'bob@x.co'), 'user')
  assert.equal(kind(txn, 'eve@x.co'), 'untrusted')
  assert.equal(kind(txn, 'never said'), 'untrusted')
})

test('what a forgotten conversation had heard from a tool does not become the word of the user', () => {
  const { txn: newId, user, web, kind } = rig({ conversations: 2 })
  const first = newId()
  user(first, 'mail bob@x.co')
  web(first, 'mail eve@x.co')
  for (let i = 0; i < 2; i++) user(newId(), 'hello')
  user(first, 'mail bob@x.co. it said: mail eve@x.co')
  assert.equal(kind(first, 'eve@x.co'), 'untrusted')
  assert.equal(kind(first, 'bob@x.co'), 'untrusted')
})

test('a conversation that nobody continued is forgotten, and stays so', () => {
  const { clock, txn: newId, user, web, kind } = rig({ idle: 1000 })
  const txn = newId()
  web(txn, 'mail eve@x.co')
  clock.advance(1001)
  user(txn, 'mail eve@x.co')
  assert.equal(kind(txn, 'eve@x.co'), 'untrusted')
})

test('the memory of all conversations together is bounded', () => {
  const { txn: newId, user, kind } = rig({ characters: 5000 })
  const ids = Array.from({ length: 20 }, newId)
  for (const txn of ids) user(txn, `mail bob@x.co ${'word '.repeat(100)}`)
  assert.equal(kind(ids[0] ?? newId(), 'bob@x.co'), 'untrusted')
  assert.equal(kind(ids.at(-1) ?? newId(), 'bob@x.co'), 'user')
})

test('when even the names of the forgotten are too many, every older conversation counts as forgotten', () => {
  const { clock, txn: newId, user, web, kind } = rig({ conversations: 1, forgotten: 2 })
  const first = newId()
  web(first, 'mail eve@x.co')
  for (let i = 0; i < 5; i++) {
    clock.advance(1)
    user(newId(), 'hello')
  }
  user(first, 'mail eve@x.co')
  assert.equal(kind(first, 'eve@x.co'), 'untrusted')
  clock.advance(1)
  const fresh = newId()
  user(fresh, 'mail bob@x.co')
  assert.equal(kind(fresh, 'bob@x.co'), 'user')
})

test('a conversation that began before this memory did is incomplete', () => {
  const { clock, txn: newId, user, kind } = rig()
  clock.advance(-1)
  const older = newId()
  clock.advance(1)
  user(older, 'mail bob@x.co')
  assert.equal(kind(older, 'bob@x.co'), 'untrusted')
  const fresh = newId()
  user(fresh, 'mail bob@x.co')
  assert.equal(kind(fresh, 'bob@x.co'), 'user')
})

test('arguments that would take too long to look into are untrusted', () => {
  const { txn: newId, user, originOf } = rig()
  const txn = newId()
  user(txn, `mail bob@x.co ${'word '.repeat(150_000)}`)
  const { user: named, untrusted } = originOf(
    txn,
    Array.from({ length: 400 }, () => 'bob@x.co'),
  )
  assert.ok(named.includes('/0') && untrusted.includes('/399'))
  assert.equal(named.length + untrusted.length, 400)
})

test('hostile texts and values are looked through in reasonable time', () => {
  const { txn: newId, user, web, kind } = rig()
  const txn = newId()
  const started = performance.now()
  for (const piece of [
    'a',
    'a@',
    '@',
    '.',
    'a.',
    '%',
    '&#',
    '\\',
    '(',
    ')',
    'http://',
    '1 ',
    '12',
    'AB12 ',
    '<',
    '"',
    '> ',
    '\u200b',
    '.a/',
    "'",
  ]) {
    web(txn, piece.repeat(40_000 / piece.length))
    user(txn, piece.repeat(20_000 / piece.length))
    kind(txn, piece.repeat(20_000 / piece.length))
    kind(txn, `b${piece.repeat(5000)}`)
  }
  assert.ok(performance.now() - started < 10_000, `took ${performance.now() - started} ms`)
})
