import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccessError } from '../errors.ts'
import { parseBudgets, parseQuantities, parseRates, parseShares } from './allowance.ts'
import { compileStatements } from './statement.ts'
import { windowsIn } from './windows.ts'

const SCHEMA = 'entity User; entity Model; action "a" appliesTo { principal: User, resource: Model };'
const problemsIn = (text: string): string => {
  try {
    compileStatements(SCHEMA, [{ name: 'l.cedar', text, as: 'limits' }])
    return ''
  } catch (error) {
    assert.ok(error instanceof AccessError && error.code === 'policies_invalid')
    return error.publicMessage
  }
}

test('allowances are read with their units and windows', () => {
  assert.deepEqual(parseRates('60/minute, 1000 requests / day'), [
    { text: '60 requests/minute', unit: 'requests', amount: 60, window: 'minute', kept: 'memory' },
    { text: '1000 requests/day', unit: 'requests', amount: 1000, window: 'day', kept: 'ledger' },
  ])
  assert.deepEqual(parseBudgets('50000 tokens/day, 12.50 EUR/month, 100 requests/hour'), [
    { text: '50000 tokens/day', unit: 'tokens', amount: 50_000, window: 'day', kept: 'ledger' },
    { text: '12.5 EUR/month', unit: 'EUR', amount: 12.5, window: 'month', kept: 'ledger' },
    { text: '100 requests/hour', unit: 'requests', amount: 100, window: 'hour', kept: 'ledger' },
  ])
  assert.deepEqual(parseShares('50%, 80 %'), [50, 80])
  assert.deepEqual(parseQuantities('2000 tokens'), [{ unit: 'tokens', amount: 2000 }])
})

test('what cannot be read as an allowance is said in a sentence', () => {
  const cases: readonly [(text: string) => unknown, string, RegExp][] = [
    [parseRates, '', /no rate/],
    [parseRates, '60', /no rate/],
    [parseRates, '60/fortnight', /no window/],
    [parseRates, '0/minute', /more than 0/],
    [parseRates, '-1/minute', /no rate/],
    [parseRates, '1e9/minute', /no rate/],
    [parseRates, '60 tokens/minute', /@budget/],
    [parseRates, '1.5/minute', /only money has decimals/],
    [parseBudgets, '50000/day', /no budget/],
    [parseBudgets, '5 apples/day', /no unit/],
    [parseBudgets, '1.5 tokens/day', /only money/],
    [parseBudgets, '9999999999 tokens/day', /at most/],
    [parseBudgets, '5 constructor/day', /no unit/],
    [parseShares, '0%', /no share/],
    [parseShares, '101%', /no share/],
    [parseShares, '80', /no share/],
  ]
  for (const [parse, text, why] of cases) assert.match(String(parse(text)), why, text)
})

test('every problem is told with the place of its statement', () => {
  const message = problemsIn(`@id("one") @limit("x") @per("planet")
permit (principal, action, resource);
@limit("1/hour") @speed("2")
permit (principal, action, resource);
@id("three") @budget("5 tokens/day, 6 tokens/day")
forbid (principal, action, resource);
@id("four") permit (principal, action, resource);
@id("five") @limit("1/hour") permit (principal == ?principal, action, resource);`)
  for (const part of [
    'l.cedar:1: `one`: @limit: `x` is no rate',
    'l.cedar:1: `one`: @per: `planet` is nothing to count by',
    'l.cedar:3: `policy1`: a limit needs an @id',
    'l.cedar:3: `policy1`: @speed is no annotation',
    'l.cedar:5: `three`: a limit says what it matches with `permit`',
    'l.cedar:5: `three`: two allowances have the same unit and window',
    'l.cedar:7: `four`: a limit needs a @limit or a @budget',
    'l.cedar:8: `five`: a limit has no slots',
  ]) {
    assert.ok(message.includes(part), `${part} is not in: ${message}`)
  }
  assert.match(problemsIn('permit (principal, action, resource'), /l\.cedar:1/)
  assert.match(problemsIn('@id("x") @limit("1/hour") permit (principal is Planet, action, resource);'), /l\.cedar:1/)
})

test('windows of the calendar know summer time, month ends and Mondays', () => {
  const at = (text: string) => Date.parse(text)
  const vienna = windowsIn('Europe/Vienna')
  assert.deepEqual(vienna('day', at('2026-03-29T12:00:00Z')), {
    start: at('2026-03-28T23:00:00Z'),
    end: at('2026-03-29T22:00:00Z'),
  })
  assert.deepEqual(vienna('day', at('2026-10-25T12:00:00Z')), {
    start: at('2026-10-24T22:00:00Z'),
    end: at('2026-10-25T23:00:00Z'),
  })
  assert.deepEqual(vienna('month', at('2026-02-28T23:30:00Z')), {
    start: at('2026-02-28T23:00:00Z'),
    end: at('2026-03-31T22:00:00Z'),
  })
  assert.deepEqual(vienna('week', at('2026-01-18T22:59:59Z')), {
    start: at('2026-01-11T23:00:00Z'),
    end: at('2026-01-18T23:00:00Z'),
  })
  // Midnight does not exist there on this day.
  assert.deepEqual(windowsIn('America/Sao_Paulo')('day', at('2018-11-04T12:00:00Z')), {
    start: at('2018-11-04T03:00:00Z'),
    end: at('2018-11-05T02:00:00Z'),
  })
  assert.deepEqual(windowsIn('UTC')('minute', 61_000), { start: 60_000, end: 120_000 })
  assert.throws(() => windowsIn('Nowhere/Land'), RangeError)
})

test('every moment is in its window, and windows follow each other without a gap', () => {
  for (const zone of [
    'UTC',
    'Europe/Vienna',
    'America/New_York',
    'Asia/Kolkata',
    'Pacific/Apia',
    'Australia/Lord_Howe',
  ]) {
    const windowOf = windowsIn(zone)
    for (const name of ['day', 'week', 'month'] as const) {
      let now = Date.UTC(2011, 11, 1)
      for (let i = 0; i < 120; i++) {
        const window = windowOf(name, now)
        assert.ok(window.start <= now && now < window.end, `${zone} ${name} ${new Date(now).toISOString()}`)
        assert.equal(windowOf(name, window.end - 1).start, window.start)
        assert.equal(windowOf(name, window.end).start, window.end)
        now = window.end
      }
    }
  }
})
