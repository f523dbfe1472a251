import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, Entities } from './index.ts'

const entities = Entities.fromJson([
  { uid: { type: 'User', id: 'ann' }, attrs: { level: 3 }, parents: [{ type: 'Role', id: 'dev' }] },
  { uid: { type: 'User', id: 'bob' }, attrs: {} },
  { uid: { type: 'Doc', id: 'd' }, attrs: { public: false } },
])
const ask = (id: string, action = 'read') => ({
  principal: { type: 'User', id },
  action: { type: 'Action', id: action },
  resource: { type: 'Doc', id: 'd' },
})

test('a trace tells of every policy in scope what its conditions came to, and stops where evaluation stops', () => {
  const text = `@id("a") permit(principal, action == Action::"read", resource) when { principal.level > 1 && !resource.public };
@id("b") forbid(principal in Role::"dev", action, resource) unless { resource.public || principal.level == 3 };`
  const tracer = compile({ policies: [{ name: 'p.cedar', text }] }).tracer()
  assert.deepEqual(tracer.conditions.get('a'), [
    { part: 'when', text: 'principal.level > 1', position: { source: 'p.cedar', line: 1, column: 71 } },
    { part: 'when', text: 'resource.public', position: { source: 'p.cedar', line: 1, column: 95 } },
  ])
  assert.deepEqual(tracer.trace(ask('ann'), entities), [
    { policy: 'a', outcome: true, conditions: [true, false] },
    { policy: 'b', outcome: false, conditions: [false, true] },
  ])
  assert.deepEqual(tracer.trace(ask('bob'), entities), [
    { policy: 'a', outcome: 'error', conditions: ['error', undefined] },
  ])
  assert.deepEqual(tracer.trace(ask('bob', 'write'), entities), [])
})

test('policies made from a template count for the template', () => {
  const engine = compile({
    policies: '@id("t") permit(principal in ?principal, action, resource) when { principal has level };',
    links: [{ templateId: 't', newId: 'l', values: { '?principal': { type: 'Role', id: 'dev' } } }],
  })
  const tracer = engine.tracer()
  assert.deepEqual([...tracer.conditions.keys()], ['t'])
  assert.deepEqual(tracer.trace(ask('ann'), entities), [{ policy: 't', outcome: true, conditions: [true] }])
  assert.deepEqual(tracer.trace(ask('bob'), entities), [])
})
