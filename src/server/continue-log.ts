import type { Continuation } from '../audit/index.ts'
import { parseTenantId, systemClock } from '../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../keys/index.ts'
import { openStores } from '../store/index.ts'
import { ServerError } from './errors.ts'
import { keepLogKeys, openTenantLog } from './tenant-log.ts'

/**
 * Lets a tenant's log go on under a new name, after it was restored. For a data directory that no server has open:
 * throws `directory_locked` where one has, `config_invalid` where there is no such tenant.
 */
export async function continueTenantLog(options: {
  readonly data: string
  readonly tenant: string
  readonly reason: string
  readonly environment: Readonly<Record<string, string | undefined>>
}): Promise<Continuation & { readonly keys: string }> {
  const stores = openStores(options.data)
  try {
    const id = parseTenantId(options.tenant)
    if (id === undefined || !(await stores.tenants()).includes(id)) {
      throw new ServerError('config_invalid', `there is no tenant \`${options.tenant}\` in \`${options.data}\``)
    }
    const master = openMasterKey({ directory: options.data, environment: options.environment.SALLYPORT_MASTER_KEY })
    const keyRing = await openKeyRing(await stores.tenant(id), master, id, systemClock)
    const deps = { stores, clock: systemClock, issuer: `http://localhost/t/${id}`, keyRing }
    const { log } = await openTenantLog(id, deps)
    try {
      const continued = await log.continue(options.reason)
      await keepLogKeys(id, log, deps)
      return { ...continued, keys: stores.tenantFile(id, '.log.keys') }
    } finally {
      await log.close()
    }
  } finally {
    await stores.close()
  }
}
