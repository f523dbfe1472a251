import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestFile } from './address.ts'
import { requireEvidence } from './required-evidence.ts'
import { revisionQuestion } from './revision-question.ts'
import { settingFile } from './setting.ts'
import { grants, openHouse } from './test-house.ts'

const READ = grants('data:read')
const WRITE = grants('data:write')
const CHURN = { kind: 'project', id: 'churn' } as const

/** Says what must come of ada's reading. */
function cases(expect: 'allow' | 'deny', name = 'reading'): TestFile {
  const text = [
    'entities:',
    '  User::ada: { attributes: { name: ada, status: active } }',
    '  Dataset::d: { in: [Project::churn] }',
    '  Project::churn: { in: [Tenant::demo] }',
    'cases:',
    `  - { name: ${name}, by: ada, action: 'data:read', resource: Dataset::d, expect: ${expect} }`,
  ].join('\n')
  return { name: `${name}.test.yaml`, text, as: 'tests' }
}

test('tests belong to a revision, and not to what decides', async () => {
  const { push, activate, access } = await openHouse()
  const plain = await push([READ])
  const tested = await push([READ, cases('allow')])
  assert.notEqual(plain.address, tested.address)
  assert.deepEqual([plain.state, tested.state], ['checked', 'tested'])
  assert.deepEqual(tested.evidence.at(-1)?.counts, { cases: 1, failed: 0 })
  await activate(tested.address)
  const { revision } = await access.prepare([READ])
  assert.equal(access.revision(), revision)
})

test('a revision whose tests fail is not activated, and says which', async () => {
  const { push, activate, ask } = await openHouse()
  const failing = await push([READ, cases('deny')])
  assert.equal(failing.state, 'checked')
  assert.match(failing.evidence.at(-1)?.detail ?? '', /reading\.test\.yaml:6: reading: expected deny, got allow/)
  await assert.rejects(activate(failing.address), { code: 'tests_failed', message: /1 of 1 test cases failed/ })
  assert.equal(ask('data:read'), 'deny')
})

test('tests that cannot be read fail', async () => {
  const { push, activate } = await openHouse()
  const broken: readonly (readonly TestFile[])[] = [
    [{ name: 'a.test.yaml', text: 'cases: [', as: 'tests' }],
    [{ name: 'a.test.yaml', text: 'entities: {}', as: 'tests' }],
    [cases('allow'), { name: 'setting.json', text: '{', as: 'setting' }],
    [
      cases('allow'),
      { name: 'setting.json', text: '{"roles":[],"declared":[],"entities":[{"uid":1}]}', as: 'setting' },
    ],
    [
      cases('allow'),
      {
        name: 'setting.json',
        text: '{"roles":[],"declared":[],"entities":[],"hours":{"timeZone":"x"}}',
        as: 'setting',
      },
    ],
  ]
  for (const tests of broken) {
    const { address } = await push([READ, ...tests])
    await assert.rejects(activate(address), { code: 'tests_failed' }, tests.at(-1)?.text)
  }
})

test('tests are decided in their setting, whoever has which role in the tenant', async () => {
  const { push } = await openHouse()
  const uid = (type: string, id: string) => ({ type, id })
  const setting = settingFile({
    roles: {
      grants: [{ role: 'data-scientist', assignee: uid('User', 'ada'), on: uid('Project', 'churn'), until: undefined }],
      declared: new Set(),
    },
    entities: [],
  })
  assert.equal((await push([WRITE, cases('allow'), setting])).state, 'tested')
  assert.equal((await push([WRITE, cases('allow')])).state, 'checked')
})

test('the tests of the tenant are run where another layer changes, and no others are', async () => {
  const { push, activate } = await openHouse()
  await activate((await push([READ, cases('allow')])).address)
  const forbids = {
    name: 'no.cedar',
    layer: CHURN,
    text: 'forbid (principal, action == Action::"data:read", resource);',
  }
  const project = await push([forbids], { layer: CHURN })
  await assert.rejects(activate(project.address), { code: 'tests_failed', message: /reading/ })
  const allows = { ...grants('model:read'), name: 'churn.cedar', layer: CHURN }
  await activate((await push([allows, cases('allow', 'of the project')], { layer: CHURN })).address)
  await activate((await push([WRITE, cases('deny')])).address)
})

test('what a tenant demands has to be found of exactly what would be in force', async () => {
  const { push, activate, revisions, store, ask, clock } = await openHouse()
  await requireEvidence(store, ['test', 'replay'])
  const untested = await push([READ])
  await assert.rejects(activate(untested.address), { code: 'evidence_missing', message: /`test`.*there is none/ })
  const { address, evidence } = await push([READ, cases('allow')])
  await assert.rejects(activate(address), { code: 'evidence_missing', message: /`replay`.*there is none/ })
  const whole = evidence.at(-1)?.whole ?? ''
  const replay = { kind: 'replay', at: clock.now(), by: 'ada', counts: { decisions: 10 }, digest: 'd' } as const
  await revisions.attachEvidence(address, { ...replay, result: 'passed', whole: '0'.repeat(64) })
  await assert.rejects(activate(address), { code: 'evidence_missing', message: /other policies/ })
  await revisions.attachEvidence(address, { ...replay, result: 'failed', whole })
  await assert.rejects(activate(address), { code: 'evidence_missing', message: /it failed/ })
  assert.equal(ask('data:read'), 'deny')
  await revisions.attachEvidence(address, { ...replay, result: 'passed', whole })
  assert.equal((await revisions.find(address)).state, 'replayed')
  await activate(address)
  assert.equal(ask('data:read'), 'allow')
  await assert.rejects(revisions.attachEvidence('0'.repeat(64), { ...replay, result: 'passed', whole }), {
    code: 'revision_unknown',
  })
})

test('what a tenant demands is demanded of manifests too, and not of going back', async () => {
  const { push, activate, rollback, revisions, store, ada } = await openHouse()
  await activate((await push([READ])).address)
  await activate((await push([WRITE])).address)
  await requireEvidence(store, ['test'])
  const asked = { by: ada.caller.chain, message: 'applied', from: revisions.active().whole }
  await assert.rejects(revisions.checkReplaceAll([READ, WRITE], asked), { code: 'evidence_missing' })
  await assert.rejects(revisions.replaceAll([READ, WRITE], asked), { code: 'evidence_missing' })
  await revisions.checkReplaceAll([WRITE], asked)
  assert.deepEqual(await revisions.replaceAll([WRITE], asked), [])
  await assert.rejects(revisions.replaceAll([WRITE], { ...asked, from: '0'.repeat(64) }), { code: 'revision_conflict' })
  await rollback()
})

test('evidence is bounded, and the newest is kept', async () => {
  const { push, revisions } = await openHouse()
  const { address } = await push([READ])
  const evidence = { kind: 'shadow', result: 'passed', at: 0, by: 'ada', whole: 'w' } as const
  for (let i = 0; i < 120; i++) await revisions.attachEvidence(address, { ...evidence, counts: { i } })
  const kept = (await revisions.find(address)).evidence
  assert.deepEqual([kept.length, kept.at(-1)?.counts], [100, { i: 119 }])
})

test('policies that leave nobody who could change them are told from those that do', async () => {
  const { access, push, activate, ada } = await openHouse()
  const activates = { ...grants('policy:activate'), name: 'activates.cedar' }
  const { address, layer, authors } = await push([activates])
  const question = revisionQuestion('policy:activate', { address, layer, authors }, 'demo')
  const leaves = async (text: string) => (await access.prepare([{ name: 'x.cedar', text }])).leavesNobody(ada, question)
  assert.equal(await leaves(''), false, 'nobody can now')
  await activate(address)
  assert.equal(await leaves(''), true)
  assert.equal(await leaves(activates.text), false)
  const asks = '@id("ask") @approval("15m") forbid (principal, action == Action::"policy:activate", resource);'
  assert.equal(await leaves(`${activates.text} ${asks}`), false, 'somebody else can agree')
})
