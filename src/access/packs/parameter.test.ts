import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../../kernel/index.ts'
import { schemaInForce } from '../schema-in-force.ts'
import { isRefused, parameterSchema, valueFor } from './parameter.ts'

const schema = schemaInForce(
  readFileSync(join(import.meta.dirname, '../../../foundation/schema.cedarschema'), 'utf8'),
  [],
)
const give = (declared: object, given: Json) => {
  const value = valueFor(parameterSchema.parse({ doc: 'x', ...declared }), given, schema)
  return isRefused(value) ? value.refused : value
}

test('values of each type are read', () => {
  const entity = (type: string, id: string) => ({ kind: 'entity', uid: { type, id } })
  const cases: readonly (readonly [object, Json, unknown])[] = [
    [{ type: 'string' }, 'ann', { kind: 'text', text: 'ann' }],
    [{ type: 'string', among: ['a', 'b'] }, 'b', { kind: 'text', text: 'b' }],
    [{ type: 'path' }, '/work/shop', { kind: 'text', text: '/work/shop' }],
    [{ type: 'integer', min: -5 }, -5, { kind: 'integer', value: -5 }],
    [{ type: 'boolean' }, true, { kind: 'boolean', value: true }],
    [{ type: 'entity', of: 'Dataset' }, 'Dataset::a/b', entity('Dataset', 'a/b')],
    [{ type: 'entity', of: ['Role', 'Shop::Order'] }, 'Shop::Order::"7"', entity('Shop::Order', '7')],
    [{ type: 'columns' }, ['Column::a'], { kind: 'set', elements: [entity('Column', 'a')] }],
    [{ type: 'strings' }, ['a'], { kind: 'set', elements: [{ kind: 'text', text: 'a' }] }],
    [{ type: 'duration' }, '15m', { kind: 'duration', text: '15m' }],
    [{ type: 'duration', as: 'seconds' }, '15m', { kind: 'integer', value: 900 }],
    [{ type: 'moment' }, '2026-11-21T18:00:00+01:00', { kind: 'datetime', text: '2026-11-21T17:00:00.000Z' }],
    [{ type: 'rate' }, '60/min', { kind: 'amount', text: '60/minute' }],
    [{ type: 'rate', max: '60/minute' }, '1/second', { kind: 'amount', text: '1/second' }],
    [{ type: 'rate', max: '60/minute' }, '60/hour', { kind: 'amount', text: '60/hour' }],
    [{ type: 'rate', max: '60/minute' }, '60/min, 900/h', { kind: 'amount', text: '60/minute, 900/hour' }],
    [{ type: 'budget' }, '20 EUR/month, 5 EUR/day', { kind: 'amount', text: '20 EUR/month, 5 EUR/day' }],
    [
      { type: 'actions' },
      ['data:read', 'models'],
      {
        kind: 'actions',
        uids: [
          { type: 'Action', id: 'data:read' },
          { type: 'Action', id: 'models' },
        ],
      },
    ],
  ]
  for (const [declared, given, expected] of cases) assert.deepEqual(give(declared, given), expected)
})

test('what is of another type, out of bounds, or hardly a name is refused with the reason', () => {
  const cases: readonly (readonly [object, Json, RegExp])[] = [
    [{ type: 'string' }, 7, /^must be a text$/],
    [{ type: 'string' }, '', /^must be a text$/],
    [{ type: 'string', max: 3 }, 'anna', /at most 3 characters/],
    [{ type: 'string' }, 'a") ; permit(principal,action,resource);', /quotation marks/],
    [{ type: 'string' }, 'a\nb', /line breaks/],
    [{ type: 'string' }, 'a\\u{22}', /backslashes/],
    [{ type: 'string' }, 'a\u202eb', /invisible characters/],
    [{ type: 'string' }, 'a\ud800', /well-formed/],
    [{ type: 'string', among: ['a', 'b'] }, 'c', /one of `a`, `b`/],
    [{ type: 'path' }, 'src/', /without a slash at its end/],
    [{ type: 'path' }, 'src/../etc', /`\.\.`/],
    [{ type: 'path' }, '/', /without a slash/],
    [{ type: 'integer' }, 1.5, /must be an integer/],
    [{ type: 'integer' }, '1', /must be an integer/],
    [{ type: 'integer' }, 2 ** 53, /must be an integer/],
    [{ type: 'integer', max: 3 }, 4, /from 0 to 3/],
    [{ type: 'boolean' }, 'true', /`true` or `false`/],
    [{ type: 'entity', of: 'Dataset' }, 'Table::a', /a `Dataset`, not a `Table`/],
    [{ type: 'entity', of: 'Dataset' }, 'calls', /a type and an id/],
    [{ type: 'entity', of: 'Dataset' }, 'Dataset::a"b', /quotation marks/],
    [{ type: 'entities', of: 'Dataset' }, 'Dataset::a', /must be a list/],
    [{ type: 'entities', of: 'Dataset' }, [], /1 to 100 entries/],
    [{ type: 'entities', of: 'Dataset', max: 1 }, ['Dataset::a', 'Dataset::b'], /1 to 1 entries/],
    [{ type: 'entities', of: 'Dataset' }, ['Dataset::a', 'Dataset::a'], /entry 2: stands there twice/],
    [{ type: 'columns' }, ['Table::a'], /entry 1: must be a `Column`/],
    [{ type: 'strings', among: ['a'] }, ['a', 'b'], /entry 2: must be one of `a`/],
    [{ type: 'duration' }, 'PT15M', /must be a duration/],
    [{ type: 'duration', max: '1h' }, '61m', /at most `1h`/],
    [{ type: 'duration', min: '1h' }, '59m', /at least `1h`/],
    [{ type: 'moment' }, '2026-11-21', /a moment with its offset/],
    [{ type: 'rate' }, '60', /must be a rate/],
    [{ type: 'rate', max: '60/minute' }, '61/hour', /at most `60\/minute`, in any minute/],
    [{ type: 'rate', max: '60/minute' }, '2/second', /at most `60\/minute`/],
    [{ type: 'rate' }, '60/minute") permit(', /must be a rate/],
    [{ type: 'rate', max: '1/second' }, '61/minute', /at most `1\/second`/],
    [{ type: 'budget' }, '5', /no budget/],
    [{ type: 'budget', units: ['rows'] }, '5 EUR/day', /in `rows`, not in `EUR`/],
    [{ type: 'actions' }, 'data:read', /must be a list/],
    [{ type: 'actions' }, ['data:reed'], /entry 1: there is no action `data:reed`/],
    [{ type: 'actions', among: ['models'] }, ['data:read'], /entry 1: `data:read` is none of `models`/],
    [{ type: 'actions' }, ['data:write'], /entry 1: `data:write` is elevated/],
    [{ type: 'actions' }, ['data'], /entry 1: `data:write` is elevated/],
    [{ type: 'actions' }, [7], /entry 1: there is no action `7`/],
  ]
  for (const [declared, given, expected] of cases) {
    const refused = give(declared, given)
    assert.match(String(refused), expected, JSON.stringify([declared, given]))
  }
})

test('nothing at all makes a parameter fail otherwise than by a reason', () => {
  const types = [
    { type: 'string' },
    { type: 'path' },
    { type: 'integer' },
    { type: 'boolean' },
    { type: 'entity', of: 'Dataset' },
    { type: 'entities', of: 'Dataset' },
    { type: 'columns' },
    { type: 'strings' },
    { type: 'duration' },
    { type: 'moment' },
    { type: 'rate' },
    { type: 'budget' },
    { type: 'actions' },
  ]
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.jsonValue(), (declared, given) => {
      const value = give(declared, given as Json) // what JSON can be
      assert.ok(typeof value === 'string' || 'kind' in value)
    }),
    { numRuns: 500 },
  )
})
