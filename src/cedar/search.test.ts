import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, Entities, type SearchRequest, type Uid } from './index.ts'

const schema = `entity Role; entity User in [Role]; entity Doc { level: Long }; entity Color enum ["red", "blue"];
  action read, write appliesTo { principal: User, resource: Doc }; action paint appliesTo { principal: User, resource: Color };`
const engine = compile({
  schema,
  policies: `permit(principal in Role::"dev", action == Action::"read", resource is Doc) when { resource.level < 50 };
    permit(principal == User::"u1", action == Action::"write", resource is Doc);
    permit(principal, action == Action::"paint", resource == Color::"red");`,
})
const users = Array.from({ length: 20 }, (_, i) => ({
  uid: { type: 'User', id: `u${i}` },
  parents: i % 2 === 0 ? [{ type: 'Role', id: 'dev' }] : [],
}))
const docs = Array.from({ length: 100 }, (_, i) => ({ uid: { type: 'Doc', id: `d${i}` }, attrs: { level: i } }))
const entities = Entities.fromJson([...users, ...docs], schema)
const uid = (type: string, id: string): Uid => ({ type, id })

function all(request: SearchRequest): string[] {
  const found: string[] = []
  for (let after: string | undefined; ; ) {
    const page = engine.search({ ...request, limit: 7, ...(after === undefined ? {} : { after }) }, entities)
    assert.ok(page.results.length <= 7)
    found.push(...page.results.map(({ id }) => id))
    after = page.next
    if (after === undefined) return found
  }
}

test('every resource that is allowed is found, page by page', () => {
  const found = all({ kind: 'resources', principal: uid('User', 'u2'), action: uid('Action', 'read'), type: 'Doc' })
  assert.deepEqual(
    found,
    docs
      .slice(0, 50)
      .map(({ uid: { id } }) => id)
      .toSorted(),
  )
})

test('every principal that is allowed is found', () => {
  const found = all({ kind: 'principals', type: 'User', action: uid('Action', 'read'), resource: uid('Doc', 'd3') })
  assert.deepEqual(
    found,
    users
      .filter(({ parents }) => parents.length > 0)
      .map(({ uid: { id } }) => id)
      .toSorted(),
  )
})

test('every action that is allowed is found', () => {
  assert.deepEqual(all({ kind: 'actions', principal: uid('User', 'u1'), resource: uid('Doc', 'd3') }), ['write'])
  assert.deepEqual(all({ kind: 'actions', principal: uid('User', 'u2'), resource: uid('Doc', 'd3') }), ['read'])
})

test('entities that only the schema lists are found too', () => {
  assert.deepEqual(
    all({ kind: 'resources', principal: uid('User', 'u1'), action: uid('Action', 'paint'), type: 'Color' }),
    ['red'],
  )
})

test('without a schema, the actions are those that policies and entities name', () => {
  const plain = compile({
    policies: 'permit(principal, action in [Action::"b", Action::"a"], resource); permit(principal, action, resource);',
  })
  const store = Entities.fromJson([{ uid: { type: 'N::Action', id: 'c' } }])
  assert.deepEqual(
    plain.search({ kind: 'actions', principal: uid('User', 'u'), resource: uid('Doc', 'd') }, store).results,
    [uid('Action', 'a'), uid('Action', 'b'), uid('N::Action', 'c')],
  )
})

test('a limit that is none is refused', () => {
  assert.throws(
    () =>
      engine.search({ kind: 'actions', principal: uid('User', 'u'), resource: uid('Doc', 'd'), limit: 0 }, entities),
    {
      code: 'request_invalid',
    },
  )
})
