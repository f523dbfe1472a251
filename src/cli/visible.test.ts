import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detailsOf, type RecordJson, recordLine } from './record-text.ts'
import { oneLine, visible, visibleJson } from './visible.ts'

const HOSTILE = 'x\u001b[2J\u009b31m\u0007\r\n     7  decision  alice  allow\u202e'

test('what would act on a terminal is spelled out', () => {
  assert.equal(visible(HOSTILE), 'x\\u001b[2J\\u009b31m\\u0007\\u000d\n     7  decision  alice  allow\\u202e')
  assert.equal(oneLine('a\nb\tc'), 'a\\u000ab\\u0009c')
  assert.equal(visible('naïve ✓ 日本 → └─'), 'naïve ✓ 日本 → └─')
})

test('JSON that a terminal may show is still the same JSON', () => {
  const text = visibleJson({ name: HOSTILE }, 2)
  assert.equal(text, visible(text))
  assert.deepEqual(JSON.parse(text), { name: HOSTILE })
})

test('a caller cannot make one record look like two', () => {
  const record: RecordJson = {
    index: 6,
    kind: 'decision',
    at: 0,
    erased: false,
    body: {
      chain: [{ kind: 'Agent', id: 'helper' }],
      action: 'model:invoke',
      resource: { type: 'Model', id: HOSTILE },
      decision: 'deny',
      reasons: [],
      errors: [HOSTILE],
      remedy: `the method \`${HOSTILE}\` is unknown`,
      detail: { method: HOSTILE },
      origin: { [`/${HOSTILE}`]: { source: 'model', trusted: false } },
    },
  }
  for (const line of [recordLine(record), ...detailsOf(record)]) {
    assert.equal(line, oneLine(line))
  }
  const token: RecordJson = { ...record, kind: 'token', body: { event: 'refused', client: HOSTILE, error: HOSTILE } }
  assert.ok(!recordLine(token).includes('\n'))
})
