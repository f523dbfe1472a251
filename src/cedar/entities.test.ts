import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, Entities, type EntityJson } from './index.ts'

const user = (id: string, ...parents: string[]): EntityJson => ({
  uid: { type: 'User', id },
  attrs: {},
  parents: parents.map((parent) => ({ type: 'Group', id: parent })),
})
const group = (id: string, ...parents: string[]): EntityJson => ({
  ...user(id, ...parents),
  uid: { type: 'Group', id },
})
const engine = compile({ policies: 'permit(principal in Group::"top", action, resource);' })
const allows = (entities: Entities, id: string): boolean =>
  engine.decide(
    { principal: { type: 'User', id }, action: { type: 'Action', id: 'a' }, resource: { type: 'R', id: 'r' } },
    entities,
  ).decision === 'allow'

test('ancestors are closed over any number of steps, also through entities that do not exist', () => {
  const entities = Entities.fromJson([user('a', 'g1'), group('g1', 'g2'), group('g2', 'top'), user('b', 'g3')])
  assert.equal(allows(entities, 'a'), true)
  assert.equal(allows(entities, 'b'), false)
})

test('a change higher up reaches every descendant, and the store from before does not change', () => {
  const before = Entities.fromJson([user('a', 'g1'), group('g1', 'g2'), group('g2')])
  assert.equal(allows(before, 'a'), false)
  const after = before.with({ put: [group('g2', 'top')] })
  assert.equal(allows(after, 'a'), true)
  assert.equal(allows(before, 'a'), false)
  assert.equal(allows(after.with({ remove: [{ type: 'Group', id: 'g1' }] }), 'a'), false)
  assert.equal(allows(after.with({ put: [user('a')] }), 'a'), false)
  assert.equal(allows(after, 'a'), true)
})

test('a group that did not exist can come later', () => {
  const before = Entities.fromJson([user('a', 'g1')])
  assert.equal(allows(before, 'a'), false)
  assert.equal(allows(before.with({ put: [group('g1', 'top')] }), 'a'), true)
})

test('a cycle is refused with its path, and leaves the store as it was', () => {
  const entities = Entities.fromJson([group('a', 'b'), group('b', 'c'), user('u', 'a')])
  assert.throws(() => entities.with({ put: [group('c', 'a')] }), {
    code: 'entities_invalid',
    publicMessage: 'a cycle of parents: Group::"c" in Group::"a" in Group::"b" in Group::"c"',
  })
  assert.throws(() => Entities.fromJson([group('a', 'a')]), { publicMessage: /Group::"a" in Group::"a"/ })
})

test('one entity twice is refused unless both are the same', () => {
  assert.equal(Entities.fromJson([user('a'), user('a')]).size, 1)
  assert.throws(() => Entities.fromJson([user('a'), user('a', 'g')]), { code: 'entities_invalid' })
})

test('changes of many entities, one by one, add up to what was read at once', () => {
  const all = Array.from({ length: 500 }, (_, i) => user(`u${i}`, i % 3 === 0 ? 'top' : 'other'))
  let entities = Entities.fromJson(all.slice(0, 100))
  for (const entity of all) entities = entities.with({ put: [entity] })
  for (let i = 0; i < 500; i += 7) entities = entities.with({ remove: [{ type: 'User', id: `u${i}` }] })
  assert.equal(entities.size, 500 - Math.ceil(500 / 7))
  for (let i = 0; i < 500; i++) assert.equal(allows(entities, `u${i}`), i % 3 === 0 && i % 7 !== 0, `u${i}`)
})

test('what is no entity is refused with its name', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ uid: { type: 'User', id: 'a' }, attrs: { x: null } }, /^`User::"a"`: `x`: null is no value/],
    [{ uid: { type: 'User', id: 'a' }, attrs: { x: 1.5 } }, /only integers are numbers/],
    [{ uid: { type: 'User', id: 'a' }, attrs: { x: { __extn: { fn: 'ip', arg: '1.2.3' } } } }, /`1\.2\.3` is no ip/],
    [{ uid: { type: 'User', id: 'a' }, atrs: {} }, /unknown key `atrs`/],
    [{ uid: { type: 'Us er', id: 'a' } }, /`Us er` is no entity type/],
    [{ uid: { type: 'User' } }, /no entity uid/],
    ['User', /an entity is an object/],
  ]
  for (const [entity, message] of refused) {
    assert.throws(
      () => Entities.fromJson(JSON.stringify([entity])),
      (error: Error) => message.test(error.message),
      String(message),
    )
  }
})

test('with a schema, values are read as their type says', () => {
  const schema = 'entity User { from: ipaddr, boss?: User, at?: Set<datetime> }; entity Color enum ["red"];'
  const entities = Entities.fromJson(
    '[{"uid":{"type":"User","id":"a"},"attrs":{"from":"10.0.0.1","boss":{"type":"User","id":"b"},"at":["2024-01-01"]},"parents":[]}]',
    schema,
  )
  const typed = compile({
    policies:
      'permit(principal,action,resource) when { principal.from.isIpv4() && principal.boss == User::"b" && principal.at.contains(datetime("2024-01-01")) };',
  })
  const request = {
    principal: { type: 'User', id: 'a' },
    action: { type: 'A', id: 'a' },
    resource: { type: 'R', id: 'r' },
  }
  assert.equal(typed.decide(request, entities).decision, 'allow')
  assert.throws(() => entities.with({ put: '[{"uid":{"type":"User","id":"a"},"attrs":{"from":7}}]' }), {
    publicMessage: /found long, expected extension/,
  })
  assert.throws(() => Entities.fromJson([{ uid: { type: 'Color', id: 'blue' } }], schema), { code: 'entities_invalid' })
})
