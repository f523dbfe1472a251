import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, Entities } from './index.ts'

const entities = Entities.fromJson([
  { uid: { type: 'User', id: 'ann' }, attrs: { level: 3, team: 'blue' }, parents: [{ type: 'Role', id: 'dev' }] },
  {
    uid: { type: 'Doc', id: 'd' },
    attrs: { project: 'p3', public: false, owner: { __entity: { type: 'User', id: 'bob' } } },
  },
])
const request = {
  principal: { type: 'User', id: 'ann' },
  action: { type: 'Action', id: 'read' },
  resource: { type: 'Doc', id: 'd' },
}
const explainOf = (text: string, part: object = {}) =>
  compile({ policies: [{ name: 'p.cedar', text }] }).explain({ ...request, ...part }, entities)

test('a denial names the policies that came nearest, what failed there, and the values found', () => {
  const explanation = explainOf(`@id("far") permit(principal in Role::"ops", action == Action::"write", resource);
@id("near") @title("Own project")
permit(principal in Role::"dev", action, resource)
when { principal.level > 1 && (resource.project == "p17" || resource.owner == principal && resource.public) };`)
  assert.equal(explanation.decision, 'deny')
  assert.deepEqual(
    explanation.nearest.map(({ policy }) => policy.id),
    ['near', 'far'],
  )
  assert.deepEqual(explanation.nearest[0]?.conditions, [
    {
      part: 'when',
      text: 'resource.project == "p17"',
      position: { source: 'p.cedar', line: 4, column: 32 },
      outcome: false,
      values: [{ expression: 'resource.project', value: 'p3', text: '"p3"' }],
    },
  ])
  assert.equal(
    explanation.text,
    `denied: no policy permits it
not permitted by near (Own project), p.cedar:2:1
  p.cedar:4:32: resource.project == "p17" is false; resource.project is "p3"
not permitted by far, p.cedar:1:1
  p.cedar:1:19: principal in Role::"ops" is false; principal is User::"ann"
  p.cedar:1:45: action == Action::"write" is false; action is Action::"read"`,
  )
})

test('an allowed request says which policies permit it and why', () => {
  const { because, nearest, text } = explainOf(
    'permit(principal, action, resource is Doc) when { principal.level > 5 || principal.team == "blue" } unless { resource.public };',
  )
  assert.deepEqual(nearest, [])
  assert.deepEqual(
    because[0]?.conditions.map(({ part, text, outcome }) => [part, text, outcome]),
    [
      ['resource', 'resource is Doc', true],
      ['when', 'principal.team == "blue"', true],
      ['unless', 'resource.public', false],
    ],
  )
  assert.match(text, /^allowed\npermitted by policy0, p\.cedar:1:1\n/)
})

test('a denial by a forbid says what made it apply', () => {
  const { because, nearest } = explainOf(
    'permit(principal,action,resource); forbid(principal,action,resource) unless { principal.level >= 4 };',
  )
  assert.deepEqual(nearest, [])
  assert.deepEqual(
    because.map(({ policy, conditions }) => [
      policy.id,
      conditions.map(({ text, values }) => [text, values[0]?.value]),
    ]),
    [['policy1', [['principal.level >= 4', 3]]]],
  )
})

test('a condition that fails is explained by its error, and what fails only because of it is left out', () => {
  const { nearest, errors } = explainOf(
    'permit(principal,action,resource) when { resource has secret && resource.secret.level < 3 }; permit(principal,action,resource) when { context.now > 1 && false };',
  )
  assert.deepEqual(
    nearest.map(({ conditions }) => conditions.map(({ text, outcome }) => [text, outcome])),
    [
      [['resource has secret', false]],
      [
        ['context.now > 1', { error: 'record does not have the attribute `now`' }],
        ['false', false],
      ],
    ],
  )
  assert.deepEqual(
    errors.map(({ policy }) => policy),
    ['policy1'],
  )
})

test('conditions are found in the text whatever stands around them', () => {
  const conditions = [
    '(principal.level) > 5',
    '!(principal.team == "blue")',
    '[1, 2].contains(principal.level)',
    'principal["team"] like "r*"',
    '-principal.level + 1 * 2 > 0',
    'principal is Doc in Doc::"d"',
    '(if principal.level > 2 then false else true)',
    'resource.owner in [User::"ann", User::"eve"]',
    '{"a": principal.level, b: 2} == {"a": 1}',
    'ip("10.0.0.1").isInRange(ip("11.0.0.0/8"))',
  ]
  const text = `// when { a && b }\n@note("permit(); when {")\npermit(principal, action, resource in Doc::"(,d")\n  when {\n${conditions.map((each) => `    ${each}`).join(' &&\n')}\n  };`
  const { nearest } = explainOf(text)
  const found = (nearest[0]?.conditions ?? []).filter(({ part }) => part === 'when')
  assert.deepEqual(
    found.map(({ text: own, position }) => [own, position.line, position.column]),
    conditions.map((each, index) =>
      each.startsWith('!') ? ['(principal.team == "blue")', 5 + index, 6] : [each, 5 + index, 5],
    ),
  )
})
