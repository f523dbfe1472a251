import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RecordedDecision, recordedDecisions } from '../history/recorded-decision.ts'
import { Comparison, type MadeAgain } from './comparison.ts'
import { replayPage } from './page.ts'
import type { ReplayReport } from './report.ts'

const options = { kindOf: ({ type }: { readonly type: string }) => type }

test('differences are grouped by who, what and why, and everything else is counted', () => {
  const comparison = new Comparison(options)
  for (let i = 0; i < 5; i++) comparison.add(recorded({ index: i, tool: `t${i % 2}` }), deny('no-tools'))
  comparison.add(recorded({ index: 9, decision: 'deny' }), allow('all'))
  comparison.add(recorded({ index: 10 }), allow('all'))
  comparison.add(recorded({ index: 11, decision: 'observed-deny' }), deny('no-tools'))
  comparison.cannot('erased')
  comparison.cannot('erased')
  const report = reportOf(comparison)
  assert.deepEqual(
    report.groups.map(({ effect, count, actors, resources, before, after, principals }) => [
      [effect, principals, count, actors, resources],
      [before, after],
    ]),
    [
      [
        ['allowed', 'Agent for User', 1, 1, 1],
        [['old'], ['all']],
      ],
      [
        ['denied', 'Agent for User', 5, 1, 2],
        [['old'], ['no-tools']],
      ],
    ],
  )
  const { decided, newlyAllowed, newlyDenied, unreplayable, byPolicy } = report
  assert.deepEqual([decided, newlyAllowed, newlyDenied, unreplayable], [8, 1, 5, { erased: 2 }])
  assert.deepEqual(byPolicy.slice(0, 2), [
    { name: 'old', allowed: 1, denied: 5 },
    { name: 'no-tools', allowed: 0, denied: 5 },
  ])
  assert.deepEqual(
    report.groups[1]?.examples.map(({ index, resource }) => [index, resource]),
    [
      [0, 'Tool::t0'],
      [1, 'Tool::t1'],
    ],
  )
})

test('what only a limit refused is not newly allowed, for the policies allowed it then too', () => {
  const comparison = new Comparison(options)
  assert.equal(comparison.add(recorded({ decision: 'deny', withheld: 'limit' }), allow('all')), false)
  assert.equal(comparison.add(recorded({ decision: 'deny', withheld: 'approval' }), allow('all')), true)
  const { newlyAllowed, limited } = reportOf(comparison)
  assert.deepEqual([newlyAllowed, limited], [1, 1])
})

test('a replay of very many kinds of differences stays bounded, and counts on', () => {
  const comparison = new Comparison(options)
  for (let i = 0; i < 3000; i++) comparison.add(recorded({ action: `a:${i}`, agent: `agent${i}` }), deny('x'))
  const { groups, ungrouped, newlyDenied, byAction } = reportOf(comparison)
  assert.deepEqual([groups.length, ungrouped, newlyDenied, byAction.length], [1000, 2000, 3000, 100])
})

test('the page shows names that want to be markup as the text that they are', () => {
  const comparison = new Comparison({ kindOf: () => '<script>alert(1)</script>' })
  const evil = '"><img src=x onerror=alert(1)>\u202e\u0000&amp;'
  comparison.add(recorded({ agent: evil, tool: evil, action: evil, policy: evil }), deny(evil))
  const report: ReplayReport = {
    ...reportOf(comparison, { titles: { [evil]: '</style><b>title</b>' } }),
    candidate: '<i>',
    active: "'",
  }
  const page = replayPage(report, { tenant: '<demo>', madeAt: 0 })
  const tags = new Set([...page.matchAll(/<\/?([a-z0-9!-]+)/gi)].map(([, tag]) => tag?.toLowerCase()))
  for (const tag of ['script', 'img', 'i', 'b', 'demo']) assert.ok(!tags.has(tag), tag)
  assert.ok(!page.includes('\u202e') && !page.includes('\u0000'))
  assert.match(page, /\\u\{202e\}\\u\{0\}&amp;amp;/)
  // Nothing is allowed but its own style, and nothing comes from elsewhere.
  assert.match(page, /default-src 'none'; style-src 'sha256-[\w+/=]+'/)
  assert.ok(!/ style=| on\w+=["']|https?:\/\//.test(page.replaceAll(/<code>.*?<\/code>/g, '')))
})

test('a page says that nothing changes, and what could not be replayed', () => {
  const comparison = new Comparison(options)
  comparison.add(recorded({}), allow('old'))
  comparison.cannot('state_unknown')
  const page = replayPage(reportOf(comparison), { tenant: 'demo', madeAt: 0 })
  assert.match(page, /All 1 decisions stay as they were/)
  assert.match(page, /the state of the world is not kept any more<\/td><td class="n">1/)
})

function reportOf(comparison: Comparison, more: Partial<ReplayReport> = {}): ReplayReport {
  const span = { from: 0, to: 1, records: 1, ms: 1 }
  return comparison.report({ candidate: 'c', active: 'a', titles: {}, ...span, ...more })
}

function allow(policy: string): MadeAgain {
  return { decision: 'allow', reasons: [{ policy, principal: { type: 'Agent', id: 'scout' } }] }
}

function deny(policy: string): MadeAgain {
  return { ...allow(policy), decision: 'deny' }
}

function recorded(given: {
  readonly index?: number
  readonly action?: string
  readonly agent?: string
  readonly tool?: string
  readonly policy?: string
  readonly decision?: string
  readonly withheld?: string
}): RecordedDecision {
  const { index = 0, action = 'tool:call', agent = 'scout', tool = 't', policy = 'old', ...said } = given
  const body = {
    chain: [
      { kind: 'User', id: 'alice' },
      { kind: 'Agent', id: agent },
    ],
    action,
    resource: { type: 'Tool', id: tool },
    context: { now: 1 },
    reasons: [{ policy, principal: `Agent::${agent}` }],
    errors: [],
    revision: 'r',
    state: 1,
    decision: 'allow',
    ...said,
  }
  const found = recordedDecisions({ index, at: 1000 + index, kind: 'decision', erased: false, txn: 'txn_1', body })
  assert.ok(Array.isArray(found))
  return found[0] ?? assert.fail()
}
