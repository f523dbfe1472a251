// `npm run fuzz:isolation -- --requests 1000000 [--seed N]`: the long run of isolation.test.ts.
import { parseArgs } from 'node:util'
import { fuzzIsolation, seeded } from './isolation.ts'
import { openHouses } from './isolation-houses.ts'

const { values } = parseArgs({ options: { requests: { type: 'string' }, seed: { type: 'string' } } })
const requests = Number(values.requests ?? 20_000)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const houses = await openHouses()
try {
  process.stdout.write(`${requests} requests, each twice; --seed ${seed}\n`)
  const random = seeded(seed)
  const started = performance.now()
  for (let done = 0; done < requests; ) {
    const now = Math.min(50_000, requests - done)
    const { overHttp, inProcess } = await fuzzIsolation(houses, now, { random, shareOverHttp: 0.05 })
    done += now
    const rate = Math.round((1000 * done) / (performance.now() - started))
    process.stdout.write(`${done} done, ${rate}/s (of the last: ${overHttp} over HTTP, ${inProcess} in process)\n`)
  }
} finally {
  await houses.close()
}
