import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzIsolation, seeded } from './isolation.ts'
import { openHouses } from './isolation-houses.ts'

// `npm run fuzz:isolation -- --requests 1000000` is the long run.
test('a tenant never gets at another one, and never learns what it has', async (t) => {
  const houses = await openHouses()
  t.after(() => houses.close())
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const { overHttp, inProcess, byEndpoint } = await fuzzIsolation(houses, REQUESTS, {
    random: seeded(seed),
    shareOverHttp: 0.4,
  })
  assert.equal(overHttp + inProcess, REQUESTS)
  assert.ok(byEndpoint.size > 25, `${byEndpoint.size} kinds of requests`)
})

const REQUESTS = 400
