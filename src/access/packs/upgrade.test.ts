import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { schemaInForce } from '../schema-in-force.ts'
import { packSection, withPack } from './manifest-edit.ts'
import { readPack } from './pack.ts'
import type { DeclaredPack } from './pack-manifest.ts'
import { lineChanges } from './statement-changes.ts'
import { planUpgrade } from './upgrade.ts'

const schema = schemaInForce(
  readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8'),
  [],
)
const packOf = (version: string, parameters: string, grants: string) =>
  readPack({
    folder: `packs/x/${version}`,
    from: 'own',
    files: [
      {
        name: 'pack.yaml',
        text: `name: x\nversion: ${version}\ntitle: X\ndescription: X\nlayers: [agent]\nparameters:\n${parameters}`,
      },
      { name: 'grants.cedar', text: grants },
    ],
  })
const declared: DeclaredPack = {
  pack: 'x',
  version: '1.0.0',
  as: 'mine',
  agent: 'scout',
  with: { model: 'Model::small', old: 3 },
}
const one = packOf(
  '1.0.0',
  '  model: { type: entity, of: Model, doc: m }\n  old: { type: integer, doc: o }\n',
  `@id("use") permit (principal, action == Action::"model:invoke", resource == Parameter::"model");
@id("never") forbid (principal, action == Action::"model:list", resource) when { context.chainLength > Parameter::"old" };`,
)
const two = packOf(
  '2.0.0',
  '  model: { type: entity, of: [Model, Endpoint], doc: m }\n  level: { type: integer, min: 1, doc: the level }\n',
  `@id("use") permit (principal is Agent, action == Action::"model:invoke", resource == Parameter::"model")
when { principal has level && principal.level >= Parameter::"level" };`,
)

test('a parameter that is new and has no default is asked for by name', () => {
  const { problems, statements } = planUpgrade(one, two, { declared, set: new Map(), schema })
  assert.deepEqual(
    problems.map(({ message }) => message),
    ['`level` is needed: the level; it is new in 2.0.0: say `--set level=…`'],
  )
  assert.deepEqual(statements, [])
})

test('a plan tells what becomes of parameters and of each policy', () => {
  const plan = planUpgrade(one, two, { declared, set: new Map([['level', 2]]), schema })
  assert.deepEqual(plan.problems, [])
  assert.deepEqual(plan.parameters, [
    { name: 'model', change: 'changed', text: 'entity, of ["Model"] → entity, of ["Model","Endpoint"]' },
    { name: 'level', change: 'added', text: 'the level: 2' },
    { name: 'old', change: 'removed', text: 'what it was set to is dropped' },
  ])
  assert.deepEqual(
    plan.statements.map(({ id, change }) => [id, change]),
    [
      ['mine/use', 'changed'],
      ['mine/never', 'removed'],
    ],
  )
  assert.ok(plan.statements[0]?.lines.includes('-  principal,'))
  assert.ok(plan.statements[0]?.lines.includes('+  principal is Agent,'))
  assert.deepEqual(plan.declared, { ...declared, version: '2.0.0', with: { model: 'Model::small', level: 2 } })
})

test('a manifest keeps its comments and its layout, and whatever the change does not touch', () => {
  const before = `# who we are
users:
  mara: {name: Mara}   # as she is called

packs:
  # for the scouts
  - pack: x
    version: 1.0.0
    as: mine
    agent: scout
    with: {model: 'Model::small', old: 3}
`
  const plan = planUpgrade(one, two, { declared, set: new Map([['level', 2]]), schema })
  assert.equal(
    withPack(before, 'tenant.yaml', plan.declared),
    before.replace('1.0.0', '2.0.0').replace("{model: 'Model::small', old: 3}", "{ model: 'Model::small', level: 2 }"),
  )
  const added = withPack(before, 'tenant.yaml', { ...declared, as: 'other' })
  assert.ok(added.startsWith(before.trimEnd()))
  assert.deepEqual(parse(added).packs[1], { ...declared, as: 'other' })
  for (const empty of ['', 'packs:\n', 'packs: []\n', 'users: {}\n']) {
    assert.deepEqual(parse(withPack(empty, 'tenant.yaml', declared)).packs, [declared])
  }
  assert.deepEqual(parse(packSection(declared)), { packs: [declared] })
  assert.throws(
    () => withPack('x: &x [{ as: other }]\npacks: *x\n', 'tenant.yaml', declared),
    /tenant\.yaml: `packs` is no plain list/,
  )
})

test('changes of lines, undone, are the lines before, and done, the lines after', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const changes = lineChanges(before, after)
      const side = (leftOut: string) => changes.filter((one) => !one.startsWith(leftOut)).map((one) => one.slice(1))
      assert.deepEqual([side('+'), side('-')], [before, after])
    }),
  )
})

test('what is wrong with a pack is told with its place', () => {
  const grants = '@id("use") permit (principal, action, resource == Parameter::"model");'
  const model = '  model: { type: entity, of: Model, doc: m }\n'
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => packOf('1.0', model, grants), /pack\.yaml:2: `version`/],
    [
      () => packOf('1.0.0', `${model}  more: { type: text, doc: m }\n`, grants),
      /pack\.yaml:8: `parameters\.more\.type`/,
    ],
    [
      () => packOf('1.0.0', `${model}  more: { type: string, doc: m }\n`, grants),
      /pack\.yaml:8: no statement uses the parameter `more`/,
    ],
    [() => packOf('1.0.0', '', grants), /grants\.cedar:1:51: there is no parameter `model`/],
    [() => packOf('1.0.0', model, `${grants}\n${grants}`), /grants\.cedar:2: `use`: two statements/],
    [() => packOf('1.0.0', model, grants.replace('use', 'a/b')), /grants\.cedar:1: `a\/b`: an id in a pack is/],
    [() => packOf('1.0.0', model, grants.repeat(101)), /grants\.cedar:1:1: more than 100 policies/],
    [() => packOf('1.0.0', model, 'permit ('), /grants\.cedar:1:/],
    [
      () =>
        packOf(
          '1.0.0',
          model,
          grants.replace('permit', '@role("x") permit').replace('Parameter::"model"', '?resource'),
        ),
      /has slots/,
    ],
    [() => readPack({ folder: 'packs/x', from: 'own', files: [] }), /packs\/x: there is no `pack\.yaml`/],
    [
      () => readPack({ folder: 'packs/x', from: 'own', files: [{ name: 'pack.yaml', text: 'name: x' }] }),
      /`version` is missing/,
    ],
  ]
  for (const [read, expected] of cases) assert.throws(read, expected)
})
