import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Access } from '../access/index.ts'
import { createMetrics } from './metrics.ts'

test('the reference names every metric with its type and what it says, and no other', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/metrics.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `(sallyport_\w+)` \| (\w+) \|[^|]*\| ([^|]+) \|$/gm)]
  assert.deepEqual(
    documented.map(([, name, type, help]) => ({ name, help: help?.trim(), type })),
    await createMetrics().described(),
  )
})

test('what happens is counted, and what is asked for is asked when somebody reads', async () => {
  const metrics = createMetrics()
  let size = 0
  const target = { id: 'siem', kind: 'ocsf-file' as const, to: 'x', next: 3, failed: 2, state: 'failing' as const }
  metrics.watch(
    { status: () => ({ writable: true, size, waiting: 4 }) },
    { list: async () => [{ ...target, lag: size - 3, lagSeconds: 7, refused: 2 }] },
    { status: () => ({ witnesses: 3, answering: 2, size: 5 }) },
    { list: () => [] },
  )
  metrics.meter.committed(3, 2)
  metrics.meter.committed(5, 30)
  metrics.ended('openai', 'ok')
  metrics.ended('openai', 'ok')
  metrics.ended('mcp', 'denied')
  size = 8
  const text = await metrics.text()
  for (const line of [
    'sallyport_log_appends_total 8',
    'sallyport_log_batch_records_bucket{le="4"} 1',
    'sallyport_log_commit_seconds_bucket{le="0.0025"} 1',
    'sallyport_log_commit_seconds_count 2',
    'sallyport_log_queue_records 4',
    'sallyport_log_size_records 8',
    'sallyport_log_writable 1',
    'sallyport_log_witnesses_answering 2',
    'sallyport_log_witnessed_records 5',
    'sallyport_export_lag_records{target="siem"} 5',
    'sallyport_export_lag_seconds{target="siem"} 7',
    'sallyport_export_failing{target="siem"} 1',
    'sallyport_export_refused_records{target="siem"} 2',
    'sallyport_export_failures{target="siem"} 2',
    'sallyport_gateway_requests_total{protocol="openai",outcome="ok"} 2',
    'sallyport_gateway_requests_total{protocol="mcp",outcome="denied"} 1',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} is missing in\n${text}`)
  }
})

test('the decision point answers as before, and its time is taken', async () => {
  const metrics = createMetrics()
  const decision = { decision: 'deny', reasons: [], errors: [], revision: 'r', facts: {} }
  // of the decision point only what is called here
  const access = { decide: () => decision, revision: () => 'r' } as unknown as Access
  const measured = metrics.measured(access)
  const decide = measured.decide as () => unknown
  assert.equal(decide(), decision)
  assert.equal(measured.revision(), 'r')
  assert.match(await metrics.text(), /^sallyport_decision_seconds_count\{decision="deny"\} 1$/m)
})
