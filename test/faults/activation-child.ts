// Activates revisions of two layers together, and decides, until it is killed. `node activation-child.ts DIRECTORY FILE`
import { appendFileSync } from 'node:fs'
import { grants, openHouse } from '../../src/access/revisions/test-house.ts'
import { parseTenantId } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const [directory = '', file = ''] = process.argv.slice(2)
const tenant = parseTenantId('demo')
if (tenant === undefined) throw new Error('no tenant')
const stores = openStores(directory)
await stores.createTenant(tenant, Date.now())
const house = await openHouse({ store: await stores.tenant(tenant) })
const layer = { kind: 'project', id: 'churn' } as const
const grant = (action: string) => ({
  ...grants(action),
  name: `churn-${action}`,
  layer,
  text: grants(action).text.replace('@id("', '@id("churn-'),
})

/** What has decided stands in the file before anything else happens. */
const decide = (): void =>
  appendFileSync(file, `${house.access.revision()} ${house.ask('data:read')} ${house.ask('data:write')}\n`)

// Nobody is to be left running where the kill does not come.
setTimeout(() => process.exit(3), 20_000).unref()
decide()
process.stdout.write('open\n')
for (let n = 0; ; n++) {
  // Both layers grant the same: one without the other would show.
  const action = n % 2 === 0 ? 'data:read' : 'data:write'
  const one = await house.push([grants(action), { name: 'n.cedar', text: `// ${n} of ${process.pid}` }])
  const two = await house.push([grant(action)], { layer })
  const isActive = house.revisions.active().revisions.get('project/churn') === two.address
  await house.activate(one.address, ...(isActive ? [] : [two.address]))
  decide()
  if (n % 3 === 2) {
    await house.rollback()
    decide()
  }
}
