import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { modeTargetText } from '../access/index.ts'
import { createHttpServer } from '../http/index.ts'
import { parseTenantId, systemClock, type TenantId } from '../kernel/index.ts'
import { openMasterKey } from '../keys/index.ts'
import { openStores, type Stores } from '../store/index.ts'
import { type Config, isLoopback } from './config.ts'
import { type Demo, type DemoSummary, openDemo } from './demo/index.ts'
import { ServerError } from './errors.ts'
import { openTenant, type Tenant, type TenantDeps } from './tenant.ts'

/** A Sallyport that is up. */
export interface RunningSallyport {
  readonly summary: Summary
  /** Ends open streams, writes the last records and releases the data directory. */
  close(): Promise<void>
}

export interface Summary {
  readonly url: string
  readonly data: string
  readonly tenants: readonly string[]
  /** What of which tenant stands in observe: nothing is refused there. */
  readonly observed: readonly { readonly tenant: string; readonly targets: readonly string[] }[]
  readonly demo: DemoSummary | undefined
}

export interface StartOptions {
  readonly version: string
  /** Where upstream credentials and the master key may come from. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

/** Milliseconds that requests under way get to end when Sallyport stops. */
const GRACE = 2_000

/** Starts one process that is everything. Throws `SallyportError` with one clear sentence; nothing is left half-made. */
export async function startSallyport(config: Config, options: StartOptions): Promise<RunningSallyport> {
  // Everything that can be refused without touching the disk is refused first.
  checkDataDirectory(config.data)
  if (config.port !== 0) await checkFree(config.host, config.port)
  const wantsDemo = demoWanted(config)
  if (wantsDemo && !isLoopback(config.host)) {
    throw new ServerError('demo_exposed', `the demo listens on loopback only, not on \`${config.host}\``)
  }

  const undo: (() => Promise<void> | void)[] = []
  const unwind = async (): Promise<void> => {
    for (const step of undo.reverse()) await step()
  }
  try {
    const stores = openStores(config.data)
    undo.push(() => stores.close())
    const master = openMasterKey({ directory: config.data, environment: options.environment.SALLYPORT_MASTER_KEY })
    const tenants = new Map<TenantId, Tenant>()
    undo.push(() => closeAll(tenants))

    const http = createHttpServer({
      tenant: (id) => {
        const parsed = parseTenantId(id)
        return parsed === undefined ? undefined : tenants.get(parsed)
      },
      writable: () => tenants.size > 0 && [...tenants.values()].every((tenant) => tenant.log.status().writable),
      version: options.version,
      publicUrl: () => publicUrl,
      maxBody: config.maxBody,
      log: options.log,
    })
    // URLs that Sallyport issues need the port, so it is bound before the tenants are opened; none is known until then.
    const port = await listen(() => http.listen({ host: config.host, port: config.port }), config)
    undo.push(() => http.close(GRACE))
    const publicUrl = config.publicUrl ?? `http://localhost:${port}`

    const deps: TenantDeps = {
      stores,
      master,
      publicUrl,
      clock: systemClock,
      log: options.log,
      environment: options.environment,
      witnesses: config.witnesses,
      witnessQuorum: config.witnessQuorum,
    }
    const demo = wantsDemo ? await openDemo(config, deps) : undefined
    if (demo !== undefined) undo.push(() => demo.close())
    await openTenants(stores, tenants, deps, demo)
    return {
      summary: {
        url: publicUrl,
        data: config.data,
        tenants: [...tenants.keys()],
        observed: observedIn(tenants.values()),
        demo: demo?.summary,
      },
      close: unwind,
    }
  } catch (error) {
    await unwind()
    throw error
  }
}

async function openTenants(
  stores: Stores,
  tenants: Map<TenantId, Tenant>,
  deps: TenantDeps,
  demo: Demo | undefined,
): Promise<void> {
  for (const id of await stores.tenants()) {
    if (id === demo?.tenant) continue
    tenants.set(id, await openTenant(id, deps))
  }
  if (demo === undefined) return
  const tenant = await openTenant(demo.tenant, { ...deps, environment: { ...deps.environment, ...demo.environment } })
  tenants.set(demo.tenant, tenant)
  await demo.seed(tenant)
}

function observedIn(tenants: Iterable<Tenant>): Summary['observed'] {
  return [...tenants]
    .map(({ id, modes }) => {
      const observed = modes.list().filter(({ mode }) => mode === 'observe')
      return { tenant: id, targets: observed.map(({ target }) => modeTargetText(target)) }
    })
    .filter(({ targets }) => targets.length > 0)
}

async function closeAll(tenants: ReadonlyMap<TenantId, Tenant>): Promise<void> {
  for (const tenant of tenants.values()) await tenant.close()
}

// What a data directory of ours can hold; anything else in it means that it is somebody else's.
const OURS = new Set([
  'system.db',
  'system.db-wal',
  'system.db-shm',
  'tenants',
  'demo',
  'master.key',
  'lock.db',
  'lock.db-wal',
  'lock.db-shm',
  'lock.pid',
])

function checkDataDirectory(directory: string): void {
  if (!existsSync(directory)) return
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    throw new ServerError('config_invalid', `data directory \`${directory}\` cannot be read`, { cause: error })
  }
  if (names.length > 0 && !names.includes('system.db') && names.some((name) => !OURS.has(name))) {
    throw new ServerError('config_invalid', `\`${directory}\` is not empty and not a sallyport data directory`)
  }
}

function demoWanted(config: Config): boolean {
  if (config.demo.enabled !== 'auto') return config.demo.enabled
  return !existsSync(join(config.data, 'system.db')) || existsSync(join(config.data, 'demo'))
}

/** Throws `listen_failed` where the address is taken, before anything was created. */
async function checkFree(host: string, port: number): Promise<void> {
  const probe = createServer()
  await listen(
    () =>
      new Promise<void>((resolve, reject) => {
        probe.once('error', reject)
        probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()))
      }),
    { host, port },
  )
}

async function listen<T>(attempt: () => Promise<T>, at: { readonly host: string; readonly port: number }): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException // what net servers emit
    const why = code === 'EADDRINUSE' ? 'is already in use' : `cannot be listened on (${code ?? 'unknown'})`
    throw new ServerError('listen_failed', `port ${at.port} on ${at.host} ${why}`, { cause: error })
  }
}
