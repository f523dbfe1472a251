import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TenantId } from '../../kernel/index.ts'
import { parseCases } from './case-file.ts'
import { openTrial } from './trial.ts'

const schema = readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8')
const root = { type: 'Tenant', id: 'demo' }
const trial = openTrial({
  tenant: 'demo' as TenantId, // a valid id
  foundation: { schema, policies: [] },
  policies: [
    { name: 'all.cedar', text: 'permit (principal, action, resource);' },
    {
      name: 'early.cedar',
      text: '@id("early") forbid (principal, action, resource) when { context has usage && context.usage.share >= 90 && resource == Model::"dear" };',
    },
    {
      name: 'limits.cedar',
      as: 'limits',
      text: `@id("rate") @limit("60/minute") permit (principal, action == Action::"model:invoke", resource);
@id("tokens") @budget("1000 tokens/day") @per("tenant") permit (principal, action == Action::"model:invoke", resource == Model::"large");`,
    },
  ],
  roles: { grants: [], declared: new Set() },
  entities: [
    { uid: root },
    { uid: { type: 'User', id: 'ann' }, attrs: { name: 'Ann', status: 'active' } },
    ...['small', 'large', 'dear'].map((id) => ({ uid: { type: 'Model', id }, attrs: {}, parents: [root] })),
    { uid: { type: 'Dataset', id: 'd' }, attrs: {}, parents: [root] },
  ],
})

function run(fields: string): readonly string[] {
  const [one] = parseCases({ name: 'x', text: `cases: [{ by: ann, action: 'model:invoke', ${fields} }]` })
  assert.ok(one)
  return trial.run(one).problems
}

test('a request that no limit is about is decided as if there were none', () => {
  assert.deepEqual(
    trial.run(
      parseCases({
        name: 'x',
        text: "cases: [{ by: ann, action: 'data:read', resource: Dataset::d, expect: { decision: allow, limits: [] } }]",
      })[0] ?? assert.fail(),
    ).problems,
    [],
  )
})

test('a rate is used up by asking often enough, and is there again when its window is over', () => {
  const denied = 'expect: { decision: deny, reasons: [rate], advice: [wait], limits: { rate: 60/minute } }'
  assert.deepEqual(run('resource: Model::small, times: 60, expect: { decision: allow, limits: [rate] }'), [])
  assert.deepEqual(run(`resource: Model::small, times: 61, ${denied}`), [])
  assert.deepEqual(run(`resource: Model::small, times: 61, after: 59s, ${denied}`), [])
  assert.deepEqual(run('resource: Model::small, times: 61, after: 60s, expect: allow'), [])
})

test('what is refused uses nothing, so that a budget lasts for what fits', () => {
  const amounts = 'amounts: { input_tokens: 200, output_tokens: 100 }'
  assert.deepEqual(run(`resource: Model::large, ${amounts}, times: 3, expect: allow`), [])
  assert.deepEqual(
    run(`resource: Model::large, ${amounts}, times: 4, expect: { decision: deny, reasons: [tokens] }`),
    [],
  )
  assert.deepEqual(run(`resource: Model::large, ${amounts}, times: 4, after: 1d, expect: allow`), [])
  assert.deepEqual(
    run('resource: Model::large, amounts: { tokens: 1001 }, expect: { decision: deny, reasons: [tokens], advice: [] }'),
    [],
  )
})

test('what is used is a fact for policies', () => {
  assert.deepEqual(run('resource: Model::dear, times: 54, expect: allow'), [])
  assert.deepEqual(run('resource: Model::dear, times: 55, expect: { decision: deny, reasons: [early] }'), [])
})

test('what is expected of limits, and is otherwise, is told', () => {
  assert.deepEqual(run('resource: Model::large, expect: { decision: allow, limits: [rate], }'), [
    'expected allow, got deny: because of `tokens`',
    'expected the limits `rate` to apply, got `rate`, `tokens`',
  ])
  assert.deepEqual(run('resource: Model::small, expect: { decision: allow, limits: { rate: [10/hour] } }'), [
    'expected `rate` to allow `10 requests/hour`, got `60 requests/minute`',
  ])
})

test('spans, allowances and counts that are none are refused with their line', () => {
  for (const [fields, problem] of [
    ['times: 0', /x:2: `times`/],
    ['times: 1000000', /x:2: `times`/],
    ['after: soon', /x:2: `after`: must be a span of time/],
    ['amounts: { tokens: -1 }', /x:2: `amounts\.tokens`/],
    ['expect: { decision: allow, limits: { rate: often } }', /x:2: .*`often` is no allowance/],
  ] as const) {
    const expected = fields.startsWith('expect') ? '' : ', expect: allow'
    const text = `cases:\n  - { by: ann, action: 'model:invoke', resource: Model::small, ${fields}${expected} }`
    assert.throws(() => parseCases({ name: 'x', text }), problem)
  }
})
