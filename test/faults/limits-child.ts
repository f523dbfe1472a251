// Reserves under load until it is killed, and prints what was acknowledged. `node limits-child.ts DIRECTORY settle|keep`: with
// `settle` part of each reservation is given back, with `keep` all of them stay open.
import { writeSync } from 'node:fs'
import { openLedger } from '../../src/access/index.ts'
import { parseTenantId, systemClock } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const [directory = '', mode = 'keep'] = process.argv.slice(2)
const tenant = parseTenantId('demo')
if (tenant === undefined) throw new Error('no tenant')
const stores = openStores(directory)
await stores.createTenant(tenant, systemClock.now())
const ledger = await openLedger({ store: await stores.tenant(tenant), clock: systemClock })
const account = { statement: 'tokens', what: 'tokens/month', key: 'all' }
const window = { start: 0, end: 9_000_000_000_000 }
writeSync(1, `open ${ledger.used(account, window)}\n`)
// Nobody is to be left running where the kill does not come.
setTimeout(() => process.exit(3), 20_000).unref()

async function caller(): Promise<never> {
  for (;;) {
    const charged = ledger.charge([{ account, window, amount: 100, most: 1_000_000_000 }])
    if (!Array.isArray(charged)) throw new Error('it is full')
    writeSync(1, 'asked\n')
    await ledger.durable()
    writeSync(1, 'reserved\n')
    await new Promise((resolve) => setImmediate(resolve))
    if (mode === 'keep') continue
    charged[0]?.correct(-60)
    writeSync(1, 'settled\n')
  }
}
await Promise.all(Array.from({ length: 32 }, caller))
