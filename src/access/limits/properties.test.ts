import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from '../../kernel/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import type { Reserved } from '../reserve.ts'
import { type Charged, openLedger } from './ledger.ts'
import { invoke, testLimits } from './test-limits.ts'

const WHO = ['User::alice', 'User::bob', 'Agent::scout'] as const
const MODELS = ['small', 'large'] as const

interface Statement {
  readonly amount: number
  readonly unit: 'requests' | 'tokens'
  readonly per: string
  readonly model: string | undefined
}

const statement: fc.Arbitrary<Statement> = fc.record({
  amount: fc.integer({ min: 1, max: 400 }),
  unit: fc.constantFrom('requests', 'tokens'),
  per: fc.constantFrom('principal', 'subject', 'chain', 'resource', 'tenant', 'actor, resource'),
  model: fc.constantFrom(undefined, ...MODELS),
})
const step = fc.record({
  chain: fc.subarray([...WHO], { minLength: 1 }),
  model: fc.constantFrom(...MODELS),
  tokens: fc.integer({ min: 0, max: 300 }),
  /** What is done with what was reserved before. */
  end: fc.constantFrom('settle', 'less', 'more', 'release', 'keep'),
})

const cedarOf = (statements: readonly Statement[]): string =>
  statements
    .map(({ amount, unit, per, model }, index) => {
      const resource = model === undefined ? 'resource' : `resource == Model::"${model}"`
      return `@id("s${index}") @budget("${amount} ${unit}/day") @per("${per}") permit (principal, action, ${resource});`
    })
    .join('\n')

/** Which steps get through, and how much was reserved when they did. */
async function run(statements: readonly Statement[], steps: readonly Step[]): Promise<readonly boolean[]> {
  const { put, take, ctx } = await testLimits()
  await put(cedarOf(statements))
  const passed: boolean[] = []
  for (const { chain, model, tokens, end } of steps) {
    const answer = await take(ctx(...chain), invoke(tokens, model))
    passed.push(!('decision' in answer))
    if (!('decision' in answer)) finish(answer, tokens, end)
  }
  return passed
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function finish(reserved: Reserved, tokens: number, end: Step['end']): void {
  if (end === 'settle') reserved.settle()
  else if (end === 'release') reserved.release()
  else if (end === 'less') reserved.settle({ input_tokens: Math.floor(tokens / 3), output_tokens: 0 })
  else if (end === 'more') reserved.settle({ input_tokens: tokens * 2, output_tokens: 7 })
}

test('a limit that is added never lets more through at any step, as long as what got through is the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(statement, { maxLength: 3 }),
      statement,
      fc.array(step, { minLength: 1, maxLength: 12 }),
      async (few, added, steps) => {
        const without = await run(few, steps)
        const more = await run([...few, added], steps)
        // From the first that the new limit stops, the others have more room: until then, nothing new gets through.
        const first = without.findIndex((passed, index) => passed !== more[index])
        if (first >= 0) assert.deepEqual([without[first], more[first]], [true, false])
      },
    ),
    { numRuns: 25 },
  )
})

test('every statement that matches holds: what gets through never exceeds any of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(statement, { minLength: 1, maxLength: 4 }),
      fc.array(fc.record({ model: fc.constantFrom(...MODELS), tokens: fc.integer({ min: 0, max: 300 }) }), {
        minLength: 1,
        maxLength: 15,
      }),
      async (statements, asked) => {
        const { put, take, ctx } = await testLimits()
        await put(cedarOf(statements))
        const answers = await Promise.all(
          asked.map(async (one) => ({ ...one, answer: await take(ctx('User::alice'), invoke(one.tokens, one.model)) })),
        )
        const passed = answers.filter(({ answer }) => !('decision' in answer))
        for (const { amount, unit, per, model } of statements) {
          const shares = per.includes('resource') ? MODELS.map((one) => [one]) : [MODELS]
          for (const share of shares) {
            const counted = passed.filter(
              (one) => share.includes(one.model as never) && (model === undefined || model === one.model),
            )
            const sum = unit === 'requests' ? counted.length : counted.reduce((total, { tokens }) => total + tokens, 0)
            assert.ok(sum <= amount, `${sum} ${unit} got through a limit of ${amount}`)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('whatever is charged and corrected, in whatever windows, a count is never negative and never lost on disk', async () => {
  const account = (key: number) => ({ statement: 's', what: 'tokens/day', key: `k${key}` })
  const event = fc.record({
    kind: fc.constantFrom('charge', 'correct', 'reset'),
    key: fc.integer({ min: 0, max: 2 }),
    day: fc.integer({ min: -3, max: 3 }),
    amount: fc.integer({ min: -2_000, max: 1_000 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const [store, clock] = [memoryTenantStore(), fakeClock(100 * DAY)]
      const ledger = await openLedger({ store, clock })
      const charges: Charged[] = []
      for (const { kind, key, day, amount } of events) {
        const window = { start: (100 + day) * DAY, end: (101 + day) * DAY }
        clock.set(window.start + 1)
        if (kind === 'reset') ledger.reset('s', `k${key}`)
        else if (kind === 'correct') charges.at(key)?.correct(amount)
        else {
          const before = ledger.used(account(key), window)
          const charged = ledger.charge([{ account: account(key), window, amount: Math.abs(amount), most: 5_000 }])
          if (Array.isArray(charged)) {
            charges.push(...charged)
            assert.equal(ledger.used(account(key), window), before + Math.abs(amount))
          } else assert.ok(before + Math.abs(amount) > 5_000)
        }
        for (const one of [0, 1, 2]) assert.ok(ledger.used(account(one), window) >= 0)
      }
      await ledger.durable()
      const again = await openLedger({ store, clock })
      assert.deepEqual(
        again
          .accounts('s')
          .map(({ key, used, start }) => [key, used, start])
          .sort(),
        ledger
          .accounts('s')
          .map(({ key, used, start }) => [key, used, start])
          .sort(),
      )
      await store.close()
    }),
    { numRuns: 100 },
  )
})

const DAY = 86_400_000

test('callers that come together share their writes, and each waits for its own', async () => {
  const store = memoryTenantStore()
  let writes = 0
  const counting: typeof store = {
    ...store,
    write: (work) => {
      writes++
      return store.write(work)
    },
  }
  const ledger = await openLedger({ store: counting, clock: fakeClock(0) })
  writes = 0
  const window = { start: 0, end: DAY }
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      ledger.charge([{ account: { statement: 's', what: 'tokens/day', key: `k${i}` }, window, amount: 1, most: 10 }])
      await ledger.durable()
      const rows = await store.read((q) =>
        q.selectFrom('limit_usage').select('used').where('key', '=', `k${i}`).execute(),
      )
      assert.equal(rows.length, 1)
    }),
  )
  assert.ok(writes <= 3, `${writes} writes for 100 callers`)
})

test('where nothing can be written nothing is allowed, and nothing stays charged', async () => {
  const { put, take, ctx, access, clock } = await testLimits({ store: failing() })
  await put('@id("t") @limit("5/hour") @budget("1000 tokens/day") permit (principal, action, resource);')
  await assert.rejects(take(ctx('User::alice'), invoke(400)), { code: 'limits_unavailable' })
  const [limit] = access.limits.list(clock.now())
  assert.deepEqual(
    limit?.allowances.map(({ used }) => used),
    [[], []],
  )
})

function failing(): ReturnType<typeof memoryTenantStore> {
  const store = memoryTenantStore()
  let isOpen = false
  return {
    ...store,
    write(work) {
      if (isOpen) return Promise.reject(new Error('the disk is full'))
      isOpen = true
      return store.write(work)
    },
  }
}
