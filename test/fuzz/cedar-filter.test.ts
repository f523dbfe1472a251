import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { readUid } from '../../src/cedar/entity-json.ts'
import { compile, Entities } from '../../src/cedar/index.ts'
import { ENTITIES, entityOf, MAPPING, makeFilterPolicies, makeRow, type Row } from './cedar-filter-cases.ts'
import { makePolicies } from './cedar-policies.ts'
import { randomFrom } from './cedar-random.ts'
import { ACTIONS, makeFields, makeWorld } from './cedar-world.ts'

const request = (principal: string) => ({
  principal: { type: 'User', id: principal },
  action: { type: 'Action', id: 'read' },
  context: { project: 'p2' },
})

test('filters as a function and as SQL on SQLite select exactly the rows that are allowed one by one', () => {
  const random = randomFrom(7)
  const rows = Array.from({ length: 60 }, (_, index) => makeRow(random, index))
  const database = new DatabaseSync(':memory:')
  fill(database, rows)
  const entities = Entities.fromJson(ENTITIES)
  const kinds = { always: 0, never: 0, some: 0 }
  for (let round = 0; round < 600; round++) {
    const policies = makeFilterPolicies(random)
    const engine = compile({ policies, onError: random.pick(['skip', 'deny']) })
    const asked = request(random.pick(['ann', 'bob', 'nobody']))
    const filter = engine.filter({ ...asked, resourceType: 'Doc' }, entities)
    kinds[filter.kind]++
    const allowed = rows.filter((row) => {
      const resource = entityOf(row)
      const store = entities.with({ put: [resource] })
      return engine.decide({ ...asked, resource: { type: 'Doc', id: row.id } }, store).decision === 'allow'
    })
    const expected = allowed.map(({ id }) => id).toSorted()
    const said = `${engine.onError}\n${policies}\n${filter.text}`

    const matching = rows.filter((row) => filter.matches(entityOf(row)))
    assert.deepEqual(matching.map(({ id }) => id).toSorted(), expected, said)

    const { text, parameters } = filter.sql(MAPPING, { dialect: 'sqlite' })
    const selected = database.prepare(`SELECT d.id FROM docs d WHERE ${text}`).all(...parameters)
    assert.deepEqual(
      selected.map(({ id }) => id).toSorted(),
      expected,
      `${said}\n${text}\n${JSON.stringify(parameters, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
    )
    if (filter.kind === 'always') assert.equal(expected.length, rows.length)
    if (filter.kind === 'never') assert.equal(expected.length, 0)
  }
  assert.ok(kinds.always > 10 && kinds.never > 10 && kinds.some > 200, JSON.stringify(kinds))
})

function fill(database: DatabaseSync, rows: readonly Row[]): void {
  // Some columns compare texts in another way than policies do.
  database.exec(`CREATE TABLE docs (id TEXT PRIMARY KEY, title TEXT COLLATE NOCASE, project TEXT NOT NULL COLLATE NOCASE, size INTEGER, public INTEGER,
    owner TEXT COLLATE RTRIM, team TEXT, folder TEXT, labels TEXT, numbers TEXT NOT NULL, at INTEGER, level INTEGER, score INTEGER)`)
  const insert = database.prepare('INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  for (const row of rows) {
    insert.run(
      row.id,
      row.title,
      row.project,
      row.size,
      row.public === null ? null : Number(row.public),
      row.owner,
      row.team,
      row.folder,
      row.labels === null ? null : JSON.stringify(row.labels),
      JSON.stringify(row.numbers),
      row.at,
      row.level,
      row.score,
    )
  }
}

test('what a filter says of an entity is what a decision says, whatever the policies are', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = randomFrom(seed)
    const world = makeWorld(random)
    const { policies, templates, links } = makePolicies(random, world, 4)
    const engine = compile({
      policies: [...policies, ...templates].map(([, text]) => text).join('\n'),
      links,
      onError: random.pick(['skip', 'deny']),
    })
    const entities = Entities.fromJson(world.entities)
    const asked = {
      principal: random.pick(world.uids),
      action: { type: 'Action', id: random.pick(ACTIONS) },
      context: makeFields(random, world.context, world.uids),
    }
    for (const { name } of world.types) {
      const filter = engine.filter({ ...asked, resourceType: name }, entities)
      for (const entity of world.entities.filter(({ uid }) => 'type' in uid && uid.type === name)) {
        const resource = readUid(entity.uid)
        const expected = engine.decide({ ...asked, resource }, entities).decision === 'allow'
        assert.equal(filter.matches(entity), expected, `seed ${seed}, ${name}, ${filter.text}`)
      }
    }
  }
})
