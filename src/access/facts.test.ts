import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Caller, type Context, fakeClock, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { loadCountries } from './country.ts'
import { factsOf } from './facts.ts'
import { localTime } from './local-time.ts'

const clock = fakeClock(Date.UTC(2026, 2, 6, 16, 59)) // a Friday
const question = { action: 'data:read', resource: { type: 'Dataset', id: 'd' } }

function context(caller: Partial<Caller> = {}, address?: string): Context {
  return {
    tenant: 'demo' as TenantId, // a valid id
    txn: newTxn(clock.now()),
    trace: '0'.repeat(32),
    clock,
    ...(address === undefined ? {} : { address }),
    caller: {
      chain: [{ kind: 'User', id: 'alice' as PrincipalId }], // a valid id
      delegation: undefined,
      authentication: { method: 'private_key_jwt', at: clock.now() },
      scope: undefined,
      credential: 'c',
      expiresAt: clock.now() + 1000,
      ...caller,
    },
  }
}

test('a fact that cannot be had is absent', () => {
  const facts = factsOf(context(), question, undefined)
  assert.deepEqual(Object.keys(facts).sort(), ['authentication', 'chainLength', 'now', 'scope'])
  assert.deepEqual(facts.authentication, { method: 'private_key_jwt', age: 0 })
})

test('how a person proved who they are, and how long ago', () => {
  const at = clock.now() - 90_500
  const authentication = { method: 'private_key_jwt', at, factors: ['hwk', 'user'], assurance: 3, mfaAt: at } as const
  const facts = factsOf(context({ authentication }), question, undefined)
  assert.deepEqual(facts.authentication, {
    method: 'private_key_jwt',
    age: 90,
    factors: ['hwk', 'user'],
    assurance: 3,
    mfaAge: 90,
  })
})

test('the purpose comes from the mandate, whatever a question says', () => {
  const stated = { ...question, facts: { purpose: 'anything', destination: 'eu', network: {}, scope: [] } }
  assert.equal(factsOf(context(), stated, undefined).purpose, undefined)
  const mandate = { actions: [], resources: [], purpose: 'churn report', expiresAt: 0 }
  const facts = factsOf(context({ mandate }), stated, undefined)
  assert.equal(facts.purpose, 'churn report')
  assert.equal(facts.destination, 'eu')
  assert.equal('network' in facts, false)
  assert.notDeepEqual(facts.scope, [])
})

test('the country is known for public IPv4 addresses only', () => {
  loadCountries()
  const network = (address: string) => factsOf(context({}, address), question, undefined).network
  assert.deepEqual(network('8.8.8.8'), { address: { __extn: { fn: 'ip', arg: '8.8.8.8' } }, country: 'US' })
  assert.deepEqual(network('::ffff:8.8.8.8'), network('8.8.8.8'))
  assert.deepEqual(network('127.0.0.1'), { address: { __extn: { fn: 'ip', arg: '127.0.0.1' } } })
  assert.deepEqual(network('2001:db8::1'), { address: { __extn: { fn: 'ip', arg: '2001:db8::1' } } })
  assert.deepEqual(network('fe80::1%eth0'), { address: { __extn: { fn: 'ip', arg: 'fe80::1' } } })
  assert.equal(network('no address'), undefined)
})

test('the tenant has its own time of day, and its working hours end when they end', () => {
  const working = { days: [1, 2, 3, 4, 5], from: '09:00', to: '18:00' }
  const vienna = localTime({ timeZone: 'Europe/Vienna', working })
  assert.deepEqual(vienna(clock.now()), { hour: 17, weekday: 5, date: '2026-03-06', working: true })
  assert.equal(vienna(clock.now() + 60_000).working, false)
  const auckland = localTime({ timeZone: 'Pacific/Auckland', working })(clock.now())
  assert.deepEqual(auckland, { hour: 5, weekday: 6, date: '2026-03-07', working: false })
  assert.throws(() => localTime({ timeZone: 'Europe/Atlantis' }), RangeError)
})
