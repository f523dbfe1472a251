import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type EntityJson, format } from '../../cedar/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'
import { checkPolicies } from '../trial/check-policies.ts'
import { type Suggestion, type SuggestOptions, suggestPolicies } from './suggest.ts'
import type { Observed } from './tally.ts'

const schema = readFileSync(new URL('../../../foundation/schema.cedarschema', import.meta.url), 'utf8')
const START = Date.UTC(2026, 10, 9)
const HOUR = 3_600_000
const WEEK = { since: START, until: START + 7 * 24 * HOUR }

test('what all agents of a type do is one statement about the type, with what speaks for it', async () => {
  const helpers = agents('helper', 6)
  const { statements, excess } = await suggest(
    everyHour(helpers, (agent) => [
      { agent, action: 'model:invoke', resource: uid('Model', 'small') },
      { agent, action: 'model:list', resource: uid('Model', 'small') },
    ]),
  )
  const [only] = statements
  assert.equal(statements.length, 1)
  assert.match(
    only?.policy ?? '',
    /principal in AgentType::"helper",\s+action in \[Action::"model:invoke", Action::"model:list"\],\s+resource == Model::"small"/,
  )
  assert.equal(only?.evidence.requests, 6 * 2 * 100)
  assert.equal(only?.evidence.principals.length, 6)
  assert.deepEqual(only?.evidence.examples, [0, 1, 2])
  assert.equal(excess.beyond, 0)
})

test('what one agent does and no other of its type is left out, and so is whoever it did it for', async () => {
  const helpers = agents('helper', 6)
  const rogue = helpers[0] ?? ''
  const usual = everyHour(helpers, (agent) => [{ agent, action: 'model:invoke', resource: uid('Model', 'small') }])
  const odd = Array.from({ length: 40 }, (_, n) => ({
    ...observed({ agent: rogue, action: 'data:read', resource: uid('Table', 'a'), for: 'ann' }),
    at: START + n * HOUR,
  }))
  const { statements, leftOut } = await suggest([...usual, ...odd])
  assert.equal(statements.length, 1)
  assert.deepEqual(
    leftOut.map(({ caution, evidence }) => [caution, evidence.principals.map(({ id }) => id)]),
    [
      ['alone', [rogue]],
      ['alone', ['ann']],
    ],
  )
})

test('agents that each have something of their own do nothing odd', async () => {
  const tuners = agents('tuner', 6)
  const { leftOut, statements } = await suggest(
    everyHour(tuners, (agent, n) => [
      { agent, action: 'metric:read', resource: uid('Metric', `m${tuners.indexOf(agent)}`) },
      { agent, action: 'compute:read', resource: uid('Compute', n % 2 === 0 ? 'pool' : 'pool') },
    ]),
  )
  assert.deepEqual(leftOut, [])
  assert.ok(statements.some(({ policy }) => /resource in Project::"red"/.test(policy) || /Metric::"m0"/.test(policy)))
})

test('elevated actions, administration and calls on untrusted content are left out until somebody accepts them', async () => {
  const helpers = agents('helper', 4)
  const traffic = everyHour(helpers, (agent) => [
    { agent, action: 'training:tune', resource: uid('TrainingJob', 'nightly') },
    { agent, action: 'tool:call', resource: uid('Tool', 's/read'), untrusted: ['/id'] },
    { agent, action: 'tool:call', resource: uid('Tool', 's/find') },
    { agent, action: 'limit:reset', resource: uid('Tenant', 'demo') },
  ])
  const cautious = await suggest(traffic)
  assert.deepEqual(
    cautious.leftOut.map(({ caution }) => caution),
    ['untrusted', 'elevated', 'administration'],
  )
  assert.equal(cautious.statements.length, 1)
  assert.match(cautious.statements[0]?.policy ?? '', /Tool::"s\/find"[\s\S]*context\.origin\.untrusted\.isEmpty\(\)/)
  assert.doesNotMatch(withoutComments(cautious.text), /training:tune|s\/read|limit:reset/)
  assert.match(cautious.text, /\/\/ left-out\/elevated-1/)

  const bold = await suggest(traffic, { accept: ['left-out/elevated-1', 'untrusted'] })
  assert.deepEqual(
    bold.leftOut.map(({ caution }) => caution),
    ['administration'],
  )
  const misspelt = await suggest(traffic, { accept: ['elevated', 'left-out/elevated-9'] })
  assert.deepEqual(misspelt.pointless, ['left-out/elevated-9'])
  const accepted = bold.statements.find(({ caution }) => caution === 'untrusted')
  assert.doesNotMatch(accepted?.policy ?? 'untrusted', /untrusted/)
})

test('a burst is left out, though what it reached is there for its type', async () => {
  const readers = agents('helper', 6)
  const usual = everyHour(readers, (agent, n) =>
    n % 8 === 0 ? [{ agent, action: 'document:read', resource: uid('Document', 'n1') }] : [],
  )
  const burst = Array.from({ length: 60 }, (_, n) => ({
    ...observed({ agent: readers[2] ?? '', action: 'document:read', resource: uid('Document', `n${2 + (n % 7)}`) }),
    at: START + 50 * HOUR + n * 1000,
  }))
  const { leftOut, statements } = await suggest([...usual, ...burst])
  assert.deepEqual(
    leftOut.map(({ caution, evidence }) => [caution, evidence.requests]),
    [['burst', 60]],
  )
  assert.ok(statements.every(({ policy }) => !policy.includes('Document::"n2"')))
})

test('denials that were enforced teach nothing, observed ones do, and those of a forbid never', async () => {
  const one = { agent: 'helper-1', action: 'model:invoke', resource: uid('Model', 'small') }
  const denied = { ...observed(one), decision: 'deny' as const }
  const missing = { ...observed({ ...one, resource: uid('Model', 'large') }), decision: 'observed-deny' as const }
  const reasons = [{ policy: 'foundation/suspended', principal: uid('Agent', 'helper-1') }]
  const refused = { ...observed({ ...one, action: 'model:list' }), decision: 'observed-deny' as const, reasons }
  const found = await suggest([denied, missing, refused])
  assert.equal(found.statements.length, 1)
  assert.match(found.text, /Model::"large"/)
  assert.equal(found.statements[0]?.evidence.denied, 1)
  assert.deepEqual([found.skipped.enforced, found.skipped.refused], [1, 1])
  assert.deepEqual(
    found.refused.map(({ policy, count }) => [policy, count]),
    [['foundation/suspended', 1]],
  )
})

test('every link of a chain gets what it needs, and those behind only in chains', async () => {
  const helpers = agents('helper', 4)
  const { statements } = await suggest(
    everyHour(helpers, (agent, n) => [
      {
        agent,
        action: 'model:invoke',
        resource: uid('Model', 'small'),
        ...(n % 3 === 0 ? {} : { for: n % 2 === 0 ? 'ann' : 'bob' }),
      },
    ]),
  )
  const people = statements.find(({ policy }) => /User/.test(policy))
  const own = statements.find(({ policy }) => /AgentType/.test(policy))
  assert.match(people?.policy ?? '', /context\.chainLength > 1/)
  assert.doesNotMatch(own?.policy ?? 'chainLength', /chainLength/)
})

test('arguments are held to a list, a beginning or an end where all calls have it in common', async () => {
  const helpers = agents('helper', 4)
  let n = 0
  const { statements } = await suggest(
    everyHour(helpers, (agent) => {
      n++
      const given = {
        '/mode': n % 2 === 0 ? 'fast' : 'slow',
        '/path': `src/part-${n % 30}/x${n}`,
        '/to': `somebody-${n % 40}@example.com`,
        '/text': `${n * 7919}`,
      }
      return [{ agent, action: 'tool:call', resource: uid('Tool', 's/find'), arguments: given }]
    }),
  )
  const { policy = '' } = statements[0] ?? {}
  assert.match(policy, /\["fast", "slow"\]\.contains\(context\.arguments\.getTag\("\/mode"\)\)/)
  assert.match(policy, /getTag\("\/path"\) like "src\/part-\*"/)
  assert.match(policy, /getTag\("\/to"\) like "somebody-\*@example\.com"/)
  assert.doesNotMatch(policy, /\/text/)
})

for (const [kind, more] of [
  ['signs of the language', ''],
  ['line breaks and what cannot be seen', '\n}\r\u2028\u0000'],
] as const) {
  test(`ids and arguments with ${kind} stay values`, () =>
    checkNasty(`x" ); permit(principal,action,resource); //${more} * /* \\ `, more === ''))
}

async function checkNasty(nasty: string, isPrintable: boolean): Promise<void> {
  const agentsOfNasty = ['a', 'b', 'c'].map((letter) => `${nasty}${letter}`)
  const found = await suggest(
    [
      ...everyHour(agentsOfNasty, (agent) => [
        { agent, action: 'tool:call', resource: uid('Tool', nasty), arguments: { [`/${nasty}`]: nasty } },
        { agent, action: 'training:stop', resource: uid('TrainingJob', nasty), for: `user ${nasty}` },
        { agent, action: 'training:tune', resource: uid('TrainingJob', `\u202e${nasty}`) },
      ]),
    ],
    {},
    [
      ...world,
      { uid: uid('AgentType', nasty), attrs: {}, parents: [] },
      ...agentsOfNasty.map((id) => ({ uid: uid('Agent', id), attrs: {}, parents: [uid('AgentType', nasty)] })),
      { uid: uid('User', `user ${nasty}`), attrs: {}, parents: [] },
    ],
  )
  assert.equal(found.statements.length, 3)
  assert.ok(found.leftOut.length >= 1)
  // Every line of what is left out is a comment, and every policy is one of those that are listed.
  const plain = withoutComments(found.text)
  assert.equal(plain.match(/^permit/gm)?.length, 3)
  assert.equal(format(found.text), found.text)
  const warnings = warningsIn(found.text)
  // That somebody's id holds what cannot be seen, a reader should know.
  if (isPrintable) assert.deepEqual(warnings, [])
  else assert.ok(warnings.every(({ severity, message }) => severity === 'warning' && message.includes('identifier')))
}

test('what is no text stands in no policy, and keeps no policy from being written', async () => {
  const found = await suggest(
    everyHour(agents('helper', 3), (agent) => [
      { agent, action: 'tool:call', resource: uid('Tool', 's/find'), arguments: { '/q': 'half \ud83d' } },
      { agent, action: 'document:read', resource: uid('Document', 'half \ud83d') },
    ]),
  )
  assert.equal(found.statements.length, 1)
  assert.doesNotMatch(found.text, /half/)
  assert.equal(found.skipped.unknown, 300)
})

test('the same decisions give the same text', async () => {
  const traffic = everyHour(agents('helper', 5), (agent, n) => [
    { agent, action: 'model:invoke', resource: uid('Model', n % 2 === 0 ? 'small' : 'large'), for: 'ann' },
    { agent, action: 'data:read', resource: uid('Table', n % 3 === 0 ? 'a' : 'b') },
  ])
  assert.equal((await suggest(traffic)).text, (await suggest(traffic)).text)
})

test('where there is too much to tell apart, memory stays bounded and containers stand for what is in them', async () => {
  const many = Array.from(
    { length: 400 },
    (_, n): EntityJson => ({ uid: uid('Document', `d${n}`), attrs: {}, parents: [uid('Index', 'big')] }),
  )
  const found = await suggest(
    everyHour(agents('helper', 2), (agent, n) => [
      { agent, action: 'document:read', resource: uid('Document', `d${n * 3}`) },
    ]),
    { mostCells: 20 },
    [...world, { uid: uid('Index', 'big'), attrs: {}, parents: [] }, ...many],
  )
  assert.equal(found.statements.length, 1)
  assert.match(found.text, /resource in Index::"big"/)
})

test('a statement that would grant far more than was seen is said one by one', async () => {
  const many = Array.from(
    { length: 300 },
    (_, n): EntityJson => ({ uid: uid('Document', `d${n}`), attrs: {}, parents: [uid('Index', 'big')] }),
  )
  const traffic = everyHour(['helper-1'], (agent, n) => [
    { agent, action: 'document:read', resource: uid('Document', `d${n % 20}`) },
  ])
  const entities = [...world, { uid: uid('Index', 'big'), attrs: {}, parents: [] }, ...many]
  const wide = await suggest(traffic, { mostBeyond: 0.5 }, entities)
  assert.match(wide.text, /resource in Index::"big"/)
  const narrow = await suggest(traffic, {}, entities)
  assert.doesNotMatch(narrow.text, /resource in Index::"big"/)
  assert.equal(narrow.excess.beyond, 0)
})

test('where more is granted than can be counted one by one, it is counted as if nothing was granted twice', async () => {
  const many = agents('helper', 2500)
  const documents = Array.from({ length: 2000 }, (_, n) => `d${n}`)
  const entities: readonly EntityJson[] = [
    { uid: uid('AgentType', 'helper'), attrs: {}, parents: [] },
    { uid: uid('Index', 'big'), attrs: {}, parents: [] },
    ...many.map((id) => ({ uid: uid('Agent', id), attrs: {}, parents: [uid('AgentType', 'helper')] })),
    ...documents.map((id) => ({ uid: uid('Document', id), attrs: {}, parents: [uid('Index', 'big')] })),
  ]
  const traffic = many.map((agent, n) => ({
    ...observed({ agent, action: 'document:read', resource: uid('Document', `d${n % 2000}`) }),
    at: START + n,
  }))
  const { excess, statements } = await suggest(traffic, { mostBeyond: 1 }, entities)
  assert.equal(statements.length, 1)
  assert.deepEqual([excess.granted, excess.beyond], [5_000_000, 5_000_000 - 2500])
})

const world: readonly EntityJson[] = [
  { uid: uid('Tenant', 'demo'), attrs: {}, parents: [] },
  { uid: uid('Project', 'red'), attrs: {}, parents: [uid('Tenant', 'demo')] },
  { uid: uid('AgentType', 'helper'), attrs: {}, parents: [] },
  { uid: uid('AgentType', 'tuner'), attrs: {}, parents: [] },
  ...[...agents('helper', 6), ...agents('tuner', 6)].map((id) => ({
    uid: uid('Agent', id),
    attrs: {},
    parents: [uid('AgentType', id.split('-')[0] ?? '')],
  })),
  ...['ann', 'bob'].map((id) => ({ uid: uid('User', id), attrs: {}, parents: [uid('Project', 'red')] })),
  ...['small', 'large'].map((id) => ({ uid: uid('Model', id), attrs: {}, parents: [] })),
  ...['a', 'b', 'c'].map((id) => ({ uid: uid('Table', id), attrs: {}, parents: [] })),
  ...Array.from({ length: 20 }, (_, n) => ({ uid: uid('Document', `n${n}`), attrs: {}, parents: [] })),
  { uid: uid('ToolServer', 's'), attrs: {}, parents: [] },
  ...['find', 'read', 'write'].map((name) => ({
    uid: uid('Tool', `s/${name}`),
    attrs: {},
    parents: [uid('ToolServer', 's')],
  })),
  ...Array.from({ length: 6 }, (_, n) => ({
    uid: uid('Metric', `m${n}`),
    attrs: {},
    parents: [uid('Project', 'red')],
  })),
  { uid: uid('TrainingJob', 'nightly'), attrs: {}, parents: [] },
  { uid: uid('Compute', 'pool'), attrs: {}, parents: [] },
]

function uid(type: string, id: string): { readonly type: string; readonly id: string } {
  return { type, id }
}

function agents(type: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${type}-${n + 1}`)
}

interface Act {
  readonly agent: string
  readonly action: string
  readonly resource: { readonly type: string; readonly id: string }
  readonly for?: string
  readonly arguments?: Readonly<Record<string, string>>
  readonly untrusted?: readonly string[]
}

function observed({ agent, action, resource, for: subject, arguments: given, untrusted = [] }: Act): Observed {
  // Ids of a test are what they are.
  const ref = (kind: 'User' | 'Agent', id: string) => ({ kind, id }) as PrincipalRef
  const actor = ref('Agent', agent)
  return {
    index: 0,
    at: START,
    chain: subject === undefined ? [actor] : [ref('User', subject), actor],
    action,
    resource,
    context: { origin: { untrusted: [...untrusted] } },
    decision: 'allow',
    reasons: [],
    arguments: given,
    origin: undefined,
    entities: undefined,
    isListing: false,
    isProposed: false,
    withheld: undefined,
  }
}

/** A hundred hours in which everybody does something once. */
function everyHour(who: readonly string[], acts: (agent: string, n: number) => readonly Act[]): readonly Observed[] {
  return Array.from({ length: 100 }, (_, n) =>
    who.flatMap((agent) => acts(agent, n).map((act) => ({ ...observed(act), at: START + n * HOUR }))),
  ).flat()
}

function suggest(
  traffic: readonly Observed[],
  options: Partial<SuggestOptions> = {},
  entities: readonly EntityJson[] = world,
): Promise<Suggestion> {
  const numbered = traffic.map((one, index) => ({ ...one, index }))
  return suggestPolicies(numbered, { tenant: 'demo', schema, entities }, { ...WEEK, ...options })
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\/.*$/gm, '')
}

function warningsIn(text: string) {
  return checkPolicies({ schema, policies: [] }, [{ name: 'suggested.cedar', text }])
}
