import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { fakeClock } from '../../kernel/index.ts'
import type { SigningKey } from '../../keys/index.ts'
import { createBinding, type Denial } from './binding-token.ts'

function key(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, alg: 'ES256', privateKey, publicKey, publicJwk: {} }
}

function opened(tenant = 'demo', keys = [key('k1')]) {
  const clock = fakeClock()
  const [active = assert.fail()] = keys
  const keyRing = { signing: () => active, verification: () => keys }
  const issuer = `https://example.com/t/${tenant}`
  return { clock, keys, binding: createBinding({ issuer, endpoint: `${issuer}/access/v1/requests`, keyRing, clock }) }
}

const asked = {
  subject: { type: 'user', id: 'bob', properties: { act: { sub: 'scout' }, department: 'sales' } },
  action: { name: 'data:read' },
  resource: { type: 'Dataset', id: 'calls', properties: { row: 1 } },
}
const denial: Denial = {
  asked,
  subject: { kind: 'User', id: 'bob' },
  action: 'data:read',
  resource: { type: 'Dataset', id: 'calls' },
  revision: 'r1',
  client: 'pep',
  txn: 'txn_1',
}
const echo = ({
  access_request: { binding_token, expires_at },
}: Awaited<ReturnType<ReturnType<typeof opened>['binding']['bind']>>) => ({
  bindingToken: binding_token,
  expiresAt: expires_at,
})
const refused = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('a token gives back what was denied, whoever the actor of the subject is said to be', async () => {
  const { binding } = opened()
  const told = await binding.bind(denial)
  const { asked: _, ...rest } = denial
  const bound = { ...rest, evaluationId: told.evaluation_id }
  assert.deepEqual(await binding.verify(asked, echo(told)), bound)
  const reshaped = { properties: { department: 'sales' }, id: 'bob', type: 'user' }
  assert.deepEqual(await binding.verify({ ...asked, subject: reshaped }, echo(told)), bound)
})

test('an actor that was all the subject had is left out with what held it', async () => {
  const { binding } = opened()
  const subject = { type: 'user', id: 'bob', properties: { act: { sub: 'scout' } } }
  const token = echo(await binding.bind({ ...denial, asked: { ...asked, subject } }))
  await binding.verify({ ...asked, subject: { type: 'user', id: 'bob' } }, token)
})

test('what differs in any member is not what was denied', async () => {
  const { binding } = opened()
  const token = echo(await binding.bind(denial))
  for (const more of [
    { subject: { ...asked.subject, id: 'alice' } },
    { subject: { type: 'user', id: 'bob' } },
    { action: { name: 'data:write' } },
    { action: { name: 'data:read', properties: {} } },
    { resource: { ...asked.resource, properties: { row: 2 } } },
    { resource: { ...asked.resource, properties: { row: '1' } } },
    { resource: { ...asked.resource, properties: { row: 1, more: null } } },
  ]) {
    await assert.rejects(binding.verify({ ...asked, ...more }, token), refused('denial_unbound'), JSON.stringify(more))
  }
})

test('a token is good for ten minutes, and clocks may differ by half a minute', async () => {
  const { binding, clock } = opened()
  const token = echo(await binding.bind(denial))
  clock.advance(629_000)
  await binding.verify(asked, token)
  clock.advance(2_000)
  await assert.rejects(binding.verify(asked, token), refused('denial_expired'))
  await assert.rejects(
    binding.verify(asked, { ...token, expiresAt: '2099-01-01T00:00:00.000Z' }),
    refused('denial_expired'),
  )
})

test('a token of another tenant, of another key, or none at all is worth nothing', async () => {
  const { binding, keys } = opened()
  const ofOther = echo(await opened('other', keys).binding.bind(denial))
  const ofOtherKey = echo(await opened('demo', [key('k1')]).binding.bind(denial))
  const unknownKey = echo(await opened('demo', [key('k2')]).binding.bind(denial))
  for (const token of [
    ofOther,
    ofOtherKey,
    unknownKey,
    { ...ofOther, bindingToken: 'x' },
    { ...ofOther, bindingToken: 'x'.repeat(20_000) },
  ]) {
    await assert.rejects(binding.verify(asked, token), refused('denial_unbound'))
  }
})

test('a token outlives the key that signed it for as long as that is published', async () => {
  const [old, fresh] = [key('k1'), key('k2')]
  const token = echo(await opened('demo', [old]).binding.bind(denial))
  await opened('demo', [fresh, old]).binding.verify(asked, token)
  await assert.rejects(opened('demo', [fresh]).binding.verify(asked, token), refused('denial_unbound'))
})
