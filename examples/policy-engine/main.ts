// The policy engine used alone: a decision, an explanation, and a filter on an SQL table.
// Run it: node examples/policy-engine/main.ts
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { compile, Entities, type ResourceMapping } from '../../src/cedar/index.ts'

const here = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8')
const schema = here('schema.cedarschema')
const engine = compile({
  policies: [{ name: 'policies.cedar', text: here('policies.cedar') }],
  schema,
  onError: 'deny',
})

const entities = Entities.fromJson(
  [
    { uid: { type: 'User', id: 'ann' }, attrs: { project: 'apollo' }, parents: [{ type: 'Role', id: 'editor' }] },
    { uid: { type: 'User', id: 'bob' }, attrs: { project: 'gemini' } },
    {
      uid: { type: 'Document', id: 'plan' },
      attrs: { project: 'apollo', owner: { type: 'User', id: 'ann' }, embargoed: false },
    },
  ],
  schema,
)

const action = { type: 'Action', id: 'read' }
const [ann, bob] = [
  { type: 'User', id: 'ann' },
  { type: 'User', id: 'bob' },
]
const plan = { type: 'Document', id: 'plan' }

console.log('# May Ann read the plan?')
console.log(engine.decide({ principal: ann, action, resource: plan }, entities))

console.log('\n# Why may Bob not?')
console.log(engine.explain({ principal: bob, action, resource: plan }, entities).text)

console.log('\n# Which documents of the table may Ann read?')
const database = new DatabaseSync(':memory:')
database.exec(`
  CREATE TABLE documents (id TEXT, project TEXT NOT NULL, owner TEXT NOT NULL, embargoed INTEGER NOT NULL, published INTEGER);
  INSERT INTO documents VALUES
    ('launch', 'apollo', 'bob', 0, NULL), ('secret', 'apollo', 'bob', 1, NULL), ('memoir', 'gemini', 'ann', 1, 1),
    ('report', 'gemini', 'bob', 0, 1), ('draft', 'gemini', 'bob', 0, NULL)`)
const mapping: ResourceMapping = {
  id: 'id',
  attributes: {
    project: { type: 'string', column: 'project', required: true },
    owner: { type: 'entity', entity: 'User', column: 'owner', required: true },
    embargoed: { type: 'bool', column: 'embargoed', required: true },
    published: { type: 'bool', column: 'published' },
  },
}
const filter = engine.filter({ principal: ann, action, resourceType: 'Document' }, entities)
const { text, parameters } = filter.sql(mapping, { dialect: 'sqlite' })
console.log(text, parameters)
const rows = database.prepare(`SELECT id FROM documents WHERE ${text} ORDER BY id`).all(...parameters)
console.log(rows.map(({ id }) => id).join(', '))
