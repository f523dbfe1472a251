import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logFixture } from '../../src/audit/log-fixture.ts'
import { killUnderLoad } from './log-kill.ts'

test('killing the process under load loses no acknowledged record and leaves a log that verifies', async () => {
  using place = logFixture()
  const run = await killUnderLoad(place, 5)
  assert.ok(run.acknowledged > 0)
  assert.ok(run.records >= run.acknowledged)
})
