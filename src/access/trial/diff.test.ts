import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TenantId } from '../../kernel/index.ts'
import type { PolicyFile } from '../layers.ts'
import { parseCases } from './case-file.ts'
import { type DiffGroup, diffTrials, type PolicyDiff } from './diff.ts'
import { openTrial, type Trial } from './trial.ts'

const root = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(root, name), 'utf8') })
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort().map(read)
const foundation = {
  schema: read('schema.cedarschema').text,
  policies: files('policies/**/*.cedar'),
  roles: files('roles/*.cedar'),
}
const tenant = { type: 'Tenant', id: 'demo' }
const entities = [
  { uid: tenant },
  {
    uid: { type: 'User', id: 'ann' },
    attrs: { name: 'Ann', status: 'active' },
    parents: [{ type: 'Role', id: 'auditor' }],
  },
  ...['r1', 'r2'].map((id) => ({
    uid: { type: 'Agent', id },
    attrs: { name: id, status: 'active', sponsor: { __entity: { type: 'User', id: 'ann' } }, level: 1 },
    parents: [{ type: 'AgentType', id: 'reader' }],
  })),
  ...['a', 'b', 'c'].map((id) => ({ uid: { type: 'Dataset', id }, attrs: {}, parents: [tenant] })),
  { uid: { type: 'Compute', id: 'pool' }, attrs: {}, parents: [tenant] },
]

function trialOf(text: string): Trial {
  const policies: PolicyFile[] = [{ name: 'own.cedar', text }]
  return openTrial({
    tenant: 'demo' as TenantId, // a valid id
    foundation,
    policies,
    roles: { grants: [], declared: new Set() },
    entities,
  })
}

function diff(before: Trial, after: Trial, most?: number): PolicyDiff {
  const steps = diffTrials(before, after, most)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const READ = '@id("read") permit(principal in AgentType::"reader", action == Action::"data:read", resource);'
const READ_A =
  '@id("read") permit(principal in AgentType::"reader", action == Action::"data:read", resource == Dataset::"a");'
const ALLOCATE = '@id("allocate") permit(principal == User::"ann", action == Action::"compute:allocate", resource);'

test('what is newly possible and newly impossible is told by kind of principal, action and type of resource', () => {
  const { groups, asked, total } = diff(trialOf(READ), trialOf(READ_A + ALLOCATE))
  assert.equal(asked, total)
  assert.deepEqual(
    groups.map(({ example: _, ...group }) => group),
    [
      // Only with several factors: without them the guardrails refuse before and after.
      {
        effect: 'allowed',
        principals: 'User with auditor',
        action: 'compute:allocate',
        resourceType: 'Compute',
        count: 1,
      },
      // Two agents, two datasets, with one factor and with several.
      { effect: 'denied', principals: 'Agent of type reader', action: 'data:read', resourceType: 'Dataset', count: 8 },
    ],
  )
  assert.deepEqual(groups[0]?.example, {
    principal: { type: 'User', id: 'ann' },
    resource: { type: 'Compute', id: 'pool' },
    isStrong: true,
    before: [],
    after: ['allocate'],
  })
  assert.deepEqual(groups[1]?.example.before, ['read'])
})

test('every example is decided otherwise by the one and by the other', () => {
  const [before, after] = [trialOf(READ), trialOf(READ_A + ALLOCATE)]
  const decision = ({ action, example }: DiffGroup, trial: Trial) => {
    const { principal, resource, isStrong } = example
    const authentication = isStrong ? ', authentication: { assurance: 3, mfaAge: 0 }' : ''
    const [policyCase] = parseCases({
      name: 'x',
      text: `cases: [{ by: ${principal.id}, action: '${action}', resource: '${resource.type}::${resource.id}', expect: allow${authentication} }]`,
    })
    assert.ok(policyCase !== undefined)
    return trial.run(policyCase).decision?.decision
  }
  for (const group of diff(before, after).groups) {
    assert.equal(decision(group, before), group.effect === 'allowed' ? 'deny' : 'allow')
    assert.equal(decision(group, after), group.effect === 'allowed' ? 'allow' : 'deny')
  }
})

test('policies that say the same in other words do not differ', () => {
  const split = ['a', 'b', 'c']
    .map((id) => READ_A.replace('"read"', `"read-${id}"`).replace('"a"', `"${id}"`))
    .join('\n')
  assert.deepEqual(diff(trialOf(READ), trialOf(split)).groups, [])
})

test('where there are too many requests, some are asked, and it is said how many', () => {
  const { asked, total } = diff(trialOf(READ), trialOf(READ_A), 50)
  assert.ok(asked <= 50 && asked > 25, `${asked}`)
  assert.ok(total > 100)
})
