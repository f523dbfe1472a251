import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryTenantStore, type TenantStore } from '../../store/index.ts'
import type { PolicyFile } from '../layers.ts'
import { grants, openHouse } from './test-house.ts'

const CHURN = { kind: 'project', id: 'churn' } as const
const first = [grants('data:read')]
const second = [grants('data:write')]
const project: PolicyFile = {
  name: 'churn.cedar',
  layer: CHURN,
  text: 'permit (principal == User::"ada", action == Action::"training:read", resource);',
}

type Fault = 'none' | 'before' | 'after'

/** A store whose n-th write from now on fails, before it takes effect or after it has. */
function faulty(store: TenantStore) {
  let left = Number.POSITIVE_INFINITY
  let fault: Fault = 'none'
  let isBroken = false
  const faults = {
    store: {
      read: (work) => store.read(work),
      async write(work) {
        const isNow = --left === 0 || (isBroken && left < 0)
        if (isNow && fault === 'before') throw new Error('the disk is full')
        const done = await store.write(work)
        if (isNow && fault === 'after') throw new Error('the disk went away')
        return done
      },
    } satisfies TenantStore,
    /** With `stays`, every later write fails too. */
    set(at: number, how: Fault, stays = false) {
      left = at
      fault = how
      isBroken = stays
    },
  }
  return faults
}

test('a write that fails anywhere in an activation leaves all layers as they were, or all changed, and so after a restart', async () => {
  let changed = 0
  let untouched = 0
  for (const how of ['before', 'after'] as const) {
    for (let at = 1; at <= 6; at++) {
      const store = memoryTenantStore()
      const { store: breaking, set } = faulty(store)
      const house = await openHouse({ store: breaking })
      await house.activate((await house.push(first)).address)
      const addresses = [(await house.push(second)).address, (await house.push([project], { layer: CHURN })).address]
      const before = house.access.revision()
      set(at, how)
      const result = await Promise.allSettled([house.activate(...addresses)])
      set(Number.POSITIVE_INFINITY, 'none')
      const decided = [house.ask('data:read'), house.ask('data:write')]
      const isChanged = result[0]?.status === 'fulfilled'
      if (isChanged) changed++
      else untouched++
      assert.deepEqual(decided, isChanged ? ['deny', 'allow'] : ['allow', 'deny'], `${how} ${at}`)
      assert.equal(house.access.revision() === before, !isChanged)
      assert.equal(house.revisions.active().whole, house.access.revision())
      const again = await openHouse({ store })
      assert.equal(again.access.revision(), house.access.revision(), `after a restart: ${how} ${at}`)
      assert.equal((await again.revisions.activations({ limit: 10 })).length, isChanged ? 3 : 1)
      // And it can be done again.
      if (!isChanged) await again.activate(...addresses)
      assert.equal(again.ask('data:write'), 'allow')
    }
  }
  assert.ok(changed > 0 && untouched > 0, `${changed} changed, ${untouched} untouched`)
})

test('a store that stays broken leaves in force what was', async () => {
  const { store: breaking, set } = faulty(memoryTenantStore())
  const house = await openHouse({ store: breaking })
  await house.activate((await house.push(first)).address)
  const { address } = await house.push(second)
  set(1, 'before', true)
  await assert.rejects(house.activate(address), { message: 'the disk is full' })
  assert.deepEqual([house.ask('data:read'), house.ask('data:write')], ['allow', 'deny'])
})

test('what happens while an activation is being written down can still keep it out, and then nothing of it stays written', async () => {
  const { access } = await openHouse()
  const schema = (type: string): PolicyFile => ({
    name: 'shop.cedarschema',
    as: 'schema',
    text: `namespace Shop { entity Order { total?: ${type} }; }`,
  })
  await access.setPolicies([schema('Long')])
  const before = access.revision()
  let undone = 0
  const activation = access.setPolicies([schema('String')], async () => {
    access.putEntities('resources', [{ uid: { type: 'Shop::Order', id: 'o' }, attrs: { total: 1 }, parents: [] }])
    return async () => void undone++
  })
  await assert.rejects(activation, { code: 'policies_invalid', message: /does not fit the schema/ })
  assert.deepEqual([access.revision(), undone], [before, 1])
  let kept = 0
  const again = access.setPolicies([schema('String')], async () => {
    kept++
    return async () => undefined
  })
  await assert.rejects(again, { code: 'policies_invalid' })
  assert.equal(kept, 0, 'what is known beforehand is not even written down')
})
