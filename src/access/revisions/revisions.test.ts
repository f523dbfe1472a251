import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryTenantStore } from '../../store/index.ts'
import type { PolicyFile } from '../layers.ts'
import { fileAddress, revisionAddress } from './address.ts'
import { by, grants, openHouse } from './test-house.ts'

const READ = grants('data:read')
const WRITE = grants('data:write')
const CHURN: PolicyFile = { ...grants('model:read'), name: 'churn.cedar', layer: { kind: 'project', id: 'churn' } }

test('the address of a file tells every one of its fields from every other', () => {
  const file: PolicyFile = { name: 'a.cedar', text: 'permit (principal, action, resource);' }
  const others: readonly PolicyFile[] = [
    { ...file, name: 'b.cedar' },
    { ...file, text: `${file.text} ` },
    { ...file, as: 'ceiling' },
    { ...file, as: 'limits' },
    { ...file, layer: { kind: 'project', id: 'churn' } },
    { ...file, layer: { kind: 'agent', type: 'Agent', id: 'churn' } },
    { ...file, layer: { kind: 'agent', type: 'AgentType', id: 'churn' } },
  ]
  assert.equal(new Set([file, ...others].map(fileAddress)).size, others.length + 1)
  assert.equal(fileAddress(file), fileAddress({ layer: { kind: 'tenant' }, as: 'grants', ...file }))
  assert.notEqual(fileAddress(file), fileAddress({ ...file, as: 'tests' }))
})

test('a revision has the same address whatever the order of its files', () => {
  const tenant = { kind: 'tenant' } as const
  assert.equal(revisionAddress(tenant, [READ, WRITE]), revisionAddress(tenant, [WRITE, READ]))
  assert.notEqual(revisionAddress(tenant, []), revisionAddress({ kind: 'project', id: 'tenant' }, []))
  assert.match(revisionAddress(tenant, []), /^[0-9a-f]{64}$/)
})

test('what is pushed decides nothing before it is activated', async () => {
  const { push, activate, ask, revisions, access } = await openHouse()
  const before = access.revision()
  const { address, state, parent } = await push([READ])
  assert.deepEqual([state, parent, ask('data:read')], ['checked', undefined, 'deny'])
  assert.equal(access.revision(), before)
  await activate(address)
  assert.equal(ask('data:read'), 'allow')
  assert.equal((await revisions.find(address)).state, 'active')
  assert.equal(revisions.active().whole, access.revision())
  assert.notEqual(access.revision(), before)
})

test('a revision that does not fit is kept as a draft and cannot be activated; what is active stays', async () => {
  const { push, activate, ask, revisions, access } = await openHouse()
  await activate((await push([READ])).address)
  const before = access.revision()
  const broken = await push([{ name: 'a.cedar', text: 'permit (principal' }])
  assert.equal(broken.state, 'draft')
  assert.match(broken.evidence[0]?.detail ?? '', /a\.cedar/)
  await assert.rejects(activate(broken.address), { code: 'policies_invalid' })
  assert.deepEqual([ask('data:read'), access.revision()], ['allow', before])
  assert.equal((await revisions.activations({ limit: 10 })).length, 1)
})

test('what was active is superseded, and everything is as it was after a restart', async () => {
  const store = memoryTenantStore()
  const first = await openHouse({ store })
  const one = await first.push([READ])
  await first.activate(one.address)
  const two = await first.push([WRITE])
  await first.activate(two.address)
  const churn = await first.push([CHURN], { layer: CHURN.layer })
  await first.activate(churn.address)
  const again = await openHouse({ store })
  assert.equal(again.access.revision(), first.access.revision())
  assert.deepEqual(again.revisions.active(), first.revisions.active())
  assert.equal((await again.revisions.find(one.address)).state, 'superseded')
  assert.deepEqual([again.ask('data:read'), again.ask('data:write')], ['deny', 'allow'])
})

test('the files of every whole that ever decided can be had, with what shipped then', async () => {
  const { push, activate, revisions, access, foundation } = await openHouse()
  const wholes = [access.revision()]
  await activate((await push([READ])).address)
  wholes.push(access.revision())
  await activate((await push([CHURN], { layer: CHURN.layer })).address)
  wholes.push(access.revision())
  const found = await Promise.all(wholes.map((whole) => revisions.whole(whole)))
  assert.deepEqual(
    found.map((whole) => whole?.files.map(({ name }) => name)),
    [[], ['data:read.cedar'], ['churn.cedar', 'data:read.cedar']],
  )
  assert.equal(found[2]?.foundation.schema, foundation.schema)
  assert.deepEqual(
    found[2]?.foundation.policies.map(({ text }) => text),
    foundation.policies.map(({ text }) => text),
  )
  for (const whole of found) assert.equal((await access.prepare(whole?.files ?? [])).revision, whole?.address)
  assert.equal(await revisions.whole('0'.repeat(64)), undefined)
})

test('of two revisions made from the same one, the second must be pushed again', async () => {
  const { push, activate, ask } = await openHouse()
  const one = await push([READ])
  const two = await push([WRITE])
  await activate(one.address)
  await assert.rejects(activate(two.address), { code: 'revision_conflict', message: /look at what has changed/ })
  assert.equal(ask('data:write'), 'deny')
  const again = await push([WRITE])
  assert.deepEqual([again.address, again.parent], [two.address, one.address])
  await activate(again.address)
  assert.equal(ask('data:write'), 'allow')
})

test('of two activations at once, one is refused', async () => {
  const { push, activate, revisions } = await openHouse()
  const addresses = [(await push([READ])).address, (await push([WRITE])).address]
  const results = await Promise.allSettled(addresses.map((address) => activate(address)))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal((await revisions.activations({ limit: 10 })).length, 1)
  assert.equal(revisions.active().revisions.get('tenant'), addresses[0])
})

test('one rollback brings back what was before, the next what was before that', async () => {
  const { push, activate, rollback, revisions, ask } = await openHouse()
  const [one, two] = [await push([READ]), undefined]
  await activate(one.address)
  const second = two ?? (await push([WRITE]))
  await activate(second.address)
  const third = await push([READ, WRITE])
  await activate(third.address)
  await rollback()
  assert.deepEqual([ask('data:read'), ask('data:write')], ['deny', 'allow'])
  await rollback()
  assert.deepEqual([ask('data:read'), ask('data:write')], ['allow', 'deny'])
  await rollback(third.address)
  assert.deepEqual([ask('data:read'), ask('data:write')], ['allow', 'allow'])
  await rollback(one.address)
  await rollback()
  assert.deepEqual([ask('data:read'), ask('data:write')], ['deny', 'deny'], 'before the first one there was nothing')
  await assert.rejects(rollback(), { code: 'rollback_impossible' })
  const kinds = (await revisions.activations({ limit: 20 })).map(({ kind }) => kind)
  assert.deepEqual(kinds, [
    'rollback',
    'rollback',
    'rollback',
    'rollback',
    'rollback',
    'activate',
    'activate',
    'activate',
  ])
})

test('a rollback to what cannot be in force any more leaves the active revision alone', async () => {
  const { push, activate, rollback, access, ask } = await openHouse()
  const schema: PolicyFile = {
    name: 'own.cedarschema',
    as: 'schema',
    text: 'namespace Shop { entity Order; action "view" appliesTo { principal: [User], resource: Order, context: Facts }; }',
  }
  await activate((await push([READ])).address)
  await activate((await push([READ, schema])).address)
  const layer = { kind: 'project', id: 'churn' } as const
  const view = { name: 'view.cedar', layer, text: 'permit (principal, action == Shop::Action::"view", resource);' }
  await activate((await push([view], { layer })).address)
  const before = access.revision()
  await assert.rejects(rollback(), { code: 'policies_invalid' })
  assert.equal(access.revision(), before)
  assert.equal(ask('data:read'), 'allow')
  const churn = (await push([CHURN], { layer })).address
  await assert.rejects(rollback(churn), { code: 'rollback_impossible', message: /not of the tenant/ })
})

test('a layer speaks for itself alone', async () => {
  const { push } = await openHouse()
  const project = { kind: 'project', id: 'churn' } as const
  const schema: PolicyFile = { name: 's', text: '', as: 'schema', layer: project }
  await assert.rejects(push([READ], { layer: project }), { code: 'revision_invalid', message: /another layer/ })
  await assert.rejects(push([CHURN]), { code: 'revision_invalid', message: /another layer/ })
  await assert.rejects(push([schema], { layer: project }), {
    code: 'revision_invalid',
    message: /belongs to the tenant/,
  })
  await assert.rejects(push([], { layer: { kind: 'foundation' } }), { code: 'revision_invalid' })
  await assert.rejects(push([], { layer: { kind: 'project', id: 'a\nb' } }), { code: 'revision_invalid' })
})

test('names that could be paths to elsewhere, or mistaken for others, are refused', async () => {
  const { push } = await openHouse()
  const names = [
    '../a.cedar',
    'a/../../b.cedar',
    '/etc/passwd',
    'a//b',
    'a\\b',
    'a\u0000b',
    'a\u202eb',
    'foundation/roles/roles.cedar',
    'Foundation/x',
    '',
    'x'.repeat(1025),
    '\ud800',
  ]
  for (const name of names) await assert.rejects(push([{ name, text: '' }]), { code: 'revision_invalid' }, name)
  await assert.rejects(push([READ, READ]), { code: 'revision_invalid', message: /two files are called/ })
  const many = Array.from({ length: 1001 }, (_, i) => ({ name: `${i}.cedar`, text: '' }))
  await assert.rejects(push(many), { code: 'revision_invalid', message: /1000 files/ })
  const tests = { name: 'a.test.yaml', as: 'tests', text: ' '.repeat(2_097_153) } as const
  await assert.rejects(push([tests]), { code: 'revision_invalid', message: /bytes of test cases/ })
  await assert.rejects(push([{ name: 'a', text: ' '.repeat(33_554_433) }]), {
    code: 'revision_invalid',
    message: /bytes/,
  })
})

test('enough first digits name a revision, and no fewer', async () => {
  const { push, revisions } = await openHouse()
  const { address } = await push([READ])
  assert.equal((await revisions.find(address.slice(0, 12))).address, address)
  const first = new Map<string, string>()
  let twins: readonly string[] = []
  for (let i = 0; twins.length === 0; i++) {
    const text = `// ${i}`
    const other = revisionAddress({ kind: 'tenant' }, [{ name: 'a', text }])
    const known = first.get(other.slice(0, 4))
    if (known !== undefined) twins = [known, text]
    first.set(other.slice(0, 4), text)
  }
  const [one = '', two = ''] = twins
  const found = await push([{ name: 'a', text: one }])
  await push([{ name: 'a', text: two }])
  await assert.rejects(revisions.find(found.address.slice(0, 4)), { code: 'revision_ambiguous' })
  for (const wrong of ['', 'abc', 'zzzz', "' or 1=1", `${address}0`, '0'.repeat(64), '%%%%']) {
    await assert.rejects(revisions.find(wrong), { code: 'revision_unknown' }, wrong)
  }
})

test('drafts are bounded, each layer by itself, and what was ever in force is kept', async () => {
  const { push, activate, revisions, store, clock } = await openHouse()
  const active = await push([READ])
  await activate(active.address)
  const churn = await push([CHURN], { layer: CHURN.layer })
  const first = await push([{ name: 'draft.cedar', text: '// first' }])
  for (let i = 0; i < 51; i++) {
    clock.advance(1000)
    await push([{ name: 'draft.cedar', text: `// ${i}` }])
  }
  await assert.rejects(revisions.find(first.address), { code: 'revision_unknown' })
  assert.equal((await revisions.list({ limit: 100 })).length, 52)
  assert.equal((await revisions.find(churn.address)).state, 'checked')
  assert.equal((await revisions.find(active.address)).state, 'active')
  const texts = await store.read((q) => q.selectFrom('policy_texts').select('text').execute())
  assert.ok(!texts.some(({ text }) => text === '// first'))
})

test('a log is read page by page, newest first', async () => {
  const { push, revisions, clock } = await openHouse()
  const addresses: string[] = []
  for (let i = 0; i < 5; i++) {
    if (i !== 3) clock.advance(1000)
    addresses.unshift((await push([{ name: 'a.cedar', text: `// ${i}` }])).address)
  }
  const first = await revisions.list({ limit: 3 })
  const second = await revisions.list({ limit: 3, before: first.at(-1)?.address })
  assert.deepEqual(new Set([...first, ...second].map(({ address }) => address)), new Set(addresses))
  assert.equal(second.length, 2)
  assert.deepEqual(await revisions.list({ limit: 3, layer: { kind: 'project', id: 'churn' } }), [])
})

test('every user behind a revision is kept, whoever pushes it again', async () => {
  const { push, revisions } = await openHouse()
  const { address } = await push([READ])
  await push([READ], { by: by('Agent', 'scout') })
  const { author, authors } = await revisions.find(address)
  assert.deepEqual([author[0]?.id, authors], ['scout', ['ada', 'sam']])
})

test('a revision of one tenant is not there for another', async () => {
  const [one, other] = [await openHouse(), await openHouse()]
  const { address } = await one.push([READ])
  await assert.rejects(other.revisions.find(address), { code: 'revision_unknown' })
  await assert.rejects(other.activate(address), { code: 'revision_unknown' })
  await assert.rejects(other.rollback(address), { code: 'revision_unknown' })
  await assert.rejects(other.revisions.files(address), { code: 'revision_unknown' })
  const [first] = await one.activate(address)
  assert.equal(await other.revisions.whole(first?.whole ?? ''), undefined)
})

test('what ships with the product is no revision that anybody can read, activate or go back to', async () => {
  const { store, revisions, activate, rollback } = await openHouse()
  const row = await store.read((q) =>
    q.selectFrom('policy_revisions').select('address').where('layer', '=', 'foundation').executeTakeFirst(),
  )
  const address = row?.address ?? assert.fail()
  await assert.rejects(revisions.find(address), { code: 'revision_unknown' })
  await assert.rejects(activate(address), { code: 'revision_unknown' })
  await assert.rejects(rollback(address), { code: 'revision_unknown' })
  assert.deepEqual(await revisions.list({ limit: 10 }), [])
})
