import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sarifOf } from './sarif.ts'

test('findings stand in SARIF with rule, level and place', () => {
  const log = sarifOf([
    {
      severity: 'warning',
      rule: 'no-id',
      message: 'no id',
      help: 'give it one',
      file: 'a b/p.cedar',
      line: 3,
      column: 7,
    },
    { severity: 'error', rule: 'invalid', message: 'broken' },
  ])
  assert.deepEqual(JSON.parse(JSON.stringify(log)).runs[0].results, [
    {
      ruleId: 'no-id',
      ruleIndex: 1,
      level: 'warning',
      message: { text: 'no id. give it one' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'a%20b/p.cedar' },
            region: { startLine: 3, startColumn: 7 },
          },
        },
      ],
    },
    { ruleId: 'invalid', ruleIndex: 0, level: 'error', message: { text: 'broken' } },
  ])
})
