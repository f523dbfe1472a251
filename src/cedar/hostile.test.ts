import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CedarError, compile, Entities, validate } from './index.ts'

// Whatever comes in: a clear error or a right answer, in bounded time, and the engine goes on.

const request = {
  principal: { type: 'U', id: 'u' },
  action: { type: 'Action', id: 'a' },
  resource: { type: 'R', id: 'r' },
}
const none = Entities.fromJson([])
const when = (condition: string): string => `permit(principal, action, resource) when { ${condition} };`

function answerTo(policies: string, entities = none): string {
  try {
    const { decision, errors } = compile({ policies }).decide(request, entities)
    return errors.length > 0 ? 'error' : decision
  } catch (error) {
    assert.ok(error instanceof CedarError, String(error))
    return error.code
  }
}

test('deeply nested policies are answered or refused, and the next policy is read as ever', () => {
  const deep: readonly ((depth: number) => string)[] = [
    (depth) => `${'('.repeat(depth)}true${')'.repeat(depth)}`,
    (depth) => `${'['.repeat(depth)}${']'.repeat(depth)} == 1`,
    (depth) => `${'{a:'.repeat(depth)}1${'}'.repeat(depth)} == 1`,
    (depth) => `${'if true then true else '.repeat(depth)}true`,
    (depth) => `${'if '.repeat(depth)}true${' then true else true'.repeat(depth)}`,
    (depth) => `true${' && true'.repeat(depth)}`,
    (depth) => `1${' + 1'.repeat(depth)} == 1`,
    (depth) => `context${'.a'.repeat(depth)}`,
    (depth) => `context has a${'.a'.repeat(depth)}`,
  ]
  for (const nest of deep) {
    for (const depth of [50, 1000, 20_000]) {
      assert.match(answerTo(when(nest(depth))), /^(allow|deny|error|policies_invalid)$/)
      assert.equal(answerTo(when('true')), 'allow')
    }
  }
  assert.equal(answerTo(when(`true${' && true'.repeat(2000)}`)), 'allow')
})

test('text that is no policy is refused', () => {
  for (const text of [
    'permit',
    '"',
    '"\\',
    ';',
    '}',
    'permit(principal,action,resource)',
    '\u0000',
    '// only',
    '@id("a")',
    '?',
    '"'.repeat(9999),
  ]) {
    const answer = answerTo(text)
    assert.equal(answer, text === '// only' ? 'deny' : 'policies_invalid', text.slice(0, 40))
  }
})

test('a policy of a megabyte is read', () => {
  const words = Array.from({ length: 100_000 }, (_, i) => `"w${i}"`)
  assert.equal(answerTo(when(`[${words.join(',')}].contains("w99999")`)), 'allow')
  assert.equal(answerTo(when(`"${'x'.repeat(1_000_000)}" like "*y*"`)), 'deny')
})

test('large sets are compared in reasonable time', () => {
  const numbers = (from: number): number[] => Array.from({ length: 100_000 }, (_, i) => i + from)
  const engine = compile({
    policies: when('context.a.containsAll(context.b) && !context.a.containsAny(context.c) && context.a == context.d'),
  })
  const context = { a: numbers(0), b: numbers(0), c: numbers(100_000), d: numbers(0).reverse() }
  const started = performance.now()
  assert.equal(engine.decide({ ...request, context }, none).decision, 'allow')
  assert.ok(performance.now() - started < 2000)
})

test('patterns with many wildcards take time that grows with the text, not with its power', () => {
  const engine = compile({ policies: when(`context.text like "${'*a'.repeat(200)}b"`) })
  const started = performance.now()
  assert.equal(engine.decide({ ...request, context: { text: 'a'.repeat(100_000) } }, none).decision, 'deny')
  assert.ok(performance.now() - started < 1000)
})

test('names that mean something to JavaScript are names like any other', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'then']) {
    const quoted = JSON.stringify(name)
    const entities = Entities.fromJson(
      `[{"uid":{"type":"U","id":"u"},"attrs":{${quoted}:{${quoted}:1}},"tags":{${quoted}:"t"},"parents":[{"type":"G","id":${quoted}}]}]`,
    )
    const has = `principal has ${quoted} && principal[${quoted}][${quoted}] == 1 && principal.getTag(${quoted}) == "t"`
    assert.equal(answerTo(when(`${has} && principal in G::${quoted}`), entities), 'allow', name)
    assert.equal(answerTo(when(`principal has ${quoted}`)), 'deny', name)
    assert.equal(
      answerTo(when(`context has ${quoted} || resource has ${quoted} || resource.hasTag(${quoted})`)),
      'deny',
      name,
    )
    assert.equal(answerTo(when(`{${quoted}: 1}[${quoted}] == 1 && {a: 1} != {${quoted}: 1}`)), 'allow', name)
    assert.equal(answerTo(`@id(${quoted}) permit(principal,action,resource);`), 'allow', name)
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('hierarchies may be deeper than the stack', () => {
  const entity = (i: number): string =>
    `{"uid":{"type":"U","id":"${i === 0 ? 'u' : i}"},"attrs":{},"parents":[{"type":"U","id":"${i + 1}"}]}`
  const entities = Entities.fromJson(`[${Array.from({ length: 50_000 }, (_, i) => entity(i)).join(',')}]`)
  assert.equal(answerTo('permit(principal in U::"50000", action, resource);', entities), 'allow')
  assert.throws(() => entities.with({ put: '[{"uid":{"type":"U","id":"50000"},"parents":[{"type":"U","id":"u"}]}]' }), {
    code: 'entities_invalid',
  })
})

test('requests and contexts that are none are refused', () => {
  const engine = compile({ policies: when('true') })
  // What callers without a compiler may send.
  const wrong = (part: object): void => {
    assert.throws(() => engine.decide({ ...request, ...part } as typeof request, none), CedarError)
  }
  wrong({ principal: undefined })
  wrong({ resource: { type: 'R' } })
  wrong({ context: '[]' })
  wrong({ context: '{"a":' })
  wrong({ context: { a: undefined } })
  wrong({ context: { a: () => 1 } })
  wrong({ context: JSON.parse(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`) })
})

test('a schema whose types unfold exponentially is read in reasonable time', () => {
  const types = Array.from({ length: 24 }, (_, i) => `type T${i + 1} = {a: T${i}, b: T${i}};`).join('\n')
  const started = performance.now()
  validate({ policies: '', schema: `type T0 = {}; ${types}` })
  assert.ok(performance.now() - started < 5000)
})
