import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Access } from './access.ts'
import {
  type Asked,
  ask,
  ceiling,
  clock,
  contextOf,
  type File,
  file,
  guardrail,
  house,
  lower,
  mandate,
  opened,
  people,
  questionOf,
  questions,
  reference,
  type Statement,
} from './test-layers.ts'

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
