import { writeFileSync } from 'node:fs'
import { fileTombstones, type Log, type LogMeter, openLog } from '../audit/index.ts'
import type { Clock, TenantId } from '../kernel/index.ts'
import type { KeyRing } from '../keys/index.ts'
import type { Stores } from '../store/index.ts'
import { logKeysText } from './log-keys.ts'

export interface TenantLogDeps {
  readonly stores: Stores
  readonly clock: Clock
  /** The tenant's URL; a new log is named for it. */
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly meter?: LogMeter
}

/** Opens the log of a tenant with everything that lies beside it, and puts its public keys there too. */
export async function openTenantLog(
  id: TenantId,
  deps: TenantLogDeps,
): Promise<{ readonly log: Log; readonly logKeys: string }> {
  const { stores, clock, issuer, keyRing, meter } = deps
  const known = await knownOrigin(id, stores)
  const origin = known ?? `${issuer.replace(/^https?:\/\//, '')}/log`
  const log = await openLog({
    file: stores.tenantFile(id, '.log.db'),
    tenant: id,
    origin,
    begun: known !== undefined,
    keys: { signer: keyRing.logSigner(), quantumSigner: keyRing.logQuantumSigner(), sealing: keyRing.logSealing() },
    clock,
    ...(meter === undefined ? {} : { meter }),
    tombstones: fileTombstones(stores.tenantFile(id, '.log.tombstones')),
    witnessedFile: stores.tenantFile(id, '.log.witnessed'),
    headFile: stores.tenantFile(id, '.log.head'),
  })
  if (known === undefined) {
    await stores.system.write((q) =>
      q.updateTable('tenants').set({ log_origin: origin }).where('id', '=', id).execute(),
    )
  }
  return { log, logKeys: await keepLogKeys(id, log, deps) }
}

/** Writes the public keys beside the log, under every name that it has had, so that a copy can be verified anywhere. */
export async function keepLogKeys(id: TenantId, log: Log, { stores, keyRing }: TenantLogDeps): Promise<string> {
  const text = logKeysText(await log.origins(), keyRing)
  writeFileSync(stores.tenantFile(id, '.log.keys'), text, { mode: 0o600 })
  return text
}

/**
 * The name that the log was begun under. It is made once, of the log's URL without its scheme (C2SP tlog-checkpoint),
 * and stays when the server is reached at another URL: whoever knows the log knows it by that name.
 */
async function knownOrigin(id: TenantId, stores: Stores): Promise<string | undefined> {
  const row = await stores.system.read((q) =>
    q.selectFrom('tenants').select('log_origin').where('id', '=', id).executeTakeFirst(),
  )
  return row?.log_origin ?? undefined
}
