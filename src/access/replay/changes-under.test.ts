import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PolicyFile } from '../layers.ts'
import { policySetNow } from '../policies-in-force.ts'
import type { PolicySet } from '../policy-set.ts'
import { changesUnder } from './changes-under.ts'

const schema = readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8')
const base: PolicyFile = { name: 'base.cedar', text: '@id("all") permit (principal, action, resource);' }

test('a changed policy concerns the actions that its head names, and those of its groups', () => {
  const changes = under(setOf(base, file('@id("x") forbid (principal, action in Action::"models", resource);')))
  assert.ok(changes('model:invoke') && changes('model:list'))
  assert.ok(!changes('tool:call') && !changes('no:such-action'))
  assert.ok(under(setOf(base, file('@id("x") forbid (principal, action, resource);')))('tool:call'))
})

test('a policy that is gone or says something else concerns what it said too', () => {
  const before = setOf(base, file('@id("x") forbid (principal, action == Action::"data:read", resource);'))
  const moved = setOf(base, file('@id("x") forbid (principal, action == Action::"tool:call", resource);'))
  const { concern } = changesUnder(moved, () => before)
  const concerns = (action: string) => concern({ revision: 'r', action })
  assert.ok(concerns('data:read') && concerns('tool:call') && !concerns('model:invoke'))
})

test('an empty ceiling, other limits, another schema and policies that nobody knows concern everything', () => {
  assert.ok(under(setOf(base, { name: 'none.cedar', text: '', as: 'ceiling' }))('tool:call'))
  const limits: PolicyFile = {
    name: 'limits.cedar',
    as: 'limits',
    text: '@id("l") @limit("1/hour") permit (principal, action == Action::"data:read", resource);',
  }
  assert.ok(under(setOf(base, limits))('tool:call'))
  assert.ok(under(setOf(base, { name: 's', text: 'namespace Shop { entity Order; }', as: 'schema' }))('tool:call'))
  assert.ok(changesUnder(setOf(base), () => undefined).concern({ revision: 'r', action: 'tool:call' }))
  assert.ok(!under(setOf(base))('tool:call'))
})

test('another text of a role concerns what it grants, though nobody has it yet', () => {
  const role = (action: string) =>
    file(`@id("r") @role("r") permit (principal in ?principal, action == Action::"${action}", resource in ?resource);`)
  const { concern } = changesUnder(setOf(base, role('data:read')), () => setOf(base, role('data:write')))
  assert.ok(concern({ revision: 'r', action: 'data:write' }) && concern({ revision: 'r', action: 'data:read' }))
  assert.ok(!concern({ revision: 'r', action: 'tool:call' }))
})

function under(candidate: PolicySet): (action: string) => boolean {
  const changes = changesUnder(candidate, () => setOf(base))
  return (action) => changes.concern({ revision: 'r', action })
}

function file(text: string): PolicyFile {
  return { name: 'more.cedar', text }
}

function setOf(...files: readonly PolicyFile[]): PolicySet {
  return policySetNow({ schema, files, roles: { grants: [], declared: new Set() }, tenant: 'demo' })
}
