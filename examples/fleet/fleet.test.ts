import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isKind } from '../../src/audit/index.ts'
import { companyOf } from './company.ts'
import { FOLDER, openFleet } from './fleet.ts'
import { manifestOf } from './manifest.ts'
import { requestsOf } from './requests.ts'

test('the manifest in the folder is the one that the company makes', () => {
  assert.equal(readFileSync(join(FOLDER, 'company.yaml'), 'utf8'), manifestOf(companyOf()))
})

test('the same seed makes the same requests, and another seed others', () => {
  const company = companyOf()
  const some = requestsOf(company, { decisions: 500 })
  assert.deepEqual(requestsOf(company, { decisions: 500 }), some)
  assert.notDeepEqual(requestsOf(company, { decisions: 500, seed: 2 }), some)
  assert.deepEqual(
    some.map(({ at }) => at),
    some.map(({ at }) => at).sort((a, b) => a - b),
  )
})

test('what the company does is on record, most of it allowed, and all of the misuse denied', async () => {
  const fleet = await openFleet()
  try {
    const played = await fleet.play({ decisions: 1500 })
    assert.ok(played.decisions >= 1500 && played.allowed / played.decisions > 0.85, JSON.stringify(played))
    assert.ok(played.denied > 30)
    assert.ok(played.misuse.length > 40)
    for (const index of played.misuse) {
      const record = await fleet.tenant.log.read(index)
      assert.ok(record !== undefined && isKind(record, 'decision'))
      const { chain, questions } = record.body
      assert.match(JSON.stringify(questions ?? chain), /ticket-agent-07/)
      const decided = Array.isArray(questions)
        ? JSON.stringify(questions)
        : `"decision":"${String(record.body.decision)}"`
      assert.match(decided, /"decision":"deny"/)
    }
  } finally {
    await fleet.close()
  }
})

test('on the first day, everything is permitted that the foundation does not forbid', async () => {
  const fleet = await openFleet({ policies: 'open' })
  try {
    const { allowed, decisions } = await fleet.play({ decisions: 500 })
    assert.ok(allowed / decisions > 0.93)
  } finally {
    await fleet.close()
  }
})
