import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { EntityJson } from '../../cedar/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'
import { openAccess } from '../access.ts'
import type { PolicyFile } from '../layers.ts'
import type { Observed } from './tally.ts'

const foundation = new URL('../../../foundation/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, foundation), 'utf8')
const START = Date.UTC(2026, 10, 9)
const WEEK = { since: START, until: START + 7 * 86_400_000 }

const files: readonly PolicyFile[] = [
  {
    name: 'grants.cedar',
    text: `@id("models") permit (principal is Agent, action == Action::"model:invoke", resource == Model::"small");
@id("never") permit (principal is Agent, action == Action::"model:invoke", resource == Model::"large");`,
  },
  { name: 'admin.cedar', text: '@id("admin") permit (principal == User::"ann", action in Action::"admin", resource);' },
  {
    name: 'mixed.cedar',
    text: `@id("lists") permit (principal is Agent, action == Action::"model:list", resource);
@id("no-nights") forbid (principal is Agent, action == Action::"model:list", resource == Model::"large");`,
  },
]

test('a complete suggestion stands in the place of files that only grant, and of none by which somebody administers', async () => {
  const access = await opened()
  const used = observed('a1', 'small', { policy: 'models', principal: uid('Agent', 'a1') })
  const complete = await access.suggest([used], WEEK)
  assert.deepEqual(complete.replaces, ['grants.cedar'])
  assert.match(complete.text, /Model::"small"/)
})

test('beside what is in force, only what it does not permit is suggested', async () => {
  const access = await opened()
  const denied = { ...observed('a1', 'tiny'), decision: 'observed-deny' as const }
  const known = { ...observed('a2', 'small'), decision: 'observed-deny' as const }
  const beside = await access.suggest([observed('a1', 'small'), denied, known], { ...WEEK, isBeside: true })
  assert.deepEqual(beside.replaces, [])
  assert.match(beside.text, /Model::"tiny"/)
  assert.doesNotMatch(beside.text, /Model::"small"/)
})

test('policies and roles that nothing rests on are told of, with what they would allow', async () => {
  const access = await opened()
  const role = { role: 'inference-client', on: undefined, until: undefined }
  access.setRoles({
    declared: new Set(),
    grants: [
      { ...role, assignee: uid('Agent', 'a1') },
      { ...role, role: 'auditor', assignee: uid('User', 'ann') },
    ],
  })
  const byRole = observed('a1', 'small', {
    policy: 'role/inference-client of Role::inference-client on Tenant::demo',
    principal: uid('Agent', 'a1'),
  })
  const byPolicy = observed('a2', 'small', { policy: 'models', principal: uid('Agent', 'a2') })
  const { takeAway, skipped } = await access.suggest([byRole, byPolicy], WEEK)
  assert.equal(skipped.granted, 1)
  const policies = takeAway.flatMap((one) => (one.kind === 'policy' ? [[one.id, one.wouldAllow]] : []))
  // Two agents on one model; and Ann on whatever is administered.
  assert.deepEqual(
    policies.filter(([id]) => id !== 'admin'),
    [
      ['never', 2],
      ['lists', 6],
    ],
  )
  assert.deepEqual(
    takeAway.flatMap((one) => (one.kind === 'role' ? [[one.role, one.assignee.id]] : [])),
    [['auditor', 'ann']],
  )
  assert.deepEqual(
    takeAway.flatMap((one) => (one.kind === 'actions' ? [[one.role, one.used, one.unused]] : [])),
    [['inference-client', ['model:invoke'], ['model:list']]],
  )
})

async function opened() {
  const access = openAccess(
    {
      schema: read('schema.cedarschema'),
      policies: [{ name: 'foundation/guardrails.cedar', text: read('policies/guardrails.cedar') }],
      roles: [{ name: 'foundation/roles.cedar', text: read('roles/roles.cedar') }],
    },
    'demo',
  )
  const root = [uid('Tenant', 'demo')]
  const person = { name: 'x', status: 'active' }
  const entities: readonly EntityJson[] = [
    { uid: uid('Tenant', 'demo'), attrs: {}, parents: [] },
    { uid: uid('Role', 'inference-client'), attrs: {}, parents: [] },
    { uid: uid('User', 'ann'), attrs: person, parents: root },
    ...['a1', 'a2'].map((id) => ({
      uid: uid('Agent', id),
      attrs: { ...person, sponsor: { __entity: uid('User', 'ann') } },
      parents: id === 'a1' ? [...root, uid('Role', 'inference-client')] : root,
    })),
    ...['small', 'large', 'tiny'].map((id) => ({ uid: uid('Model', id), attrs: {}, parents: root })),
  ]
  access.putEntities('world', entities)
  await access.setPolicies(files)
  return access
}

function uid(type: string, id: string): { readonly type: string; readonly id: string } {
  return { type, id }
}

function observed(agent: string, model: string, ...reasons: Observed['reasons']): Observed {
  return {
    index: 0,
    at: START,
    chain: [{ kind: 'Agent', id: agent } as PrincipalRef], // ids of a test are what they are
    action: 'model:invoke',
    resource: uid('Model', model),
    context: {},
    decision: 'allow',
    reasons,
    arguments: undefined,
    origin: undefined,
    entities: undefined,
    isListing: false,
    isProposed: false,
    withheld: undefined,
  }
}
