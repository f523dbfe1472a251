import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TenantId } from '../../kernel/index.ts'
import { parseCases } from './case-file.ts'
import { tryMutants } from './mutation.ts'
import { openTrial, type TrialWorld } from './trial.ts'

const foundation = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(foundation, name), 'utf8') })
const files = (pattern: string) => globSync(pattern, { cwd: foundation }).sort().map(read)

const world: TrialWorld = {
  tenant: 'demo' as TenantId, // a valid id
  foundation: {
    schema: read('schema.cedarschema').text,
    policies: files('policies/**/*.cedar'),
    roles: files('roles/*.cedar'),
  },
  policies: [
    {
      name: 'own.cedar',
      text: `@id("own/small") permit(principal, action == Action::"model:invoke", resource == Model::"small")
when { principal has risk && principal.risk < 50 };
@id("own/never") forbid(principal, action == Action::"model:invoke", resource == Model::"none");`,
    },
  ],
  roles: {
    grants: [{ role: 'auditor', assignee: { type: 'User', id: 'ann' }, on: undefined, until: undefined }],
    declared: new Set(),
  },
  entities: [
    { uid: { type: 'Tenant', id: 'demo' } },
    {
      uid: { type: 'User', id: 'ann' },
      attrs: { name: 'Ann', status: 'active', risk: 10 },
      parents: [{ type: 'Role', id: 'auditor' }],
    },
    { uid: { type: 'Model', id: 'small' }, attrs: {}, parents: [{ type: 'Tenant', id: 'demo' }] },
  ],
}
const cases = (text: string) => parseCases({ name: 'own.test.yaml', text })

test('a case passes where the decision, its reasons and its advice are as expected', () => {
  const trial = openTrial(world)
  const list = cases(`
variables: { who: ann, low: 49 }
defaults: { by: '\${who}', action: 'model:invoke', resource: Model::small }
cases:
  - { name: allowed, expect: { decision: allow, reasons: [own/small] } }
  - { name: a role, action: 'log:read', resource: Tenant::demo, expect: { decision: allow, reasons: ['role/auditor of Role::auditor on Tenant::demo'] } }
  - name: risk
    given: { User::ann: { risk: '\${low}' } }
    each:
      - { name: low, expect: allow }
      - { name: high, given: { User::ann: { risk: 50 } }, expect: { decision: deny, reasons: [], advice: [request_access] } }
`)
  assert.deepEqual(
    list.map((one) => [one.name, one.at, trial.run(one).problems]),
    [
      ['allowed', 'own.test.yaml:5', []],
      ['a role', 'own.test.yaml:6', []],
      ['risk: low', 'own.test.yaml:10', []],
      ['risk: high', 'own.test.yaml:11', []],
    ],
  )
})

test('a case that comes out otherwise says what came of it, and why', () => {
  const trial = openTrial(world)
  const list = cases(`
defaults: { by: ann, action: 'model:invoke', resource: Model::small }
cases:
  - { expect: deny }
  - { given: { User::ann: { risk: 99 } }, expect: { decision: allow, reasons: [own/small], advice: [] } }
  - { by: nobody, expect: deny }
  - { given: { User::bob: { risk: 1 } }, expect: deny }
  - { action: 'model:inwoke', expect: deny }
  - { resource: Compute::small, expect: deny }
`)
  assert.deepEqual(
    list.map((one) => trial.run(one).problems),
    [
      ['expected deny, got allow: because of `own/small`'],
      [
        'expected allow, got deny: no policy permits it',
        'expected `own/small` to decide, got no policy permits it',
        'expected the advice nothing, got `request_access`',
      ],
      ['there is no principal `nobody` in the manifests'],
      ['there is no `User::bob`, of which something is given'],
      ['there is no action `model:inwoke` in the schema'],
      ['`model:invoke` is never done to a `Compute`, only to `Model`'],
    ],
  )
})

test('every problem of a file of cases is told of with its line', () => {
  assert.throws(
    () =>
      cases(`
cases:
  - { by: ann, action: 'model:invoke', resource: small, expect: allow }
  - { by: '\${who}', action: 'model:invoke', resource: Model::small, expect: allow }
  - by: ann
    action: 'model:invoke'
    each:
      - { resource: Model::small, expect: maybe }
      - { resource: Model::small, expect: allow, extra: 1 }
`),
    (error: Error) => {
      for (const part of [
        'own.test.yaml:3: `resource`: must be a type',
        'own.test.yaml:4: there is no variable `who`',
        'own.test.yaml:8: `expect`',
        'own.test.yaml:9',
      ]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`)
      }
      return true
    },
  )
})

test('coverage names the policies and conditions that no case shows both ways', () => {
  const trial = openTrial(world)
  const own = (message: string): boolean => message.includes('own/') || message.includes('risk')
  const gapsAfter = (text: string) =>
    trial
      .coverage(cases(text))
      .gaps()
      .filter(({ policy }) => policy.startsWith('own/'))
      .map(({ message }) => message)
      .filter(own)
  const allowed = `{ by: ann, action: 'model:invoke', resource: Model::small, expect: allow }`
  const risky = `{ by: ann, action: 'model:invoke', resource: Model::small, given: { User::ann: { risk: 99 } }, expect: deny }`
  assert.deepEqual(gapsAfter(`cases: [${allowed}]`), [
    'no case makes `principal has risk` not hold',
    'no case makes `principal.risk < 50` not hold',
    'no case makes `own/never` apply',
  ])
  assert.deepEqual(gapsAfter(`cases: [${allowed}, ${risky}]`), [
    'no case makes `principal has risk` not hold',
    'no case makes `own/never` apply',
  ])
})

test('changes of a policy that no case notices are found', () => {
  const trial = openTrial(world)
  const allowed = `{ by: ann, action: 'model:invoke', resource: Model::small, given: { User::ann: { risk: 49 } }, expect: allow }`
  const risky = `{ by: ann, action: 'model:invoke', resource: Model::small, given: { User::ann: { risk: 50 } }, expect: deny }`
  const survivors = (text: string) =>
    [...tryMutants(trial, cases(text), (source) => source === 'own.cedar')]
      .map(({ result }) => result)
      .filter(({ noticedBy, policy }) => noticedBy === undefined && policy === 'own/small')
      .map(({ change }) => change)
  const few = survivors(`cases: [${allowed}]`)
  assert.ok(few.includes('`<=` instead of `<` in `principal.risk < 50`'))
  assert.ok(few.includes('without `when { principal has risk && principal.risk < 50 }`'))
  const more = survivors(`cases: [${allowed}, ${risky}]`)
  assert.deepEqual(more, ['without `action == Action::"model:invoke"`', 'without `resource == Model::"small"`'])
})

test('changes of a limit are tried like those of a policy', () => {
  const trial = openTrial({
    ...world,
    policies: [
      ...world.policies,
      {
        name: 'limits.cedar',
        as: 'limits',
        text: '@id("often") @limit("60/minute") permit(principal, action == Action::"model:invoke", resource);',
      },
    ],
  })
  const tried = (text: string) =>
    [...tryMutants(trial, cases(text), (source) => source === 'limits.cedar')].map(({ result }) => [
      result.change,
      result.noticedBy !== undefined,
    ])
  const invoke =
    "{ by: ann, action: 'model:invoke', resource: Model::small, expect: { decision: allow, limits: [often] } }"
  const read = "{ by: ann, action: 'log:read', resource: Tenant::demo, expect: { decision: allow, limits: [] } }"
  assert.deepEqual(tried(`cases: [${invoke}]`), [
    ['without the policy', true],
    ['without `action == Action::"model:invoke"`', false],
  ])
  assert.deepEqual(tried(`cases: [${invoke}, ${read}]`), [
    ['without the policy', true],
    ['without `action == Action::"model:invoke"`', true],
  ])
})
