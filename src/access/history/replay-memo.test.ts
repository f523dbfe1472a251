import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PrincipalId, PrincipalRef } from '../../kernel/index.ts'
import { entityIndex } from '../entity-index.ts'
import { listBook } from '../lists/list-book.ts'
import { policySetNow } from '../policies-in-force.ts'
import type { RecordedDecision } from './recorded-decision.ts'
import { ReplayMemo } from './replay-memo.ts'

const schema = readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8')
const set = policySetNow({
  schema,
  files: [{ name: 'all.cedar', text: '@id("all") permit (principal, action, resource);' }],
  roles: { grants: [], declared: new Set() },
  tenant: 'demo',
})
const world = { entities: entityIndex(schema), lists: listBook() }

test('an id with line breaks in it is never taken for the end of one thing and the beginning of another', () => {
  const key = keys()
  // The id of the resource goes on as the chain of the other decision does.
  const long = key({ resource: { type: 'Tool', id: 'a\n1\nUser\nbob\nUser' }, chain: [user('alice')] })
  const short = key({ resource: { type: 'Tool', id: 'a' }, chain: [user('bob'), user('1'), user('alice')] })
  assert.ok(short !== undefined)
  assert.notEqual(long, short)
  assert.equal(key({ resource: { type: 'Tool', id: 'a' }, chain: [user('bob'), user('1'), user('alice')] }), short)
})

function keys(): (recorded: Partial<RecordedDecision>) => string | undefined {
  const memo = new ReplayMemo()
  return (recorded) => memo.keyOf({ ...DECISION, ...recorded }, { set, was: set, world }, 0)
}

function user(id: string): PrincipalRef {
  return { kind: 'User', id: id as PrincipalId } // valid ids
}

const DECISION: RecordedDecision = {
  index: 0,
  place: 0,
  at: 0,
  txn: '',
  chain: [user('alice')],
  action: 'tool:call',
  resource: { type: 'Tool', id: 'a' },
  context: {},
  decision: 'allow',
  observed: undefined,
  reasons: [],
  errors: [],
  revision: set.revision,
  state: 0,
  mandate: undefined,
  authentication: undefined,
  arguments: undefined,
  origin: undefined,
  argumentsDigest: undefined,
  attributes: undefined,
  entities: undefined,
  approval: undefined,
  withheld: undefined,
  isListing: false,
  isProposed: false,
  isHidden: false,
  operation: undefined,
  permissions: undefined,
  resourceState: undefined,
  unreplayable: undefined,
}
