import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRates, type Rate, type Rates, type RateTaken } from './rates.ts'

const rate: Rate = { id: 'r requests/second', points: 2, duration: 1 }

async function took(rates: Rates, key: string): Promise<RateTaken> {
  const answer = await rates.take(rate, key)
  assert.ok('used' in answer, `it has to wait ${'wait' in answer ? answer.wait : ''}`)
  return answer
}

test('what is refused is not counted, and what is given back can be taken again', async () => {
  const rates = openRates()
  const first = await took(rates, 'a')
  await took(rates, 'a')
  for (let i = 0; i < 5; i++) assert.deepEqual(await rates.take(rate, 'a'), { wait: 1 })
  first.release()
  await took(rates, 'a')
  assert.deepEqual(await rates.take(rate, 'a'), { wait: 1 })
  assert.equal(rates.count(rate, 'a'), 2)
})

test('what was taken in a window that has ended is not given back to the next', async () => {
  const rates = openRates()
  const old = await took(rates, 'a')
  await sleep(1_050)
  await took(rates, 'a')
  old.release()
  await took(rates, 'a')
  assert.deepEqual(await rates.take(rate, 'a'), { wait: 1 })
})

for (const [what, jump] of [
  ['back', -3_600_000],
  ['forth', 3_600_000],
] as const) {
  test(`a clock that goes an hour ${what} makes nobody wait longer than a window`, async (t) => {
    const rates = openRates()
    await took(rates, 'a')
    await took(rates, 'a')
    const real = Date.now
    t.mock.method(Date, 'now', () => real.call(Date) + jump)
    assert.ok(rates.wait(rate, 'a') <= 1)
    await rates.take(rate, 'a')
    assert.ok(rates.wait(rate, 'a') <= 1)
    await sleep(1_100)
    assert.equal(rates.wait(rate, 'a'), 0)
    await took(rates, 'a')
  })
}

test('who floods a rate with keys pushes nobody out, and waits until a window ends', async () => {
  const rates = openRates(undefined, 3)
  await took(rates, 'a')
  await took(rates, 'a')
  await took(rates, 'b')
  await took(rates, 'c')
  for (let i = 0; i < 100; i++) assert.deepEqual(await rates.take(rate, `flood ${i}`), { wait: 1 })
  assert.deepEqual(await rates.take(rate, 'a'), { wait: 1 })
  await took(rates, 'b')
  await sleep(1_050)
  await took(rates, 'flood')
})
