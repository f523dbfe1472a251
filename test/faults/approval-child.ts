// Asks for approvals, gives and uses them, until it is killed. `node approval-child.ts DIRECTORY MASTER_KEY ACTIONS_FILE FIRST`
import { appendFileSync } from 'node:fs'
import { agent, openHouse, sending, user } from '../../src/access/approvals/test-house.ts'
import { parseTenantId } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const [directory = '', key = '', actions = '', first = '0'] = process.argv.slice(2)
const tenant = parseTenantId('demo')
if (tenant === undefined) throw new Error('no tenant')
const stores = openStores(directory)
await stores.createTenant(tenant, Date.now())
const house = await openHouse({ store: await stores.tenant(tenant), key })
const ctx = house.context([agent('courier')])
const question = (n: number) => sending({ '/to': 'carol@example.com', '/n': String(n) })

/** Does what was allowed: a line in a file, which is there once `reserve` has answered and never before. */
async function act(n: number): Promise<void> {
  const decision = house.access.decide(ctx, question(n))
  const reserved = await house.access.reserve(ctx, [question(n)], [decision])
  if (decision.decision === 'deny' || reserved.refused !== undefined) return
  appendFileSync(actions, `${decision.approval}\n`)
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
  reserved.settle()
}

// Nobody is to be left running where the kill does not come.
setTimeout(() => process.exit(3), 20_000).unref()
// What an earlier process has used must not work again; what it was given and has not used may.
for (let n = 0; n < Number(first); n++) await act(n)
process.stdout.write('open\n')
for (let n = Number(first); ; n++) {
  // The last process may have come as far as giving it.
  if (house.access.decide(ctx, question(n)).decision === 'deny') {
    await house.approvals.give(await house.waiting(ctx, question(n)), user('ada').id)
  }
  process.stdout.write(`${n}\n`)
  await Promise.all([act(n), act(n)])
}
