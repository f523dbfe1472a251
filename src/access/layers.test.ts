import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Context, fakeClock, type Mandate, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { type Access, openAccess } from './access.ts'
import type { Layer, PolicyFile } from './layers.ts'
import type { Question } from './question.ts'

/** The rule, written a second time and as plainly as it can be said. */
function reference(house: House, { chain, action, resource, mandate }: Asked): 'allow' | 'deny' {
  const applies = (file: File, statement: Statement, principal: string): boolean =>
    concerns(file.layer, principal, resource) && matches(statement, principal, action, resource)
  const every = chain.every((principal) => {
    const statements = house.flatMap((file) => file.statements.map((statement) => ({ file, statement })))
    const granted = statements.some(
      ({ file, statement }) =>
        file.as === 'grants' &&
        statement.effect === 'permit' &&
        !statement.fails &&
        applies(file, statement, principal),
    )
    const forbidden = statements.some(
      ({ file, statement }) => statement.effect === 'forbid' && applies(file, statement, principal),
    )
    const within = house
      .filter((file) => file.as === 'ceiling' && concerns(file.layer, principal, resource))
      .every((file) => {
        const applying = file.statements.filter((statement) => applies(file, statement, principal))
        return applying.length > 0 && applying.every(({ fails }) => !fails)
      })
    return granted && within && !forbidden
  })
  return every && covers(mandate, action, resource) ? 'allow' : 'deny'
}

function covers(mandate: Mandate | undefined, action: string, resource: string): boolean {
  if (mandate === undefined) return true
  const own = mandate.actions.includes(action) && mandate.resources.some(({ id }) => PARENTS[resource]?.includes(id))
  return own && covers(mandate.within, action, resource)
}

const PARENTS: Readonly<Record<string, readonly string[]>> = {
  alice: ['alice', 'staff'],
  bob: ['bob'],
  scout: ['scout', 'helper'],
  stray: ['stray'],
  north: ['north', 'p'],
  south: ['south', 'q'],
  loose: ['loose'],
}
const KINDS = { alice: 'User', bob: 'User', scout: 'Agent', stray: 'Agent' } as const
const TYPES: Readonly<Record<string, string>> = {
  ...KINDS,
  staff: 'Group',
  helper: 'AgentType',
  north: 'Doc',
  south: 'Doc',
  loose: 'Doc',
  p: 'Project',
  q: 'Project',
}
type Name = keyof typeof KINDS

interface Statement {
  readonly effect: 'permit' | 'forbid'
  readonly who: string | undefined
  readonly action: string | undefined
  readonly what: string | undefined
  /** Whether it cannot be evaluated where its scope holds. */
  readonly fails: boolean
}
interface File {
  readonly layer: Layer
  readonly as: 'grants' | 'ceiling'
  readonly statements: readonly Statement[]
}
type House = readonly File[]
interface Asked {
  readonly chain: readonly [Name, ...Name[]]
  readonly action: string
  readonly resource: string
  readonly mandate: Mandate | undefined
}

function concerns(layer: Layer, principal: string, resource: string): boolean {
  if (layer.kind === 'project') return PARENTS[resource]?.includes(layer.id) === true
  return layer.kind !== 'agent' || PARENTS[principal]?.includes(layer.id) === true
}

function matches({ who, action, what }: Statement, principal: string, asked: string, resource: string): boolean {
  return (
    (who === undefined || PARENTS[principal]?.includes(who) === true) &&
    (action === undefined || action === asked) &&
    (what === undefined || PARENTS[resource]?.includes(what) === true)
  )
}

const SCHEMA = `
  entity Project; entity Group; entity AgentType;
  entity User in [Group]; entity Agent in [AgentType]; entity Doc in [Project];
  action read, write appliesTo { principal: [User, Agent], resource: Doc, context: { chainLength: Long } };
`
const clock = fakeClock()

async function opened(house: House): Promise<Access> {
  const files = house.map(fileOf)
  const isFoundation = (file: PolicyFile): boolean => file.layer?.kind === 'foundation'
  const access = openAccess({ schema: SCHEMA, policies: files.filter(isFoundation) })
  await access.setPolicies(files.filter((file) => !isFoundation(file)))
  access.putEntities(
    'test',
    Object.entries(TYPES).map(([id, type]) => ({
      uid: { type, id },
      parents: (PARENTS[id] ?? []).slice(1).map((parent) => ({ type: TYPES[parent] ?? '', id: parent })),
    })),
  )
  return access
}

function fileOf({ layer, as, statements }: File, index: number): PolicyFile {
  const target = (name: string, id: string | undefined): string =>
    id === undefined ? name : `${name} in ${TYPES[id]}::"${id}"`
  const text = statements.map(({ effect, who, action, what, fails }, number) => {
    const scope = [
      target('principal', who),
      action === undefined ? 'action' : `action == Action::"${action}"`,
      target('resource', what),
    ]
    const condition = fails ? 'when { context.chainLength + 9223372036854775807 > 0 }' : ''
    return `@id("${index}-${number}") ${effect} (${scope.join(', ')}) ${condition};`
  })
  return { name: `${index}.cedar`, text: text.join('\n'), layer, as }
}

function ask(access: Access, asked: Asked): 'allow' | 'deny' {
  return access.decide(contextOf(asked), questionOf(asked)).decision
}

function questionOf({ action, resource }: Asked): Question {
  return { action, resource: { type: 'Doc', id: resource } }
}

function contextOf({ chain, mandate }: Asked): Context {
  const [first, ...rest] = chain.map((id) => ({ kind: KINDS[id], id: id as string as PrincipalId })) // ids of this file
  assert.ok(first !== undefined)
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    caller: {
      chain: [first, ...rest],
      delegation: undefined,
      ...(mandate === undefined ? {} : { mandate }),
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
    },
  }
}

const people = ['alice', 'bob', 'scout', 'stray'] as const
const docs = ['north', 'south', 'loose'] as const
const actions = ['read', 'write'] as const
const rarely = (weight: number) => fc.nat(99).map((n) => n < weight)
const optional = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 1 })

const statement = (effects: readonly Statement['effect'][]) =>
  fc.record({
    effect: fc.constantFrom(...effects),
    who: optional([...people, 'staff', 'helper']),
    action: optional(actions),
    what: optional([...docs, 'p', 'q']),
    fails: rarely(10),
  })
const lower = fc.constantFrom<Layer>(
  { kind: 'tenant' },
  { kind: 'project', id: 'p' },
  { kind: 'project', id: 'q' },
  { kind: 'agent', type: 'AgentType', id: 'helper' },
  { kind: 'agent', type: 'Agent', id: 'stray' },
)
const foundation = fc.constant<Layer>({ kind: 'foundation' })
const file = (layer: fc.Arbitrary<Layer>, as: File['as'], effects: readonly Statement['effect'][]) =>
  fc.record({ layer, as: fc.constant(as), statements: fc.array(statement(effects), { maxLength: 4 }) })
const grants = file(lower, 'grants', ['permit', 'permit', 'forbid'])
const ceiling = file(fc.oneof(lower, foundation), 'ceiling', ['permit'])
const guardrail = file(foundation, 'grants', ['forbid'])
const house = fc.array(fc.oneof({ weight: 4, arbitrary: grants }, { weight: 1, arbitrary: ceiling }, guardrail), {
  minLength: 1,
  maxLength: 5,
})
const plainMandate = fc.record({
  actions: fc.subarray([...actions]),
  resources: fc.subarray(['north', 'loose', 'p', 'q']).map((ids) => ids.map((id) => ({ type: TYPES[id] ?? '', id }))),
  expiresAt: fc.constant(clock.now() + 1),
})
const mandate: fc.Arbitrary<Mandate> = fc
  .tuple(plainMandate, fc.option(plainMandate, { nil: undefined, freq: 1 }))
  .map(([own, within]) => (within === undefined ? own : { ...own, within }))
const asked: fc.Arbitrary<Asked> = fc.record({
  chain: fc
    .tuple(fc.constantFrom(...people), fc.array(fc.constantFrom(...people), { maxLength: 2 }))
    .map(([first, rest]): [Name, ...Name[]] => [first, ...rest]),
  action: fc.constantFrom(...actions),
  resource: fc.constantFrom(...docs),
  mandate: fc.option(mandate, { nil: undefined, freq: 1 }),
})
const questions = fc.array(asked, { minLength: 12, maxLength: 12 })

/** Whatever is asked: what is denied before is denied after. */
function neverAllowsMore(before: Access, after: Access, list: readonly Asked[]): void {
  for (const question of list) {
    if (ask(after, question) === 'allow') assert.equal(ask(before, question), 'allow', JSON.stringify(question))
  }
}

test('allowed is what some grant permits, every ceiling permits and nothing forbids, for each link and the mandate', async () => {
  let allowed = 0
  await fc.assert(
    fc.asyncProperty(house, questions, async (files, list) => {
      const access = await opened(files)
      for (const question of list) {
        const expected = reference(files, question)
        if (expected === 'allow') allowed++
        assert.equal(ask(access, question), expected, JSON.stringify(question))
      }
    }),
    { numRuns: 150 },
  )
  assert.ok(allowed > 50, `only ${allowed} of the questions were allowed`)
})

test('what is allowed could be allowed', async () => {
  await fc.assert(
    fc.asyncProperty(house, questions, async (files, list) => {
      const access = await opened(files)
      for (const question of list) {
        if (ask(access, question) === 'allow') assert.ok(access.couldAllow(contextOf(question), questionOf(question)))
      }
    }),
    { numRuns: 60 },
  )
})

test('a forbid more, a ceiling more or a grant less never allows more', async () => {
  await fc.assert(
    fc.asyncProperty(
      house,
      fc.oneof(ceiling, guardrail, file(lower, 'grants', ['forbid'])),
      fc.nat(),
      questions,
      async (files, more, which, list) => {
        const before = await opened(files)
        neverAllowsMore(before, await opened([...files, more]), list)
        const fewer = files.filter((one, index) => one.as === 'ceiling' || index !== which % files.length)
        const permitsOnly = (statements: readonly Statement[]): boolean =>
          statements.every((s) => s.effect === 'permit')
        const removed = files.filter((one) => !fewer.includes(one))
        if (removed.every(({ statements }) => permitsOnly(statements)))
          neverAllowsMore(before, await opened(fewer), list)
      },
    ),
    { numRuns: 100 },
  )
})

test('a link more or a mandate more never allows more', async () => {
  await fc.assert(
    fc.asyncProperty(
      house,
      questions,
      fc.constantFrom(...people),
      mandate,
      fc.nat(3),
      async (files, list, link, narrow, at) => {
        const access = await opened(files)
        for (const question of list) {
          if (ask(access, question) === 'allow') continue
          const longer = question.chain.toSpliced(at, 0, link)
          const [first, ...rest] = longer
          assert.ok(first !== undefined)
          assert.equal(ask(access, { ...question, chain: [first, ...rest] }), 'deny')
          const narrower = question.mandate === undefined ? narrow : { ...narrow, within: question.mandate }
          assert.equal(ask(access, { ...question, mandate: narrower }), 'deny')
        }
      },
    ),
    { numRuns: 100 },
  )
})

const all: Statement = { effect: 'permit', who: undefined, action: undefined, what: undefined, fails: false }
const question: Asked = { chain: ['scout'], action: 'read', resource: 'north', mandate: undefined }

test('a ceiling without policies lets nothing be granted where it applies', async () => {
  const tenant: File = { layer: { kind: 'tenant' }, as: 'grants', statements: [all] }
  const empty: File = { layer: { kind: 'project', id: 'p' }, as: 'ceiling', statements: [] }
  assert.equal(ask(await opened([tenant]), question), 'allow')
  assert.equal(ask(await opened([tenant, empty]), question), 'deny')
  assert.equal(ask(await opened([tenant, empty]), { ...question, resource: 'south' }), 'allow')
})

test('a changed entity is seen by the next decision', async () => {
  const access = await opened([
    { layer: { kind: 'tenant' }, as: 'grants', statements: [all] },
    { layer: { kind: 'project', id: 'p' }, as: 'ceiling', statements: [] },
  ])
  assert.equal(ask(access, { ...question, resource: 'loose' }), 'allow')
  access.putEntities('moves', [{ uid: { type: 'Doc', id: 'loose' }, parents: [{ type: 'Project', id: 'p' }] }])
  assert.equal(ask(access, { ...question, resource: 'loose' }), 'deny')
  access.putEntities('moves', [])
  assert.equal(ask(access, { ...question, resource: 'loose' }), 'allow')
})

test('a ceiling grants nothing', async () => {
  const ceilingOnly: File = { layer: { kind: 'tenant' }, as: 'ceiling', statements: [all] }
  assert.equal(ask(await opened([ceilingOnly]), question), 'deny')
})

test('a mandate that has ended covers nothing', async () => {
  const access = await opened([{ layer: { kind: 'tenant' }, as: 'grants', statements: [all] }])
  const narrow = { actions: ['read'], resources: [{ type: 'Project', id: 'p' }], expiresAt: clock.now() + 1 }
  assert.equal(ask(access, { ...question, mandate: narrow }), 'allow')
  assert.equal(ask(access, { ...question, mandate: { ...narrow, expiresAt: clock.now() } }), 'deny')
})

test('the foundation grants nothing and a ceiling forbids nothing: such policies are refused', async () => {
  const granting: File = { layer: { kind: 'foundation' }, as: 'grants', statements: [all] }
  const forbidding: File = { layer: { kind: 'tenant' }, as: 'ceiling', statements: [{ ...all, effect: 'forbid' }] }
  await assert.rejects(() => opened([granting]), { code: 'policies_invalid', message: /the foundation grants nothing/ })
  await assert.rejects(() => opened([forbidding]), {
    code: 'policies_invalid',
    message: /only says what may be granted/,
  })
})
