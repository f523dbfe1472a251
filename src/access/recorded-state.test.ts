import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EntityJson } from '../cedar/index.ts'
import { parsePrincipalId } from '../kernel/index.ts'
import { recordedStates } from './recorded-state.ts'
import type { RoleGrant } from './roles.ts'

const id = (text: string) => parsePrincipalId(text) ?? assert.fail()
const chain = [
  { kind: 'User', id: id('alice') },
  { kind: 'Agent', id: id('tuner') },
] as const
const model = { type: 'Model', id: 'm' }

function world() {
  const entities = new Map<string, EntityJson>(
    [
      {
        uid: { type: 'User', id: 'alice' },
        attrs: { name: 'Alice', status: 'active' },
        parents: [{ type: 'Group', id: 'g' }],
      },
      { uid: { type: 'Group', id: 'g' }, attrs: {}, parents: [{ type: 'Role', id: 'auditor' }] },
      {
        uid: { type: 'Agent', id: 'tuner' },
        attrs: { name: 'T', status: 'active', level: 2, sponsor: { __entity: { type: 'User', id: 'bob' } } },
        parents: [{ type: 'AgentType', id: 'optimiser' }],
      },
      { uid: model, attrs: { status: 'ready', digest: 'sha256:1', classification: 'internal' }, parents: [] },
    ].map((entity) => [`${entity.uid.type}::${entity.uid.id}`, entity]),
  )
  const grants: RoleGrant[] = [
    { role: 'auditor', assignee: { type: 'Group', id: 'g' }, on: undefined, until: undefined },
    { role: 'ml-operator', assignee: { type: 'Agent', id: 'tuner' }, on: { type: 'Project', id: 'p' }, until: 17 },
  ]
  let version = 0
  const stateOf = recordedStates({
    entitiesVersion: () => version,
    rolesVersion: () => 'roles',
    entity: ({ type, id: one }) => entities.get(`${type}::${one}`),
    grantsOf: ({ type, id: one }) => grants.filter(({ assignee }) => assignee.type === type && assignee.id === one),
  })
  const change = (entity: EntityJson & { uid: { type: string; id: string } }) => {
    entities.set(`${entity.uid.type}::${entity.uid.id}`, entity)
    version++
  }
  return { stateOf, change }
}

test('a decision is recorded with roles, levels and where they come from, and with the state of the resource', () => {
  const { stateOf } = world()
  assert.deepEqual(stateOf(chain, model), {
    permissions: {
      'User::alice': { status: 'active', in: ['Group::g'], roles: ['auditor'] },
      'Agent::tuner': {
        status: 'active',
        level: 2,
        in: ['AgentType::optimiser'],
        roles: ['ml-operator on Project::p until 17'],
      },
    },
    resourceState: { status: 'ready', digest: 'sha256:1', classification: 'internal' },
  })
  assert.deepEqual(Object.keys(stateOf(chain, { type: 'Model', id: 'unknown' })), ['permissions'])
})

test('nobody outside of the chain is named: their erasure would not reach the record', () => {
  const { stateOf } = world()
  assert.doesNotMatch(JSON.stringify(stateOf(chain, model)), /bob|Alice/)
})

test('what has changed is read anew, and what has not is the same object', () => {
  const { stateOf, change } = world()
  const before = stateOf(chain, model)
  assert.equal(stateOf(chain, model).resourceState, before.resourceState)
  change({ uid: model, attrs: { status: 'quarantined' }, parents: [] })
  assert.deepEqual(stateOf(chain, model).resourceState, { status: 'quarantined' })
  change({ uid: model, attrs: { note: 'x'.repeat(5000) }, parents: [] })
  assert.match(String(stateOf(chain, model).resourceState?.digest), /^sha256:[0-9a-f]{64}$/)
})
