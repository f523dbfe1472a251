import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type * as Official from '@cedar-policy/cedar-wasm/nodejs'
import { Entities, type EntityJson, type ValueJson } from './index.ts'

// The package's declarations are those of this module.
const official = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Official

const SCHEMA = `
  entity Role in [Team];
  entity Team;
  entity Project in [Project];
  entity Color enum ["red", "blue"];
  entity User in [Role] { name: String, color?: Color, home: { city: String, zip?: Long } } tags Set<String>;
  entity Doc in [Project] { owner: User, from?: ipaddr, price?: decimal, labels: Set<Color>, secret: Bool };
  action data;
  action read in [data] appliesTo { principal: User, resource: Doc };`

const USER: EntityJson = {
  uid: { type: 'User', id: 'u' },
  attrs: { name: 'n', home: { city: 'c' } },
  parents: [{ type: 'Role', id: 'r' }],
}
const DOC: EntityJson = {
  uid: { type: 'Doc', id: 'd' },
  attrs: { owner: { __entity: { type: 'User', id: 'u' } }, labels: [], secret: true },
  parents: [{ type: 'Project', id: 'p' }],
}
const color = (id: string): ValueJson => ({ __entity: { type: 'Color', id } })
const user = (attrs: Record<string, ValueJson>): EntityJson => ({ ...USER, attrs: { ...USER.attrs, ...attrs } })
const doc = (attrs: Record<string, ValueJson>): EntityJson => ({ ...DOC, attrs: { ...DOC.attrs, ...attrs } })

const CASES: readonly (readonly [EntityJson, RegExp | undefined])[] = [
  [USER, undefined],
  [DOC, undefined],
  [user({ color: color('red') }), undefined],
  [user({ color: color('green') }), /`Color` has no `green`/],
  [user({ home: { city: 'c', zip: 1 } }), undefined],
  [user({ home: { zip: 1 } }), /`home.city` is missing/],
  [user({ home: { city: 'c', street: 's' } }), /`home.street` is not in the schema/],
  [user({ __proto__x: 1 }), /`__proto__x` is not in the schema/],
  [user(JSON.parse('{"__proto__": 1}')), /`__proto__` is not in the schema/],
  [{ ...USER, attrs: { home: { city: 'c' } } }, /`name` is missing/],
  [{ ...USER, parents: [{ type: 'Project', id: 'p' }] }, /cannot be in a `Project`/],
  [{ ...USER, parents: [{ type: 'Team', id: 't' }] }, undefined],
  [{ ...USER, tags: { t: ['x'] } }, undefined],
  [{ ...USER, tags: { t: [1] } }, /long, expected string|is long, not string/],
  [{ ...DOC, tags: { t: ['x'] } }, /has no tags/],
  [doc({ labels: [color('red'), color('none')] }), /`Color` has no `none`/],
  [doc({ owner: { __entity: { type: 'Role', id: 'r' } } }), /`owner` is \(entity of type `Role`\), not User/],
  [doc({ from: { __extn: { fn: 'ip', arg: '10.0.0.1' } } }), undefined],
  [doc({ price: { __extn: { fn: 'ip', arg: '10.0.0.1' } } }), /found ip, expected decimal/],
  [doc({ secret: 'yes' }), /found string, expected bool/],
  [{ uid: { type: 'Planet', id: 'x' } }, /no type `Planet`/],
  [{ uid: { type: 'Color', id: 'red' } }, undefined],
  [{ uid: { type: 'Color', id: 'none' } }, /no such entity|has no `none`/],
  [{ uid: { type: 'Project', id: 'p' }, parents: [{ type: 'Project', id: 'q' }] }, undefined],
  [{ uid: { type: 'Action', id: 'read' }, parents: [{ type: 'Action', id: 'data' }] }, undefined],
  [{ uid: { type: 'Action', id: 'read' } }, /other groups/],
  [{ uid: { type: 'Action', id: 'none' } }, /no type `Action`/],
]

/** What reading finds, and what the store finds afterwards. */
function problemsOf(entities: readonly EntityJson[]): string {
  try {
    return Entities.fromJson(entities, SCHEMA)
      .problems()
      .map(({ message }) => message)
      .join('\n')
  } catch (error) {
    return String(error)
  }
}

test('an entity is what the schema says, or all that it is not is said, as the official implementation has it', () => {
  for (const [entity, problem] of CASES) {
    const found = problemsOf([entity])
    if (problem === undefined) assert.equal(found, '', JSON.stringify(entity))
    else assert.match(found, problem)
    const { uid, attrs = {}, parents = [], tags = {} } = entity
    const answer = official.checkParseEntities({
      entities: [{ uid, attrs, parents, tags }] as Official.Entities,
      schema: SCHEMA,
    })
    assert.equal(answer.type, problem === undefined ? 'success' : 'failure', JSON.stringify(entity))
  }
})

test('everything that is wrong is named at once', () => {
  assert.throws(
    () => Entities.fromJson([user({ name: 1, home: 2 }), DOC, doc({ secret: 'yes' })], SCHEMA),
    ({ problems }: { problems: readonly { message: string }[] }) => {
      assert.deepEqual(
        problems.map(({ message }) => message),
        ['`User::"u"`: `name`: found long, expected string', '`Doc::"d"`: `secret`: found string, expected bool'],
      )
      return true
    },
  )
  const entities = Entities.fromJson(
    [
      { ...USER, attrs: { x: 1 } },
      { ...DOC, attrs: {} },
    ],
    SCHEMA,
  )
  assert.equal(entities.problems().length, 3 + 3)
  assert.deepEqual(Entities.fromJson([{ ...USER, attrs: { x: 1 } }]).problems(), [])
})
