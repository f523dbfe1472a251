import assert from 'node:assert/strict'
import { test } from 'node:test'
import { official } from './official.ts'
import { fillIn, shapeOf } from './policy-shape.ts'

function checkSameAsParsed(policy: string): void {
  const shape = shapeOf(policy)
  if (shape === undefined) return
  const [whole, marked] = [official().policyToJson(policy), official().policyToJson(shape.marked)]
  assert.equal(whole.type, 'success', policy)
  assert.ok(whole.type === 'success' && marked.type === 'success', policy)
  assert.deepEqual(fillIn(marked.json, shape.texts), whole.json)
}

test('a policy filled in from its shape is the policy as the official parser reads it', () => {
  for (const condition of [
    'resource.owner == User::"é 😀"',
    'principal has "a b" && principal["__proto__"]["constructor"] == "x"',
    '{"__proto__": "v", "a": "b", c: {"d": "e"}} == context',
    'context.a like "a*b" && "like" == "a*b"',
    'ip("10.0.0.0/8").isIpv4() || decimal("nonsense") == context.x',
    '["a", "\\u{41}", "\\"", "", "// no comment", "a;b"].contains(principal["a"])',
    'context.getTag("x") == "?principal"',
  ]) {
    checkSameAsParsed(
      `@id("an id") @why("because") // "comment"\npermit(principal in Role::"r", action in [Action::"a", Action::"b"], resource) when { ${condition} };`,
    )
  }
})

test('policies that differ only in texts have one shape', () => {
  const policy = (id: string): string =>
    `@id("${id}") permit(principal == User::"${id}", action, resource) when { context.a == "${id}" };`
  assert.equal(shapeOf(policy('a'))?.marked, shapeOf(policy('b'))?.marked)
  assert.deepEqual(shapeOf(policy('x'))?.texts, ['x', 'x', 'x'])
})

test('what the parser looks into stays in the shape', () => {
  assert.deepEqual(
    shapeOf('permit(principal,action,resource) when { context.a like "x*" && {"k": "v"} == "\\n" };')?.texts,
    ['v'],
  )
})
