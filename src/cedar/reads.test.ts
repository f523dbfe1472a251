import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from './engine.ts'

const reads = (text: string) => [...compile({ policies: text }).reads()]

test('paths into the context are found wherever they stand', () => {
  const [only] = reads(`permit(principal, action == Action::"a", resource)
    when { context.authentication.age < 10 && context has network.country }
    unless { [context.purpose].contains("x") || (if context.a then 1 else context["b c"].d) == 1 };`)
  assert.deepEqual(only?.context, [['authentication', 'age'], ['purpose'], ['a'], ['b c', 'd']])
  assert.deepEqual(only?.presence, [['network', 'country']])
  assert.deepEqual(only?.actions?.map(String).length, 1)
})

test('a context that is handed on is looked at as a whole', () => {
  const [only] = reads('permit(principal, action, resource) when { resource.shape == context };')
  assert.equal(only?.context, undefined)
  assert.equal(only?.actions, undefined)
})

test('keys of tags are those of the call, and a computed one may be any', () => {
  const [named, own, computed] = reads(`
    forbid(principal, action, resource)
      when { context.arguments.hasTag("/to") && context.arguments.getTag("/cc") == "x" };
    forbid(principal, action, resource) when { principal.hasTag("team") };
    forbid(principal, action, resource) when { context.arguments.hasTag(context.key) };`)
  assert.deepEqual([...(named?.tags ?? [])].sort(), ['/cc', '/to'])
  assert.deepEqual(own?.tags, new Set())
  assert.equal(computed?.tags, undefined)
})

test('templates are read before they are linked', () => {
  const [only] = reads(`@id("t") permit(principal == ?principal, action in [Action::"a"], resource)
    when { context.arguments.getTag("/x") == "1" };`)
  assert.equal(only?.id, 't')
  assert.deepEqual(only?.tags, new Set(['/x']))
  assert.deepEqual(
    only?.actions?.map(({ id }) => id),
    ['a'],
  )
})
