import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TenantId } from '../../kernel/index.ts'
import type { PolicyFile } from '../layers.ts'
import type { RoleGrant } from '../roles.ts'
import { complexityOf } from './complexity.ts'
import { differencesOf } from './drift.ts'
import { type Measured, measuredOf } from './statements.ts'

const root = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(root, name), 'utf8') })
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort().map(read)
const foundation = {
  schema: read('schema.cedarschema').text,
  policies: files('policies/**/*.cedar'),
  roles: files('roles/*.cedar'),
}
const sponsor = { __entity: { type: 'User', id: 'ann' } }

function measured(
  policies: readonly PolicyFile[],
  grants: readonly RoleGrant[] = [],
  declared: readonly string[] = [],
): Measured {
  return measuredOf({
    tenant: 'demo' as TenantId, // a valid id
    foundation,
    policies,
    roles: { grants, declared: new Set(declared) },
    entities: [
      { uid: { type: 'User', id: 'ann' }, attrs: { name: 'Ann', status: 'active' } },
      ...['a1', 'a2', 'b1'].map((id) => ({
        uid: { type: 'Agent', id },
        attrs: { name: id, status: 'active', sponsor },
        parents: [{ type: 'AgentType', id: id.startsWith('a') ? 'analyst' : 'bot' }],
      })),
    ],
  })
}

const own = (...texts: readonly string[]): PolicyFile => ({ name: 'own.cedar', text: texts.join('\n') })

test('statements are counted by file, layer and effect; what a role is given to counts once', () => {
  const grants = ['ann', 'bob'].map((id) => ({
    role: 'auditor',
    assignee: { type: 'User', id },
    on: { type: 'Project', id: 'p' },
    until: undefined,
  }))
  const {
    totals,
    files: sizes,
    unusedRoles,
  } = complexityOf(
    measured(
      [
        own(
          '@id("a") permit(principal == User::"ann", action, resource);',
          '@id("b") forbid(principal, action, resource) when { context.chainLength > 3 };',
        ),
        {
          name: 'most.cedar',
          as: 'ceiling',
          text: '@id("c") permit(principal, action, resource);',
          layer: { kind: 'project', id: 'p' },
        },
        { name: 'l.cedar', as: 'limits', text: '@id("d") @limit("1/minute") permit(principal, action, resource);' },
      ],
      grants,
    ),
  )
  assert.deepEqual([totals.own, totals.ceilings, totals.limits, totals.grants], [4, 1, 1, 2])
  assert.deepEqual(sizes.slice(-3), [
    { file: 'own.cedar', layer: 'the tenant', as: 'grants', statements: 2, permits: 1, forbids: 1 },
    { file: 'most.cedar', layer: 'the project p', as: 'ceiling', statements: 1, permits: 1, forbids: 0 },
    { file: 'l.cedar', layer: 'the tenant', as: 'limits', statements: 1, permits: 1, forbids: 0 },
  ])
  assert.equal(
    totals.statements,
    sizes.reduce((sum, { statements }) => sum + statements, 0),
  )
  assert.ok(unusedRoles.includes('model-trainer') && !unusedRoles.includes('auditor'))
})

test('the depth and the parts of conditions are those of their expressions', () => {
  const { conditions } = complexityOf(
    measured([
      own(`@id("deep") permit(principal, action == Action::"data:read", resource)
when { resource has classification && (resource.classification == "a" || !(resource.classification == "b" && [${Array.from({ length: 60 }, (_, n) => `"x${n}"`).join()}].contains(resource.classification))) };`),
    ]),
  )
  // and, or, not, and, contains, the set, its element.
  assert.equal(conditions.deepest, 7)
  assert.deepEqual(
    conditions.largest.slice(0, 1).map(({ id, place, depth }) => [id, place, depth]),
    [['deep', 'own.cedar:1', 7]],
  )
  assert.ok(conditions.most > 70)
})

test('a statement that another one covers is an overlap', () => {
  const { overlaps } = complexityOf(
    measured([
      own(
        '@id("wide") permit(principal, action == Action::"data:read", resource in Project::"p");',
        '@id("part") permit(principal == User::"ann", action == Action::"data:read", resource in Project::"p");',
      ),
    ]),
  )
  assert.deepEqual(overlaps, [
    { policy: 'part', place: 'own.cedar:2', message: '`part` adds nothing: `wide` applies wherever it does' },
  ])
})

test('statements that differ in constants only are proposed as a pack, and what changes together is one parameter', () => {
  const one = (id: string, project: string, most: number) =>
    `@id("${id}") @title("reads ${project}")
permit (principal in AgentType::"analyst", action == Action::"data:read", resource in Project::"${project}") // ${id}
when { resource has classification && resource.classification == "${project}-data" && context.chainLength <= ${most} };`
  const { nearDuplicates, totals } = complexityOf(
    measured([own(one('a', 'north', 1), one('b', 'south', 2), one('c', 'west', 2))]),
  )
  assert.equal(totals.nearDuplicates, 3)
  assert.deepEqual(nearDuplicates, [
    {
      effect: 'permit',
      policies: ['a', 'b', 'c'].map((id, index) => ({ id, place: `own.cedar:${index * 3 + 1}` })),
      statement:
        'permit(principal in AgentType::"analyst", action == Action::"data:read", resource in Parameter::"project") when { resource has classification && resource.classification == Parameter::"classification" && context.chainLength <= Parameter::"chainLength" };',
      parameters: [
        {
          name: 'project',
          type: 'entity',
          of: 'Project',
          values: ['Project::"north"', 'Project::"south"', 'Project::"west"'],
        },
        { name: 'classification', type: 'string', values: ['"north-data"', '"south-data"', '"west-data"'] },
        { name: 'chainLength', type: 'integer', values: ['1', '2'] },
      ],
    },
  ])
})

test('what several agents are allowed one by one belongs in the layer of their type, or in a pack', () => {
  const scope = 'action == Action::"data:read", resource in Project::"p");'
  const { exceptions } = complexityOf(
    measured([
      own(`@id("x1") permit(principal == Agent::"a1", ${scope}`, `@id("x2") permit(principal == Agent::"a2", ${scope}`),
      {
        name: 'a1.cedar',
        text: `@id("y1") permit(principal, action == Action::"model:invoke", resource);`,
        layer: { kind: 'agent', type: 'Agent', id: 'a1' },
      },
      {
        name: 'b1.cedar',
        text: `@id("y2") permit(principal, action == Action::"model:invoke", resource);`,
        layer: { kind: 'agent', type: 'Agent', id: 'b1' },
      },
    ]),
  )
  assert.deepEqual(
    exceptions.map(({ agents, agentType, proposal }) => [agents, agentType, proposal]),
    [
      [['a1', 'b1'], undefined, 'agents of several types: a pack, used once for each'],
      [['a1', 'a2'], 'analyst', 'all of type `analyst`: once in its layer (`agentType: analyst`)'],
    ],
  )
})

test('drift is what a tenant says beside roles and packs', () => {
  const { drift } = complexityOf(
    measured(
      [
        own(
          '@id("all") permit(principal == User::"ann", action, resource);',
          '@id("doors") permit(principal == User::"ann", action == Action::"door:open", resource);',
          '@id("reads") permit(principal == User::"ann", action == Action::"data:read", resource);',
          '@id("no") forbid(principal == User::"ann", action == Action::"data:read", resource);',
          '@id("mine") @role("auditor") permit(principal in ?principal, action == Action::"log:read", resource in ?resource);',
        ),
      ],
      [],
      ['auditor'],
    ),
  )
  assert.deepEqual(drift, {
    own: 5,
    shared: 0,
    percent: 100,
    redefinedRoles: ['auditor'],
    grantsBeyond: ['door:open'],
    grantsEverything: ['all'],
    forbids: [{ id: 'no', place: 'own.cedar:4' }],
  })
})

test('of several tenants it is told what only some of them say', () => {
  const reads = (project: string) =>
    `@id("r") permit(principal, action == Action::"data:read", resource in Project::"${project}");`
  const writes = '@id("w") permit(principal == User::"ann", action == Action::"data:write", resource);'
  assert.deepEqual(
    differencesOf(
      new Map([
        ['a', measured([own(reads('x'))])],
        ['b', measured([own(reads('y'), writes)])],
      ]),
    ),
    {
      tenants: ['a', 'b'],
      common: 1,
      partial: [{ shape: 'permit(principal == …, action == …, resource);', has: ['b'], lacks: ['a'] }],
      likeness: [{ a: 'a', b: 'b', percent: 50 }],
    },
  )
})
