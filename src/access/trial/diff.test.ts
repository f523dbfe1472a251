import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TenantId } from '../../kernel/index.ts'
import type { PolicyFile } from '../layers.ts'
import { parseCases } from './case-file.ts'
import { type DiffGroup, type DiffOptions, diffTrials, type PolicyDiff } from './diff.ts'
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
  { uid: { type: 'ToolServer', id: 'office' }, attrs: { trusted: false }, parents: [tenant] },
  {
    uid: { type: 'Tool', id: 'office/send' },
    attrs: { name: 'send', status: 'accepted', guarded: ['/to'] },
    parents: [{ type: 'ToolServer', id: 'office' }],
  },
  { uid: { type: 'TrainingJob', id: 'run' }, attrs: {}, parents: [tenant] },
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

function diff(before: Trial, after: Trial, options: DiffOptions = { generated: 0 }): PolicyDiff {
  const steps = diffTrials(before, after, options)
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
  const { groups, parts } = diff(trialOf(READ), trialOf(READ_A + ALLOCATE))
  assert.deepEqual(
    parts.map(({ of, asked, total, differing }) => [of, asked === total, differing]),
    [['entities', true, 9]],
  )
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
    by: ['ann'],
    action: 'compute:allocate',
    resource: { type: 'Compute', id: 'pool' },
    before: [],
    after: ['allocate'],
    case: `- name: "newly allowed: User with auditor"
  by: ann
  action: compute:allocate
  resource: Compute::pool
  authentication:
    assurance: 3
    mfaAge: 0
  expect:
    decision: allow
    reasons:
      - allocate
`,
  })
  assert.deepEqual(groups[1]?.example.before, ['read'])
})

test('every example is decided otherwise by the one and by the other', () => {
  const [before, after] = [trialOf(READ), trialOf(READ_A + ALLOCATE)]
  const decision = ({ example }: DiffGroup, trial: Trial) => {
    const [policyCase] = parseCases({ name: 'x', text: `cases:\n${example.case ?? ''}` })
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
  const [part] = diff(trialOf(READ), trialOf(READ_A), { most: 50, generated: 0 }).parts
  assert.ok(part !== undefined && part.asked <= 50 && part.asked > 25, `${part?.asked}`)
  assert.ok(part.total > 100)
})

const PEOPLE = '@id("o") permit(principal == User::"ann", action, resource);'
/** What only shows where somebody looks for it: on whom, by what, and the smallest change of it. */
const HIDDEN: readonly (readonly [name: string, before: string, after: string])[] = [
  [
    'a number',
    'when { principal has level && principal.level >= 3 }',
    'when { principal has level && principal.level > 3 }',
  ],
  [
    'a text',
    'when { resource has classification && resource.classification == "internal" }',
    'when { resource has classification && ["internal", "confidential"].contains(resource.classification) }',
  ],
  [
    'the beginning of a text',
    'when { resource has region && resource.region like "eu-*" }',
    'when { resource has region && resource.region like "eu-w*" }',
  ],
  [
    'the age of several factors',
    'when { context.authentication has mfaAge && context.authentication.mfaAge <= 900 }',
    'when { context.authentication has mfaAge && context.authentication.mfaAge < 900 }',
  ],
  ['a scope', 'unless { !context.scope.contains("tools") }', ''],
  ['a purpose', 'when { context has purpose && context.purpose == "close the books" }', 'when { context has purpose }'],
  [
    'a network',
    'when { context has network && context.network.address.isInRange(ip("10.1.0.0/16")) }',
    'when { context has network }',
  ],
  ['a moment', 'when { context.now < datetime("2026-03-01") }', 'when { context.now <= datetime("2026-03-01") }'],
  ['a chain', 'when { context.chainLength == 1 }', ''],
  [
    'a fact that is stated',
    'when { context has destination && context.destination == "eu" }',
    'when { context has destination }',
  ],
]

for (const [name, before, after] of HIDDEN) {
  test(`a difference that only shows with ${name} is found by requests that are made up`, () => {
    const READER = '@id("r") permit(principal in AgentType::"reader", action == Action::"data:read", resource)'
    const [was, is] = [trialOf(`${READER} ${before};${PEOPLE}`), trialOf(`${READER} ${after};${PEOPLE}`)]
    const { groups } = diff(was, is, { generated: 3000, seed: 7 })
    assert.equal(groups.length, 1)
    checkExamples(groups, was, is)
  })
}

test('arguments, where they come from, and parameters of the action are tried too', () => {
  const of = (
    address: string,
  ) => `@id("c") permit(principal in AgentType::"reader", action == Action::"tool:call", resource)
when { context.arguments.hasTag("/to") && context.arguments.getTag("/to") like "${address}" && context.origin.user.contains("/to") };
@id("t") permit(principal == User::"ann", action == Action::"training:tune", resource)
when { context.parameters.containsAny(["${address}"]) };`
  const [was, is] = [trialOf(of('*@example.org')), trialOf(of('ann@example.org'))]
  const { groups } = diff(was, is, { generated: 3000, seed: 7 })
  assert.deepEqual(
    new Set(groups.map(({ action, effect }) => `${action} ${effect}`)),
    new Set(['tool:call denied', 'training:tune allowed', 'training:tune denied']),
  )
  checkExamples(groups, was, is)
})

test('of random pairs of policies, every example is decided otherwise, and the same seed finds the same', () => {
  fc.assert(
    fc.property(policies, policies, fc.integer({ min: 0, max: 1000 }), (a, b, seed) => {
      const [was, is] = [trialOf(a), trialOf(b)]
      const first = diff(was, is, { generated: 200, seed, most: 200 })
      checkExamples(first.groups, was, is)
      assert.deepEqual(diff(was, is, { generated: 200, seed, most: 200 }), first)
    }),
    { numRuns: 15 },
  )
})

function checkExamples(groups: readonly DiffGroup[], was: Trial, is: Trial): void {
  for (const { effect, example } of groups) {
    assert.ok(example.case !== undefined, JSON.stringify(example))
    const [policyCase] = parseCases({ name: 'x', text: `cases:\n${example.case}` })
    assert.ok(policyCase !== undefined)
    const before = was.run(policyCase)
    assert.equal(before.decision?.decision, effect === 'allowed' ? 'deny' : 'allow', example.case)
    const after = is.run(policyCase)
    assert.ok(after.passed, `${after.problems.join('; ')}\n${example.case}`)
  }
}

const condition = fc.constantFrom(
  'resource has classification && resource.classification == "internal"',
  'principal has level && principal.level >= 2',
  'principal has level && principal.level >= 3',
  'context.authentication has mfaAge && context.authentication.mfaAge <= 60',
  'context.chainLength == 1',
  'context.scope.contains("data")',
)
const policy = fc
  .record({
    principal: fc.constantFrom('principal', 'principal in AgentType::"reader"', 'principal is User'),
    action: fc.constantFrom('action', 'action == Action::"data:read"', 'action in Action::"data"'),
    resource: fc.constantFrom('resource', 'resource == Dataset::"a"', 'resource is Dataset'),
    when: fc.option(condition),
    effect: fc.constantFrom('permit', 'permit', 'forbid'),
  })
  .map(({ principal, action, resource, when, effect }) => {
    // Only agents have levels.
    const who = when?.includes('level') === true ? 'principal is Agent' : principal
    const what = when?.includes('classification') === true ? 'resource is Dataset' : resource
    return `${effect}(${who}, ${action}, ${what})${when === null ? '' : ` when { ${when} }`};`
  })
const policies = fc
  .array(policy, { minLength: 1, maxLength: 4 })
  .map((list) => list.map((text, index) => `@id("p${index}") ${text}`).join('\n'))
