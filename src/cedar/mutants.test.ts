import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from './index.ts'
import { mutantsOf } from './mutants.ts'

function mutantsIn(text: string): readonly (readonly [change: string, text: string])[] {
  const engine = compile({ policies: text })
  const [info] = [...engine.policies(), ...engine.templates()]
  assert.ok(info !== undefined)
  return mutantsOf(info).map((mutant) => [mutant.change, mutant.text])
}

test('a policy is changed in its effect, its scope and its clauses, one step at a time', () => {
  const head = '@title("permit") '
  assert.deepEqual(
    mutantsIn(
      `${head}permit (principal in Role::"dev", action in [Action::"a", Action::"b"], resource) when { context.x };`,
    ),
    [
      [
        'forbids instead',
        `${head}forbid (principal in Role::"dev", action in [Action::"a", Action::"b"], resource) when { context.x };`,
      ],
      [
        'without `principal in Role::"dev"`',
        `${head}permit (principal, action in [Action::"a", Action::"b"], resource) when { context.x };`,
      ],
      [
        'without `action in [Action::"a", Action::"b"]`',
        `${head}permit (principal in Role::"dev", action, resource) when { context.x };`,
      ],
      [
        'without `Action::"a"` among the actions',
        `${head}permit (principal in Role::"dev", action in [Action::"b"], resource) when { context.x };`,
      ],
      [
        'without `Action::"b"` among the actions',
        `${head}permit (principal in Role::"dev", action in [Action::"a"], resource) when { context.x };`,
      ],
      [
        'without `when { context.x }`',
        `${head}permit (principal in Role::"dev", action in [Action::"a", Action::"b"], resource) ;`,
      ],
      [
        '`unless` instead of `when`',
        `${head}permit (principal in Role::"dev", action in [Action::"a", Action::"b"], resource) unless { context.x };`,
      ],
      [
        'not `context.x`',
        `${head}permit (principal in Role::"dev", action in [Action::"a", Action::"b"], resource) when { (!(context.x)) };`,
      ],
    ],
  )
})

test('conditions lose a part, are turned round, and miss by one', () => {
  const changes = mutantsIn(
    'permit (principal, action, resource) when { resource.age <= 900 && (["a", "b"].containsAll(context.s) || !resource.public) };',
  ).map(([change]) => change)
  assert.deepEqual(
    changes.sort(),
    [
      '`&&` instead of `||`',
      '`901` instead of `900`',
      '`<` instead of `<=` in `resource.age <= 900`',
      '`containsAny` instead of `containsAll` in `["a", "b"].containsAll(context.s)`',
      '`unless` instead of `when`',
      '`||` instead of `&&`',
      'forbids instead',
      'not `["a", "b"].containsAll(context.s)`',
      'not `resource.age <= 900`',
      'not `resource.public`',
      'without `!resource.public`',
      'without `"a"` in `["a", "b"]`',
      'without `"b"` in `["a", "b"]`',
      'without `(["a", "b"].containsAll(context.s) || !resource.public)`',
      'without `["a", "b"].containsAll(context.s)`',
      'without `resource.age <= 900`',
      'without `when { resource.age <= 900 && (["a", "b"].containsAll(con…`',
      'without the `!` of `!resource.public`',
    ].sort(),
  )
})

test('every mutant parses, and says where it was changed', () => {
  const text = `// first
@id("t")
permit (principal in ?principal, action in Action::"a", resource is Doc in ?resource)
when {
  resource.owner == principal // "when"
  && (if context has n then context.n > 9223372036854775806 else resource.tags.containsAny(["x", "y"]))
}
unless { principal is User && resource.name like "a*" };`
  const engine = compile({ policies: [{ name: 'p.cedar', text }] })
  const [template] = engine.templates()
  assert.ok(template !== undefined)
  const mutants = mutantsOf(template)
  assert.ok(mutants.length > 15)
  for (const { text: mutated, change, position } of mutants) {
    const changed = engine.with({ replace: mutated })
    assert.equal([...changed.templates()][0]?.id, 't', change)
    assert.equal(position.source, 'p.cedar')
    assert.ok(position.line >= 3 && position.line <= 8, change)
  }
  assert.equal(new Set(mutants.map((mutant) => mutant.text)).size, mutants.length)
})
