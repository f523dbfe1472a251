import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../kernel/index.ts'
import type { Decision, Question } from './question.ts'
import { reserve, type Taken, type Taker } from './reserve.ts'

const ctx = {} as Context // takers of these tests do not look at it
const question = (id: string): Question => ({ action: 'tool:call', resource: { type: 'Tool', id } })
const decision = (outcome: 'allow' | 'deny'): Decision => ({
  decision: outcome,
  reasons: [],
  errors: [],
  revision: '1',
  facts: {},
})
const [allow, deny] = [decision('allow'), decision('deny')]

test('where nothing is needed there is no promise and nothing to give back', () => {
  const needless: Taker = { take: () => undefined }
  const first = reserve(ctx, [question('a')], [allow], [needless])
  assert.ok(!(first instanceof Promise))
  assert.equal(first.refused, undefined)
  assert.equal(reserve(ctx, [question('b')], [allow], []), first)
})

test('what is denied takes nothing', () => {
  const eager: Taker = { take: () => assert.fail('it was asked') }
  assert.ok(!(reserve(ctx, [question('a')], [deny], [eager]) instanceof Promise))
})

test('each taker is asked for each allowed question, and what it gave is settled with what was used, once', async () => {
  const { taker, events } = recording('first', () => true)
  const other = recording('other', () => true)
  const both = [taker, other.taker]
  const reserved = await reserve(ctx, [question('a'), question('b'), question('c')], [allow, deny, allow], both)
  assert.deepEqual(events, ['first takes a', 'first takes c'])
  assert.deepEqual(other.events, ['other takes a', 'other takes c'])
  reserved.settle({ rows: 3 })
  reserved.settle()
  reserved.release()
  assert.deepEqual(events.slice(2), ['first settles a at 3', 'first settles c at 3'])
})

test('where one question cannot have what it needs, nothing of the others stays taken', async () => {
  const { taker, events } = recording('first', () => true)
  const refusing = recording('other', (id) => id !== 'b')
  const reserved = await reserve(ctx, [question('a'), question('b')], [allow, allow], [taker, refusing.taker])
  assert.deepEqual(
    reserved.refused?.map((one) => one.decision),
    ['allow', 'deny'],
  )
  assert.deepEqual(events, ['first takes a', 'first takes b', 'first releases a', 'first releases b'])
  assert.deepEqual(refusing.events, ['other takes a', 'other releases a'])
  reserved.settle()
  assert.equal(events.length, 4)
})

test('where a taker fails, what was taken goes back and nothing may be done', async () => {
  const { taker, events } = recording('first', () => true)
  const failing: Taker = { take: () => Promise.reject(new Error('no store')) }
  await assert.rejects(async () => reserve(ctx, [question('a')], [allow], [taker, failing]), /no store/)
  assert.deepEqual(events, ['first takes a', 'first releases a'])
})

function recording(name: string, has: (id: string) => boolean): { taker: Taker; events: string[] } {
  const events: string[] = []
  const taken = (id: string): Taken => ({
    settle: (used) => void events.push(`${name} settles ${id} at ${used?.rows}`),
    release: () => void events.push(`${name} releases ${id}`),
  })
  const take: Taker['take'] = async (_, { resource: { id } }) => {
    if (!has(id)) return deny
    events.push(`${name} takes ${id}`)
    return taken(id)
  }
  return { taker: { take }, events }
}
