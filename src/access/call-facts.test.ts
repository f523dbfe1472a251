import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callFactsFor } from './call-facts.ts'

const origin: Record<'user' | 'system' | 'trusted' | 'untrusted' | 'model', string[]> = {
  user: [],
  system: [],
  trusted: [],
  untrusted: [],
  model: [],
}
const sets = (given: Partial<typeof origin>) => {
  const { facts } = callFactsFor({ arguments: {}, origin: { ...origin, ...given } })
  return facts.origin as Record<keyof typeof origin, string[]> // what the function writes there
}

test('an untrusted element makes the list that holds it untrusted', () => {
  const facts = sets({ user: ['/to/0'], untrusted: ['/to/1'] })
  assert.deepEqual(facts.untrusted, ['/to/1', '/to'])
  assert.deepEqual(facts.user, ['/to/0'])
})

test('a list whose elements the user named was named by the user', () => {
  assert.deepEqual(sets({ user: ['/to/0', '/to/1'] }).user, ['/to/0', '/to/1', '/to'])
})

test('a value that the model made up is never covered by one that the user named', () => {
  const facts = sets({ user: ['/a/b/c'], model: ['/a/b/d'] })
  assert.deepEqual(facts.user, ['/a/b/c'])
  assert.deepEqual(facts.model, ['/a/b/d', '/a/b', '/a'])
})

test('arguments become tags by their pointer', () => {
  const { entity, facts } = callFactsFor({ arguments: { '/to': 'bob' }, origin })
  assert.deepEqual(entity.tags, { '/to': 'bob' })
  assert.deepEqual(facts.arguments, { __entity: entity.uid })
})

test('an argument whose origin nobody says counts as made up', () => {
  const { facts } = callFactsFor({
    arguments: { '/to/0': 'eve', '/body': 'x' },
    origin: { ...origin, user: ['/body'] },
  })
  const { model, user } = facts.origin as Record<keyof typeof origin, string[]> // as above
  assert.deepEqual(model, ['/to/0', '/to'])
  assert.deepEqual(user, ['/body'])
})
