import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CanShadow, compile, Entities } from './index.ts'

const schema = `
entity Role;
entity User in [Role] { level: Long };
entity Doc { public: Bool, project: String, size: Long };
action read;
action view in [read] appliesTo { principal: User, resource: Doc, context: { sum: Long } };
action edit appliesTo { principal: User, resource: Doc, context: { sum: Long } };
`
const lintOf = (text: string, canShadow?: CanShadow) =>
  compile({ policies: [{ name: 'p.cedar', text }], schema })
    .lint(canShadow)
    .map(({ rule, message, line, column }) => `${line}:${column} ${rule} ${message}`)

test('policies as they should be are not talked about', () => {
  assert.deepEqual(
    lintOf(`@id("a") permit(principal in Role::"dev", action == Action::"view", resource) when { resource.public };
@id("b") permit(principal in Role::"ops", action == Action::"view", resource);
@id("c") forbid(principal, action, resource) unless { principal.level > 0 };`),
    [],
  )
})

test('a permit to everybody for everything is told of, and a policy without an id', () => {
  assert.deepEqual(lintOf('permit(principal, action, resource);'), [
    '1:1 no-id `policy0` has no @id',
    '1:1 grants-everything `policy0` permits everybody everything',
  ])
})

test('a policy that can never apply is told of, with what it demands at once', () => {
  assert.deepEqual(
    lintOf(`@id("a") permit(principal, action, resource is Doc) when { resource.project == "x" && resource.project == "y" };
@id("b") permit(principal, action, resource is Doc) when { resource.public } unless { resource.public || resource.size > 3 };
@id("c") permit(principal, action, resource is Doc) when { resource.public && false };`),
    [
      '1:87 never-applies `a` never applies: `resource.project` cannot be both `"x"` and `"y"`',
      '2:60 never-applies `b` never applies: it demands both `resource.public` and its contrary',
      '3:79 never-applies `c` never applies: `false` never holds',
    ],
  )
})

test('a policy that another one makes needless is told of', () => {
  assert.deepEqual(
    lintOf(`@id("wide") permit(principal in Role::"dev", action in Action::"read", resource) when { resource.public };
@id("narrow") permit(principal in Role::"dev", action == Action::"view", resource is Doc) when { resource.size > 3 } unless { !resource.public };
@id("twin") permit(principal in Role::"dev", action in Action::"read", resource) when { resource.public };
@id("never") forbid(principal, action == Action::"edit", resource);
@id("vain") permit(principal in Role::"dev", action == Action::"edit", resource) when { resource.public };`),
    [
      '2:1 shadowed `narrow` adds nothing: `wide` applies wherever it does',
      '3:1 shadowed `twin` adds nothing: `wide` applies wherever it does',
      '5:1 shadowed `vain` never grants anything: `never` forbids wherever it applies',
    ],
  )
})

test('permits with different parts are not compared', () => {
  const text = `@id("a") permit(principal in Role::"dev", action, resource);
@id("b") permit(principal in Role::"dev", action == Action::"view", resource);`
  assert.equal(lintOf(text).length, 1)
  assert.deepEqual(
    lintOf(text, () => false),
    [],
  )
})

test('a forbid that can fail although it fits the schema is told of', () => {
  assert.deepEqual(
    lintOf('@id("a") forbid(principal, action == Action::"view", resource) when { context.sum * 2 > resource.size };'),
    ['1:71 may-fail `a` forbids also where `context.sum * 2` fails'],
  )
})

test('what is said to add nothing can be left out without changing a decision', () => {
  const scope = fc.constantFrom('principal', 'principal in Role::"dev"', 'principal == User::"u1"', 'principal is User')
  const action = fc.constantFrom(
    'action',
    'action == Action::"view"',
    'action in [Action::"read", Action::"edit"]',
    'action in Action::"read"',
  )
  const piece = fc.constantFrom(
    'resource.public',
    '!resource.public',
    'resource.size > 3',
    'resource.project == "x"',
    '(resource.public || resource.size > 3)',
  )
  const clause = fc.tuple(
    fc.constantFrom('when', 'unless'),
    fc.array(piece, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('&&', '||'),
  )
  const policy = fc.tuple(fc.constantFrom('permit', 'forbid'), scope, action, fc.array(clause, { maxLength: 2 }))
  const entities = Entities.fromJson([
    { uid: { type: 'User', id: 'u1' }, attrs: { level: 1 }, parents: [{ type: 'Role', id: 'dev' }] },
    { uid: { type: 'User', id: 'u2' }, attrs: { level: 1 }, parents: [] },
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
      uid: { type: 'Doc', id: `d${bits}` },
      attrs: { public: (bits & 1) > 0, size: (bits & 2) > 0 ? 4 : 2, project: (bits & 4) > 0 ? 'x' : 'y' },
    })),
  ])
  let said = 0
  fc.assert(
    fc.property(fc.array(policy, { minLength: 2, maxLength: 6 }), (list) => {
      const text = list
        .map(([effect, principal, on, clauses], index) => {
          const body = clauses.map(([kind, pieces, joint]) => ` ${kind} { ${pieces.join(` ${joint} `)} }`).join('')
          return `@id("p${index}") ${effect}(${principal}, ${on}, resource is Doc)${body};`
        })
        .join('\n')
      const engine = compile({ policies: text })
      const findings = engine.lint().filter(({ rule }) => rule === 'shadowed' || rule === 'never-applies')
      for (const { policy: id } of findings) {
        said++
        const without = engine.with({ remove: [id] })
        for (const user of ['u1', 'u2'])
          for (const verb of ['view', 'edit'])
            for (const bits of [0, 1, 2, 3, 4, 5, 6, 7]) {
              const request = {
                principal: { type: 'User', id: user },
                action: { type: 'Action', id: verb },
                resource: { type: 'Doc', id: `d${bits}` },
              }
              assert.equal(
                without.decide(request, entities).decision,
                engine.decide(request, entities).decision,
                `${id} of\n${text}`,
              )
            }
      }
    }),
    { numRuns: 300 },
  )
  assert.ok(said > 20, `only ${said} findings`)
})
