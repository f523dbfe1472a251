import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PolicyFile } from '../layers.ts'
import { checkPolicies } from './check-policies.ts'

const root = join(import.meta.dirname, '../../../foundation')
const read = (name: string) => ({ name: `foundation/${name}`, text: readFileSync(join(root, name), 'utf8') })
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort().map(read)
const foundation = {
  schema: read('schema.cedarschema').text,
  policies: files('policies/**/*.cedar'),
  roles: files('roles/*.cedar'),
}
const check = (...own: PolicyFile[]) =>
  checkPolicies(foundation, own).map(
    ({ rule, source, line, column, message }) => `${source}:${line}:${column} ${rule} ${message}`,
  )

test('every error of every file is told of at once, with its place', () => {
  const found = check(
    {
      name: 'a.cedar',
      text: '@id("a") permit(principal, action == Action::"model:invoke", resource) when { resource.colour };',
    },
    { name: 'b.cedar', text: '@id("b") permit(principal, action == Action::"model:inwoke", resource);' },
  )
  assert.equal(found.length, 2)
  assert.match(found[0] ?? '', /^a\.cedar:1:\d+ invalid .*colour/)
  assert.match(found[1] ?? '', /^b\.cedar:1:\d+ invalid .*inwoke/)
})

test('what is hardly meant is told of, layer by layer', () => {
  const text = '@id("ID") permit(principal, action == Action::"model:invoke", resource in Project::"p");'
  assert.deepEqual(
    check(
      { name: 'wide.cedar', text: text.replace('ID', 'wide') },
      { name: 'twin.cedar', text: text.replace('ID', 'twin') },
      { name: 'most.cedar', text: text.replace('ID', 'most'), as: 'ceiling' },
      { name: 'part.cedar', text: text.replace('ID', 'part'), layer: { kind: 'agent', type: 'AgentType', id: 'x' } },
    ),
    [
      'part.cedar:1:1 shadowed `part` adds nothing: `wide` applies wherever it does',
      'twin.cedar:1:1 shadowed `twin` adds nothing: `wide` applies wherever it does',
    ],
  )
})

test('limits and a schema of the tenant are checked too, and what an approval lifts is not in vain', () => {
  assert.deepEqual(
    check(
      {
        name: 'own.cedarschema',
        text: 'namespace Shop { entity Order; action "order:read" appliesTo { principal: [User], resource: Order }; }',
        as: 'schema',
      },
      { name: 'a.cedar', text: '@id("a") permit(principal, action == Shop::Action::"order:read", resource);' },
      {
        name: 'b.cedar',
        text: '@id("b") @approval("15m") forbid(principal, action == Shop::Action::"order:read", resource);',
      },
      {
        name: 'c.cedar',
        text: '@id("c") @limit("60/minute") permit(principal, action == Shop::Action::"order:read", resource);',
        as: 'limits',
      },
    ),
    [],
  )
  assert.match(
    check({
      name: 'c.cedar',
      text: '@id("c") @limit("sixty") permit(principal, action, resource);',
      as: 'limits',
    })[0] ?? '',
    /invalid .*c\.cedar:1.*sixty/,
  )
  assert.match(check({ name: 'own.cedarschema', text: 'entity User;', as: 'schema' })[0] ?? '', /invalid /)
})

test('a title that speaks of reading stands over nothing that changes', () => {
  assert.deepEqual(
    check({
      name: 'a.cedar',
      text: `@id("a") @title("reads data of the project") permit(principal, action in [Action::"data:read", Action::"data:write"], resource in Project::"p");
@id("b") @title("reads data of the project") permit(principal, action == Action::"data:read", resource in Project::"p");
@id("c") @title("reads and changes data") permit(principal, action in [Action::"data:read", Action::"data:write"], resource in Project::"q");
@id("d") @title("looks at everything, and changes nothing") permit(principal, action, resource in Project::"r");`,
    }),
    [
      'a.cedar:1:1 broader-than-title `a` says "reads data of the project", and permits `data:write`',
      'a.cedar:4:1 broader-than-title `d` says "looks at everything, and changes nothing", and permits every action',
      'a.cedar:2:1 shadowed `b` adds nothing: `a` applies wherever it does',
    ].sort((a, b) => Number(a.split(':')[1]) - Number(b.split(':')[1])),
  )
})

test('what ships with the product gives no cause for complaint', () => {
  const own = [...foundation.policies, ...foundation.roles]
  const found = checkPolicies(
    { ...foundation, policies: [], roles: [] },
    own.map(
      (file, index): PolicyFile =>
        index < foundation.policies.length ? { ...file, layer: { kind: 'foundation' } } : file,
    ),
  )
  // It is for the actions that tenants bring along, of which there are none here.
  assert.deepEqual(
    found.map(({ rule, policy }) => [rule, policy]),
    [['unwise', 'foundation/scope-none']],
  )
})
