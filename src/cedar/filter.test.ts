import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { compile, Entities, type ResourceMapping } from './index.ts'

const entities = Entities.fromJson([
  { uid: { type: 'User', id: 'ann' }, attrs: { team: 'blue' }, parents: [{ type: 'Role', id: 'dev' }] },
])
const asked = { principal: { type: 'User', id: 'ann' }, action: { type: 'Action', id: 'read' }, resourceType: 'Doc' }
const mapping: ResourceMapping = {
  id: 'id',
  attributes: {
    project: { type: 'string', column: 'project' },
    team: { type: 'string', column: 'team', required: true },
  },
}
const filterOf = (policies: string) => compile({ policies }).filter(asked, entities)

test('what does not depend on the resource is always or never', () => {
  assert.equal(filterOf('permit(principal in Role::"dev", action, resource is Doc);').kind, 'always')
  assert.equal(
    filterOf('permit(principal in Role::"ops", action, resource) when { resource.project == "a" };').kind,
    'never',
  )
  assert.equal(
    filterOf('permit(principal,action,resource); forbid(principal,action,resource) when { principal.team == "blue" };')
      .kind,
    'never',
  )
  assert.equal(filterOf('permit(principal,action,resource is Folder);').kind, 'never')
  assert.equal(filterOf('').kind, 'never')
})

test('many policies about one column become one comparison', () => {
  const filter = filterOf(
    ['a', 'b', 'a'].map((p) => `permit(principal,action,resource) when { resource.project == "${p}" };`).join(''),
  )
  assert.deepEqual(filter.sql(mapping, { dialect: 'sqlite' }), {
    text: '"project" COLLATE BINARY IN (?, ?)',
    parameters: ['a', 'b'],
  })
  assert.deepEqual(filter.sql(mapping, { dialect: 'postgresql', firstParameter: 3 }), {
    text: '"project" IN ($3::text, $4::text)',
    parameters: ['a', 'b'],
  })
})

test('values of the request are parameters, and never part of the text', () => {
  const filter = compile({
    policies: 'permit(principal,action,resource) when { resource.team == context.team };',
  }).filter({ ...asked, context: { team: "x' OR 1=1 --" } }, entities)
  assert.deepEqual(filter.sql(mapping, { dialect: 'sqlite' }), {
    text: '"team" COLLATE BINARY = ?',
    parameters: ["x' OR 1=1 --"],
  })
})

test('what cannot be translated is an error that names the expression', () => {
  const refused = {
    'resource.unknown == 1': '`resource.unknown` in `resource.unknown == 1` cannot be translated',
    'resource has unknown': '`resource.unknown` in `resource has unknown` cannot be translated',
    'resource.project == "a" && (if resource.team == "b" then 1 else 2) == 1':
      '`if (resource.team == "b") then 1 else 2` in `(if (resource.team == "b") then 1 else 2) == 1` cannot be translated',
    'resource in Folder::"f"': '`resource in Folder::"f"` cannot be translated: no `parents` are mapped',
  }
  for (const [condition, message] of Object.entries(refused)) {
    const filter = filterOf(`permit(principal,action,resource) when { ${condition} };`)
    assert.throws(() => filter.sql(mapping, { dialect: 'sqlite' }), {
      code: 'not_translatable',
      publicMessage: message,
    })
  }
})

test('another query language takes one function over the tree', () => {
  const filter = filterOf(
    'permit(principal,action,resource) when { resource.team == principal.team || resource has project && resource.project like "a*" };',
  )
  assert.deepEqual(filter.tree(mapping), {
    kind: 'or',
    nodes: [
      { kind: 'compare', operator: '==', left: { name: 'team', type: { kind: 'string' } }, right: 'blue' },
      {
        kind: 'and',
        nodes: [
          {
            kind: 'not',
            node: { kind: 'compare', operator: '==', left: { name: 'team', type: { kind: 'string' } }, right: 'blue' },
          },
          { kind: 'present', column: { name: 'project', type: { kind: 'string' } } },
          { kind: 'like', column: { name: 'project', type: { kind: 'string' } }, pattern: ['a', undefined] },
        ],
      },
    ],
  })
})

test('a thousand conditions stay within what databases accept', () => {
  const text = Array.from(
    { length: 1000 },
    (_, i) => `permit(principal,action,resource) when { resource.project like "p${i}*" };`,
  )
  const { text: sql } = filterOf(text.join('\n')).sql(mapping, { dialect: 'sqlite' })
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE docs (id TEXT, project TEXT)')
  assert.doesNotThrow(() => database.prepare(`SELECT * FROM docs WHERE ${sql}`))
})
