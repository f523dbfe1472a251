import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CedarError, compile, Entities, format, validate } from './index.ts'

const alice = { type: 'User', id: 'alice' }
const view = { type: 'Action', id: 'view' }
const photo = { type: 'Photo', id: 'p1' }
const request = { principal: alice, action: view, resource: photo }
const none = Entities.fromJson([])

test('a request that nothing permits is denied without a reason', () => {
  assert.deepEqual(compile({ policies: '' }).decide(request, none), { decision: 'deny', reasons: [], errors: [] })
})

test('a forbid wins over every permit', () => {
  const engine = compile({
    policies: 'permit(principal,action,resource); forbid(principal == User::"alice",action,resource);',
  })
  assert.deepEqual(engine.decide(request, none), { decision: 'deny', reasons: ['policy1'], errors: [] })
})

test('a policy that cannot be evaluated is skipped and reported', () => {
  const engine = compile({
    policies:
      '@id("yes") permit(principal,action,resource); @id("broken") forbid(principal,action,resource) when { context.a };',
  })
  const { decision, reasons, errors } = engine.decide(request, none)
  assert.deepEqual([decision, reasons, errors.map(({ policy }) => policy)], ['allow', ['yes'], ['broken']])
})

test('where errors deny, a forbid that cannot be evaluated applies, and such a permit still grants nothing', () => {
  const policies = `@id("yes") permit(principal,action,resource);
    @id("broken forbid") forbid(principal,action,resource) when { context.a };
    @id("broken permit") permit(principal,action,resource) when { context.a };`
  const { decision, reasons, errors } = compile({ policies, onError: 'deny' }).decide(request, none)
  assert.deepEqual([decision, reasons], ['deny', ['broken forbid']])
  assert.deepEqual(
    errors.map(({ policy }) => policy),
    ['broken forbid', 'broken permit'],
  )
})

test('policies are named by @id, and by their place where they have none', () => {
  const engine = compile({
    policies: [
      { name: 'a.cedar', text: 'permit(principal,action,resource); @id("x") permit(principal,action,resource);' },
      { name: 'b.cedar', text: '\n  permit(principal,action,resource);' },
    ],
  })
  assert.deepEqual(engine.decide(request, none).reasons, ['policy0', 'x', 'policy2'])
  assert.deepEqual(engine.policy('policy2')?.position, { source: 'b.cedar', line: 2, column: 3 })
})

test('two policies with one id are refused', () => {
  assert.throws(
    () =>
      compile({ policies: '@id("x") permit(principal,action,resource); @id("x") forbid(principal,action,resource);' }),
    { code: 'policies_invalid', publicMessage: 'there are two policies with the id `x`' },
  )
})

test('annotations can be read', () => {
  const engine = compile({ policies: '@id("x") @title("T") @why("because") @bare permit(principal,action,resource);' })
  assert.deepEqual(engine.policy('x')?.annotations, { id: 'x', title: 'T', why: 'because', bare: '' })
  assert.equal(engine.policy('x')?.effect, 'permit')
  assert.equal(engine.policy('y'), undefined)
})

test('every problem of every policy is reported with its line and column', () => {
  const text =
    'permit(principal,action,resource);\n\npermit(principal,action,resource) when { "é" == 1 + };\n  forbid(prinzipal,action,resource);'
  const problems = validate({ policies: [{ name: 'p.cedar', text }] })
  assert.deepEqual(
    problems.map(({ source, line, column }) => [source, line, column]),
    [
      ['p.cedar', 3, 53],
      ['p.cedar', 4, 10],
    ],
  )
})

test('policies are validated against the schema, and what is wrong is found in the source', () => {
  const schema = 'entity User; entity Photo {public: Bool}; action view appliesTo {principal: User, resource: Photo};'
  const text =
    'permit(principal,action,resource) when { resource.public };\n\n@id("x") permit(principal,action,resource)\n  when { resource.pubic };'
  const problems = validate({ policies: [{ name: 'p.cedar', text }], schema })
  assert.deepEqual(
    problems.map(({ severity, policy, source, line, column }) => [severity, policy, source, line, column]),
    [['error', 'x', 'p.cedar', 4, 10]],
  )
  assert.throws(() => compile({ policies: [{ name: 'p.cedar', text }], schema }), {
    code: 'policies_invalid',
    publicMessage: /^p\.cedar:4:10: .*did you mean `public`/,
  })
})

test('a schema that is wrong is refused with the place', () => {
  assert.throws(
    () => compile({ policies: '', schema: 'entity User;\nentity Photo {a: Strin};' }),
    (error) => error instanceof CedarError && error.code === 'schema_invalid' && error.problems[0]?.line === 2,
  )
})

test('the actions of the schema have their groups, and its types read the context', () => {
  const engine = compile({
    schema:
      'entity User; entity Photo; action read; action view in [read] appliesTo {principal: User, resource: Photo, context: {from: ipaddr}};',
    policies:
      'permit(principal, action in Action::"read", resource) when { context.from.isInRange(ip("10.0.0.0/8")) };',
  })
  assert.equal(engine.decide({ ...request, context: { from: '10.1.2.3' } }, none).decision, 'allow')
  assert.equal(engine.decide({ ...request, context: '{"from": "11.1.2.3"}' }, none).decision, 'deny')
})

test('integers of 64 bits are exact in policies, entities and contexts', () => {
  const engine = compile({
    policies: `permit(principal,action,resource) when {
      context.big == 9223372036854775807 && principal.big == -9223372036854775808 && context.big != 9223372036854775806 };`,
  })
  const entities = Entities.fromJson(
    '[{"uid":{"type":"User","id":"alice"},"attrs":{"big":-9223372036854775808},"parents":[]}]',
  )
  assert.equal(engine.decide({ ...request, context: '{"big":9223372036854775807}' }, entities).decision, 'allow')
  assert.equal(engine.decide({ ...request, context: { big: 9223372036854775807n } }, entities).decision, 'allow')
  assert.equal(engine.decide({ ...request, context: '{"big":9223372036854775806}' }, entities).decision, 'deny')
  assert.throws(() => engine.decide({ ...request, context: { big: 2 ** 63 } }, entities), { code: 'entities_invalid' })
})

test('a template decides once it is linked', () => {
  const policies = '@id("t") permit(principal == ?principal, action, resource in ?resource);'
  const link = { templateId: 't', newId: 'l', values: { '?principal': alice, '?resource': photo } }
  assert.equal(compile({ policies }).decide(request, none).decision, 'deny')
  const engine = compile({ policies, links: [link] })
  assert.deepEqual(engine.decide(request, none).reasons, ['l'])
  assert.deepEqual(engine.policy('l')?.link, link)
  assert.throws(() => compile({ policies, links: [{ ...link, values: { '?principal': alice } }] }), {
    code: 'policies_invalid',
  })
  assert.equal(engine.with({ remove: ['t'] }).decide(request, none).decision, 'deny')
})

test('a changed engine leaves the one it came from as it was', () => {
  const before = compile({ policies: '@id("a") permit(principal,action,resource);' })
  const after = before.with({
    remove: ['a'],
    add: '@id("b") permit(principal,action,resource); @id("c") forbid(principal,action,resource) when { false };',
  })
  const replaced = after.with({ replace: '@id("c") forbid(principal,action,resource);' })
  assert.deepEqual(before.decide(request, none).reasons, ['a'])
  assert.deepEqual(after.decide(request, none).reasons, ['b'])
  assert.deepEqual(replaced.decide(request, none).reasons, ['c'])
  assert.throws(() => before.with({ remove: ['b'] }), { publicMessage: 'there is no policy with the id `b`' })
  assert.throws(() => before.with({ replace: '@id("b") permit(principal,action,resource);' }))
  assert.throws(() => before.with({ add: '@id("a") permit(principal,action,resource);' }))
})

test('policies are laid out by the official formatter', () => {
  assert.equal(format('permit(principal,action,resource);'), 'permit (principal, action, resource);\n')
  assert.throws(() => format('permit('), { code: 'policies_invalid' })
})

test('policies of a source apply only where the source says', () => {
  const entities = Entities.fromJson([
    { uid: { type: 'User', id: 'a' }, parents: [{ type: 'Group', id: 'g' }] },
    { uid: { type: 'File', id: 'in' }, parents: [{ type: 'Project', id: 'p' }] },
  ])
  const engine = compile({
    policies: [
      { text: '@id("all") permit(principal, action, resource);', only: { principal: { type: 'Group', id: 'g' } } },
      {
        text: '@id("broken") forbid(principal, action, resource) when { resource.nothing == 1 };',
        only: { resource: { type: 'Project', id: 'p' } },
      },
    ],
    onError: 'deny',
  })
  const decide = (principal: string, resource: string) =>
    engine.decide(
      {
        principal: { type: 'User', id: principal },
        action: { type: 'Action', id: 'read' },
        resource: { type: 'File', id: resource },
      },
      entities,
    )
  assert.deepEqual(decide('a', 'out').reasons, ['all'])
  assert.equal(decide('b', 'out').decision, 'deny')
  assert.deepEqual(decide('a', 'in').reasons, ['broken'])
  assert.deepEqual(decide('a', 'out').errors, [])
})

test('a template that has long been there can be linked and replaced, and is validated again', () => {
  const schema = 'entity User; entity Photo {public: Bool}; action view appliesTo {principal: User, resource: Photo};'
  const link = { templateId: 't', newId: 'l', values: { '?principal': alice } }
  const engine = compile({ schema, policies: '@id("t") permit(principal == ?principal, action, resource);' })
  const linked = engine.with({ links: [link] })
  assert.deepEqual(linked.decide(request, none).reasons, ['l'])
  const replaced = linked.with({ replace: '@id("t") forbid(principal == ?principal, action, resource);' })
  assert.deepEqual(replaced.decide(request, none), { decision: 'deny', reasons: ['l'], errors: [] })
  assert.throws(
    () =>
      engine
        .with({ links: [{ ...link, values: { '?principal': photo } }] })
        .with({ replace: '@id("t") permit(principal in ?principal, action, resource) when { resource.nope };' }),
    {
      code: 'policies_invalid',
    },
  )
})

test('a context that was read once serves several requests', () => {
  const engine = compile({ policies: 'permit(principal,action,resource) when { context.n == 1 };' })
  const context = engine.context(view, { n: 1 })
  for (const principal of [alice, { type: 'User', id: 'bob' }]) {
    assert.equal(engine.decide({ ...request, principal, context }, none).decision, 'allow')
  }
  assert.throws(() => engine.context(view, { n: null }), CedarError)
})
