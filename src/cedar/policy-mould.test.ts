import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CedarError, compile, Entities, type MouldValue, type PolicyMould, readMoulds } from './index.ts'

const mouldOf = (text: string): PolicyMould => {
  const [mould, ...more] = readMoulds({ name: 'grants.cedar', text })
  assert.ok(mould !== undefined && more.length === 0)
  return mould
}
const values = (given: Record<string, MouldValue>) => new Map(Object.entries(given))
const problemsOf = (text: string): string => {
  try {
    readMoulds({ name: 'grants.cedar', text })
  } catch (error) {
    assert.ok(error instanceof CedarError, String(error))
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`).join('; ')
  }
  return assert.fail(`accepted: ${text}`)
}

const nobody = Entities.fromJson([])

const everywhere = `@id("all")
@limit("Parameter::rate")
@title("stays as it is")
permit (
  principal in Parameter::"who",
  action in [Action::"read", Action::"Parameter::actions"],
  resource is Table in Parameter::"where"
)
when { resource.owner == Parameter::"text" && resource.columns.containsAny(Parameter::"set") }
when { resource.path like "Parameter::folder/*.ts" && resource.size < Parameter::"size" }
unless { context.now > Parameter::"until" || context.age > Parameter::"age" || context.on == Parameter::"flag" };`

test('a value stands in every place that its kind belongs to', () => {
  const mould = mouldOf(everywhere)
  assert.deepEqual(
    mould.places.map(({ name, kind, position }) => [name, kind, position.line]),
    [
      ['rate', 'annotation', 2],
      ['who', 'entity', 5],
      ['actions', 'actions', 6],
      ['where', 'entity', 7],
      ['text', 'expression', 9],
      ['set', 'expression', 9],
      ['folder', 'pattern', 10],
      ['size', 'expression', 10],
      ['until', 'expression', 11],
      ['age', 'expression', 11],
      ['flag', 'expression', 11],
    ],
  )
  const entity = (id: string): MouldValue => ({ kind: 'entity', uid: { type: 'Column', id } })
  const text = mould.fill(
    values({
      rate: { kind: 'amount', text: '60/minute' },
      who: { kind: 'entity', uid: { type: 'Role', id: 'analyst' } },
      actions: { kind: 'actions', uids: [{ type: 'Shop::Action', id: 'order:read' }] },
      where: { kind: 'entity', uid: { type: 'Dataset', id: 'calls' } },
      text: { kind: 'text', text: 'ann' },
      set: { kind: 'set', elements: [entity('a'), entity('b')] },
      folder: { kind: 'text', text: 'src*' },
      size: { kind: 'integer', value: -7 },
      until: { kind: 'datetime', text: '2026-01-01T00:00:00.000Z' },
      age: { kind: 'duration', text: '15m' },
      flag: { kind: 'boolean', value: false },
    }),
    'mine/all',
  )
  for (const part of [
    '@id("mine/all")',
    '@limit("60/minute")',
    'principal in Role::"analyst"',
    'action in [Action::"read", Shop::Action::"order:read"]',
    'resource is Table in Dataset::"calls"',
    'resource.owner == "ann"',
    'containsAny([Column::"a", Column::"b"])',
    'like "src\\*/*.ts"',
    'resource.size < (-7)',
    'context.now > datetime("2026-01-01T00:00:00.000Z")',
    'context.age > duration("15m")',
    'context.on == false',
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`)
  }
})

test('what is no place for a parameter is told of, with line and column', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['permit (principal, action, resource);', /1:1 a statement of a pack needs an @id/],
    ['@id("a") permit (principal == ?principal, action, resource);', /1:1 `a` has slots/],
    ['@id("a") @title("Parameter::x") permit (principal, action, resource);', /1:18 @title cannot hold a parameter/],
    [
      '@id("a")\npermit (principal, action == Action::"Parameter::x", resource);',
      /2:\d+ .* after `in`, not after `==`/,
    ],
    [
      '@id("a") permit (principal, action, resource) when { context.a == "Parameter::x" };',
      /written `Parameter::"name"`/,
    ],
    ['@id("a") permit (principal, action, resource) when { context.a == Parameter::"X!" };', /`X!` is no name/],
    ['@id("a") permit (principal, action, resource) when { principal is Parameter };', /a parameter is no type/],
    [
      '@id("a") permit (principal, action, resource) when { context.a like "Parameter::*" };',
      /in a pattern is written/,
    ],
    [
      '@id("a") permit (principal, action, resource) when { context.a == 9007199254740993 };',
      /at most 9007199254740991/,
    ],
  ]
  for (const [text, expected] of cases) assert.match(problemsOf(text), expected)
})

test('a value that is missing, or of a kind that does not belong there, is refused', () => {
  const mould = mouldOf('@id("a") permit (principal in Parameter::"who", action, resource);')
  const cases: readonly (readonly [Record<string, MouldValue>, RegExp])[] = [
    [{}, /grants\.cedar:1:1: the parameter `who` has no value/],
    [{ who: { kind: 'text', text: 'ann' } }, /`who`: a text cannot stand for the principal/],
    [{ who: { kind: 'set', elements: [] } }, /`who`: a set cannot stand/],
  ]
  for (const [given, expected] of cases) assert.throws(() => mould.fill(values(given), 'x/a'), expected)
})

test('whatever a text says, it stays one text: policies keep their number and their shape', () => {
  const mould = mouldOf(`@id("a") permit (principal in Parameter::"who", action, resource)
when { context.a == Parameter::"text" && Parameter::"set".contains(context.a) && context.a like "Parameter::text*" };`)
  const hostile = fc.constantFrom(
    '") ; permit(principal,action,resource);',
    '\\") || true || ("',
    '\n// ',
    '\\u{22}',
    '\u2028',
    '__proto__',
    'Parameter::text',
    '*',
    '\\*',
    '\0',
    '?principal',
    '\ue0000\ue000',
  )
  const any = fc
    .array(fc.oneof(hostile, fc.string({ unit: 'binary' }), fc.string()), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('').toWellFormed())
  fc.assert(
    fc.property(any, any, (id, text) => {
      const filled = mould.fill(
        values({
          who: { kind: 'entity', uid: { type: 'User', id } },
          text: { kind: 'text', text },
          set: { kind: 'set', elements: [{ kind: 'text', text }] },
        }),
        'x/a',
      )
      const engine = compile({ policies: filled })
      const [policy, ...more] = [...engine.policies()]
      assert.deepEqual(
        [policy?.id, policy?.effect, more.length, [...engine.templates()].length],
        ['x/a', 'permit', 0, 0],
      )
      const decide = (principal: string, a: string): boolean =>
        engine.decide(
          {
            principal: { type: 'User', id: principal },
            action: { type: 'Action', id: 'x' },
            resource: { type: 'Thing', id: 'y' },
            context: { a },
          },
          nobody,
        ).decision === 'allow'
      assert.equal(decide(id, text), true)
      assert.equal(decide(`${id}x`, text), false)
      assert.equal(decide(id, `${text}x`), false)
    }),
    { numRuns: 200 },
  )
})

test('what is too long to be walked through is refused, and does no harm', () => {
  const of = (condition: string): string => `@id("a") permit (principal, action, resource) when { ${condition} };`
  assert.match(problemsOf(of(`context.a == "${'x'.repeat(9000)}"`)), /`a` is longer than 8192 characters/)
  for (const condition of [`true${'&&true'.repeat(1300)}`, `1${'+1'.repeat(3900)} == 1`]) {
    const filled = (): unknown => readMoulds({ text: of(condition) }).map(({ fill }) => fill(new Map(), 'x/a'))
    assert.throws(filled, CedarError)
  }
})
