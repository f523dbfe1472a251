import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { IdentityError, identitySections, parseManifest, parseSections } from './index.ts'

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const messageOf = (text: string): string => {
  try {
    parseManifest(text, 'people.yaml')
  } catch (error) {
    assert.ok(error instanceof IdentityError, String(error))
    assert.equal(error.code, 'manifest_invalid')
    return error.publicMessage
  }
  return assert.fail(`accepted: ${text}`)
}

test('a manifest declares users, services, agents, groups and roles', () => {
  const jwk = pair().publicKey.export({ format: 'jwk' })
  const { sections } = parseManifest(
    `
users:
  alice: { name: Alice, roles: [operator] }
services:
  chat: {}
agents:
  helper: { sponsor: alice, type: assistant, keys: [${JSON.stringify({ ...jwk, kid: 'k', alg: 'ES256', ext: true })}] }
groups:
  staff: { members: [alice, chat] }
roles:
  operator: { title: Operates }
`,
    'people.yaml',
  )
  assert.deepEqual(sections.users, { alice: { name: 'Alice', roles: ['operator'] } })
  assert.deepEqual(sections.agents?.helper?.keys?.[0]?.jwk, { ...jwk, kid: 'k', alg: 'ES256' })
})

test('what is wrong is named with file, line and key', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['users:\n  alice:\n    nam: A\n', 'people.yaml:3: unknown key `users.alice.nam`'],
    ['user: {}\n', 'people.yaml:1: unknown key `user`'],
    [
      'users:\n  alice:\n    name: 3\n',
      'people.yaml:3: `users.alice.name`: invalid input: expected string, received number',
    ],
    [
      'agents:\n  helper:\n    type: x\n',
      'people.yaml:2: `agents.helper.sponsor`: an agent needs a sponsor, the id of a user',
    ],
    ['users:\n  alice: {}\n  alice: {}\n', 'people.yaml:3: map keys must be unique'],
    [
      'users: [alice\n',
      'people.yaml:2: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['- users\n', 'people.yaml:1: not a map of sections'],
    ['users:\n  alice: { roles: [a, a] }\n', 'people.yaml:2: `users.alice.roles`: must not name anything twice'],
  ]
  for (const [text, message] of cases) assert.ok(messageOf(text).startsWith(message), messageOf(text))
  assert.match(messageOf('users:\n  "al ice": {}\n'), /^people\.yaml:2: `users\.al ice`: must be 1 to 128 letters/)
})

test('all problems are named at once', () => {
  assert.equal(messageOf('users:\n  alice: { x: 1 }\n  bob: { y: 1 }\n').split('; ').length, 2)
  const many = Array.from({ length: 30 }, (_, i) => `  u${i}: { x: 1 }\n`).join('')
  assert.match(messageOf(`users:\n${many}`), /; and 20 more$/)
})

test('a private key is refused, whatever its kind', () => {
  const privates = [
    pair().privateKey.export({ format: 'jwk' }),
    generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
    { kty: 'oct', k: 'c2VjcmV0' },
  ]
  for (const jwk of privates) {
    const message = messageOf(`users:\n  alice:\n    keys:\n      - ${JSON.stringify(jwk)}\n`)
    assert.equal(message, 'people.yaml:4: `users.alice.keys.0`: a private key; register only its public half')
    assert.ok(!message.includes(String(jwk.k ?? jwk.d)))
  }
})

test('a key that cannot verify signatures safely is refused', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  const { x } = pair().publicKey.export({ format: 'jwk' })
  const cases: readonly (readonly [object | string, RegExp])[] = [
    [weak, /RSA keys have 2048 to 8192 bits/],
    [{ kty: 'EC', crv: 'P-256', x, y: x }, /not a valid key/],
    [{ kty: 'EC', crv: 'secp256k1', x, y: x }, /curve must be P-256/],
    [{ kty: 'OKP', crv: 'X25519', x }, /curve must be Ed25519/],
    [{ ...pair().publicKey.export({ format: 'jwk' }), use: 'enc' }, /not a key for signatures/],
    ['key', /not a JSON web key/],
  ]
  for (const [jwk, expected] of cases) {
    assert.match(messageOf(`users: { alice: { keys: [${JSON.stringify(jwk)}] } }`), expected)
  }
})

test('each room adds the sections that it owns', () => {
  const schemas = { ...identitySections, models: z.record(z.string(), z.strictObject({ upstream: z.string() })) }
  const { sections } = parseSections(
    'users: { alice: {} }\nmodels: { small: { upstream: local } }\n',
    'm.yaml',
    schemas,
  )
  assert.equal(sections.models?.small?.upstream, 'local')
  assert.equal(sections.agents, undefined)
})

test('an empty manifest and an empty section are fine', () => {
  assert.deepEqual(parseManifest('', 'm.yaml').sections, {})
  assert.deepEqual(parseManifest('users:\n', 'm.yaml').sections, {})
})

test('aliases cannot blow a small manifest up', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(9)}]`),
  ]
  assert.match(messageOf(bomb.join('\n')), /alias/i)
})

test('names that mean something to JavaScript are only names', () => {
  const { sections } = parseManifest('users: { constructor: { name: C } }\n', 'm.yaml')
  assert.equal(Object.keys(sections.users ?? {}).join(), 'constructor')
  assert.match(messageOf('users: { __proto__: { name: x } }\n'), /unknown key `__proto__`/)
  assert.match(messageOf('constructor: {}\n'), /unknown key `constructor`/)
})

test('whatever the text, a manifest is read or refused with a reason', () => {
  const words = fc.constantFrom(
    'users',
    'agents',
    ':',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    'alice',
    '&a',
    '*a',
    '__proto__',
    '"',
    '!!js',
    '1',
  )
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 40 }).map((w) => w.join('')),
      (text) => {
        try {
          parseManifest(text, 'm.yaml')
        } catch (error) {
          assert.ok(error instanceof IdentityError, String(error))
        }
      },
    ),
  )
})
