import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decision, outcome } from './log-fixture.ts'
import { bodySchemas, recordsReference } from './record-schema.ts'

test('docs/reference/records.md is what the schema says', () => {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'records.md')
  assert.equal(readFileSync(file, 'utf8'), recordsReference())
})

test('bodies as they are appended satisfy the schema', () => {
  const asked = decision()
  assert.equal(bodySchemas.decision.safeParse(asked.body).error, undefined)
  assert.equal(bodySchemas.outcome.safeParse(outcome(0, asked.txn).body).error, undefined)
  assert.notEqual(bodySchemas.decision.safeParse({ ...asked.body, decision: 'maybe' }).error, undefined)
})
