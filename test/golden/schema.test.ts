import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SCOPES, schemaReference } from '../../src/access/index.ts'
import { describeSchema } from '../../src/cedar/index.ts'

const root = join(import.meta.dirname, '../..')
const schema = readFileSync(join(root, 'foundation/schema.cedarschema'), 'utf8')

test('the reference of the schema says what the schema says', () => {
  const page = readFileSync(join(root, 'docs/reference/schema.md'), 'utf8')
  assert.equal(page, schemaReference(schema), 'write it again with `npm run -s docs:schema`')
})

test('every action can be taken from a credential by exactly one scope, and either reads or writes', () => {
  const actions = describeSchema(schema).actions.filter(({ principals }) => principals.length > 0)
  assert.ok(actions.length > 30)
  for (const { id, parents } of actions) {
    assert.equal(parents.filter((group) => SCOPES.some((scope) => scope === group)).length, 1, id)
    assert.equal(parents.filter((group) => group === 'read' || group === 'write').length, 1, id)
  }
})

test('every kind of principal can be asked about for every action', () => {
  for (const { id, principals } of describeSchema(schema).actions) {
    if (principals.length > 0) assert.deepEqual([...principals].sort(), ['Agent', 'Device', 'Service', 'User'], id)
  }
})

test('every fact of the schema stands in the table of facts', () => {
  const table = readFileSync(join(root, 'docs/reference/facts.md'), 'utf8')
  for (const { name, fields } of describeSchema(schema).records) {
    if (name === 'Origin') continue // one row for all of them
    for (const field of fields) assert.match(table, new RegExp(`[.]${field.name}\\b`), `${name}.${field.name}`)
  }
})

test('every attribute of a principal or a resource stands in the table of facts', () => {
  const table = readFileSync(join(root, 'docs/reference/facts.md'), 'utf8')
  const missing = describeSchema(schema)
    .entities.filter(({ name }) => !OF_SALLYPORT.has(name))
    .flatMap(({ name, fields }) => {
      const whose = PRINCIPALS.has(name) ? 'principal' : 'resource'
      const rows = table.split('\n').filter((line) => line.includes(`\`${whose}.`))
      return fields
        .filter((field) => field.name !== 'name' && !rows.some((row) => row.includes(`.${field.name}\``)))
        .map((field) => `${name}.${field.name}`)
    })
  assert.deepEqual(missing, [])
})

const PRINCIPALS: ReadonlySet<string> = new Set(['User', 'Service', 'Agent', 'Device'])
/** What these say is for the policies about them, not a fact of a request. */
const OF_SALLYPORT: ReadonlySet<string> = new Set(['Approval', 'AccessRequest', 'Revision', 'Arguments'])
