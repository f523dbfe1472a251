// Exports a log that grows to a receiver, until it is killed. `node export-child.ts DIRECTORY RECEIVER_URL SEALING_KEY_HEX SIGNING_KEY_PEM_BASE64`
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto'
import { join } from 'node:path'
import { exportsOf } from '../../src/audit/export/export-fixture.ts'
import { openLog } from '../../src/audit/index.ts'
import { decision, origin, tenant } from '../../src/audit/log-fixture.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { openStores } from '../../src/store/index.ts'

const [directory = '', url = '', sealing = '', signing = ''] = process.argv.slice(2)
const privateKey = createPrivateKey(Buffer.from(signing, 'base64').toString('utf8'))
const keys = {
  signer: { privateKey, publicKey: createPublicKey(privateKey) },
  sealing: createSecretKey(Buffer.from(sealing, 'hex')),
}
const stores = openStores(join(directory, 'data'))
await stores.createTenant(tenant, Date.now())
const file = join(directory, 'demo.log.db')
const log = await openLog({ file, tenant, origin, keys, clock: systemClock })
await exportsOf(
  { directory },
  log,
  await stores.tenant(tenant),
  `exports:
     hook: { kind: webhook, url: '${url}', credential: { env: SALLYPORT_EXPORT_SECRET } }
     siem: { kind: ocsf-file, path: events.jsonl }`,
)
await some()
process.stdout.write('written\n')
// Nobody is to be left running where the kill does not come.
setTimeout(() => process.exit(3), 20_000).unref()
for (;;) {
  await some()
  await new Promise((resolve) => setTimeout(resolve, 2))
}

function some(): Promise<unknown> {
  return Promise.all(Array.from({ length: 20 }, () => log.append(decision({ at: Date.now() }))))
}
