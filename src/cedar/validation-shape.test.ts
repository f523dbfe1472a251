import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, type Problem, problemsIn } from './index.ts'
import { official } from './official.ts'
import { validationShape } from './validation-shape.ts'

const SCHEMA = `
  entity Role, Project;
  entity Color enum ["red", "blue"];
  entity User in [Role] { name: String, color: Color } tags String;
  entity Doc in [Project] { owner: User, status: String, from: ipaddr, labels: Set<String>, note?: String };
  action read, list appliesTo { principal: User, resource: Doc, context: { purpose: String } };`
const COLORS: ReadonlySet<string> = new Set(['Color'])

/** What the official validator says when it sees nothing but this policy. */
function isSound(text: string): boolean {
  const answer = official().validate({ schema: SCHEMA, policies: { staticPolicies: { p: text } } })
  return answer.type === 'success' && answer.validationErrors.length + answer.validationWarnings.length === 0
}

// Everywhere that a text can stand; X and Y take every value below.
const CONDITIONS = [
  'resource.status == X && resource.owner.name != Y',
  'X == Y',
  '"a" == X',
  'X == "a" || resource.status == Y',
  'principal == User::X && principal != User::Y',
  'User::X == User::Y || resource.status == "a"',
  'principal.color == Color::X',
  'principal in [Role::X, Role::Y] && resource in Project::X',
  'action == Action::X',
  'resource.labels.contains(X) && ["a", X].contains(Y)',
  'principal.hasTag(X) && principal.getTag(Y) == "a"',
  'resource has note && resource[X] == Y',
  'resource has X',
  'resource.status like X',
  'resource.from.isInRange(ip(X))',
  '{ "a": X } == { a: Y }',
  'if X == Y then resource.status == X else true',
  'resource.status == X.name',
  '(X) == Y',
  'context.purpose == X // Y',
]
const VALUES = ['"a"', '"b"', '"red"', '"read"', '"status"', '"note"', '"10.0.0.0/8"', '""', '"d\\u{61}"', '"а"', '"*"']

test('policies of one shape are judged alike by the official validator', () => {
  const verdicts = new Map<string, { sound: boolean; text: string }>()
  let alike = 0
  for (const condition of CONDITIONS) {
    for (const x of VALUES) {
      for (const y of condition.includes('Y') ? VALUES.slice(0, 5) : ['""']) {
        const text = `@id(${x}) permit(principal in Role::${y}, action, resource) when { ${condition.replaceAll('X', x).replaceAll('Y', y)} };`
        const shape = validationShape(text, COLORS)
        if (shape === undefined) continue
        const before = verdicts.get(shape)
        if (before === undefined) verdicts.set(shape, { sound: isSound(text), text })
        else {
          alike++
          assert.equal(isSound(text), before.sound, `${text}\n${before.text}`)
        }
      }
    }
  }
  assert.ok(alike > 250, `only ${alike} were alike`)
})

test('made policies are of one shape, and what the validator looks into is not', () => {
  const shapeOf = (role: string, action: string, color: string): string | undefined =>
    validationShape(
      `@id("of ${role}") permit(principal in Role::"${role}", action == Action::"${action}", resource) when { resource.owner.color == Color::"${color}" };`,
      COLORS,
    )
  assert.equal(shapeOf('r1', 'read', 'red'), shapeOf('r2', 'read', 'red'))
  assert.notEqual(shapeOf('r1', 'read', 'red'), shapeOf('r1', 'list', 'red'))
  assert.notEqual(shapeOf('r1', 'read', 'red'), shapeOf('r1', 'read', 'blue'))
  assert.equal(validationShape('permit(principal == User::"а", action, resource);', COLORS), undefined)
  assert.equal(validationShape('permit(principal == User::"\\u{61}", action, resource);', COLORS), undefined)
})

test('every policy of a faulty shape is named, also after sound ones of other shapes', () => {
  const policies = Array.from(
    { length: 6 },
    (_, i) =>
      `permit(principal == User::"u${i}", action, resource) when { resource.${i % 2 === 0 ? 'status' : 'nothing'} == "${i}" };`,
  )
  const found = (): readonly Problem[] =>
    problemsIn([...compile({ policies: policies.join('\n') }).policies()], [], { text: SCHEMA })
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(
      found().map(({ policy, severity, line }) => [policy, severity, line]),
      [
        ['policy1', 'error', 2],
        ['policy3', 'error', 4],
        ['policy5', 'error', 6],
      ],
    )
  }
})
