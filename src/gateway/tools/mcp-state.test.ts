import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../kernel/index.ts'
import { McpState } from './mcp-state.ts'

const HOUR = 60 * 60 * 1000

test('whoever opens many sessions loses their own, and nobody else one', () => {
  const clock = fakeClock()
  const state = new McpState(clock, { sessions: 100, asked: 100 })
  const quiet = state.openSession('quiet', 'office', 'up-1')
  const noisy = Array.from({ length: 300 }, (_, index) => state.openSession('noisy', 'office', `up-${index}`))
  assert.equal(state.session(quiet.id, 'quiet', 'office')?.upstreamId, 'up-1')
  assert.equal(state.session(noisy[0]?.id ?? '', 'noisy', 'office'), undefined)
  assert.equal(state.session(noisy.at(-1)?.id ?? '', 'noisy', 'office')?.upstreamId, 'up-299')
})

test('whoever lets many questions wait loses their own, and nobody else one', () => {
  const state = new McpState(fakeClock(), { sessions: 100, asked: 100 })
  state.expectAnswer('quiet', 'scope', 1, 'roots:request')
  for (let id = 0; id < 300; id++) state.expectAnswer('noisy', 'scope', id, 'roots:request')
  assert.equal(state.expectedAnswer('quiet', 'scope', 1), 'roots:request')
  assert.equal(state.expectedAnswer('noisy', 'scope', 0), undefined)
  assert.equal(state.expectedAnswer('noisy', 'scope', 299), 'roots:request')
})

test('a session belongs to who opened it, and is forgotten a day after its last use', () => {
  const clock = fakeClock()
  const state = new McpState(clock)
  const { id } = state.openSession('one', 'office', 'up')
  assert.equal(state.session(id, 'two', 'office'), undefined)
  assert.equal(state.session(id, 'one', 'other'), undefined)
  clock.advance(23 * HOUR)
  assert.ok(state.session(id, 'one', 'office'))
  clock.advance(23 * HOUR)
  assert.ok(state.session(id, 'one', 'office'))
  clock.advance(25 * HOUR)
  assert.equal(state.session(id, 'one', 'office'), undefined)
  const again = state.openSession('one', 'office', 'up')
  state.closeSession('one', again.id)
  assert.equal(state.session(again.id, 'one', 'office'), undefined)
})
