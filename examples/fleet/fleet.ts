import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type FakeClock, fakeClock, parseTenantId, type TenantId } from '../../src/kernel/index.ts'
import { openMasterKey } from '../../src/keys/index.ts'
import { openTenant, type Tenant } from '../../src/server/tenant.ts'
import { openStores, type Stores } from '../../src/store/index.ts'
import { type Company, companyOf } from './company.ts'
import { manifestOf } from './manifest.ts'
import { type Played, playRequests } from './play.ts'
import { FIRST_DAY, requestsOf, type TrafficOptions } from './requests.ts'

/** The company in this process: a tenant with all its rooms, as a server has it, and a clock that traffic moves. */
export interface Fleet {
  readonly company: Company
  /** Of the process that runs now; another one after `reopen`. */
  readonly tenant: Tenant
  readonly stores: Stores
  readonly clock: FakeClock
  /** Where its data is. */
  readonly directory: string
  /** Lets the company work. What it does is decided and recorded as a server would; see `playRequests`. */
  play(traffic: TrafficOptions): Promise<Played>
  /** As after a restart. */
  reopen(): Promise<void>
  /** Removes its data. */
  close(): Promise<void>
}

export interface FleetOptions {
  readonly seed?: number
  /**
   * `proper`: the company's policies as they should be. `open`: everything is permitted that the foundation does not
   * forbid, as on a first day.
   */
  readonly policies?: 'proper' | 'open'
}

export const OPEN_POLICY = '@id("open")\n@title("the first day: everything")\npermit (principal, action, resource);\n'

/** Opens a tenant `demo` in a temporary directory and applies the company's manifests to it. */
export async function openFleet({ seed = 1, policies = 'proper' }: FleetOptions = {}): Promise<Fleet> {
  const company = companyOf(seed)
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-fleet-'))
  const clock = fakeClock(FIRST_DAY)
  const stores = openStores(directory)
  const id = demo()
  await stores.createTenant(id, clock.now())
  const open = (): Promise<Tenant> =>
    openTenant(id, {
      stores,
      master: openMasterKey({ directory, environment: MASTER }),
      publicUrl: 'http://localhost',
      clock,
      log: pino({ level: 'silent' }),
      environment: {},
      witnesses: [],
      witnessQuorum: 0,
    })
  let tenant = await open()
  const { manifests, files } = fleetFiles(company, policies)
  await tenant.apply(manifests, files)
  return {
    company,
    get tenant() {
      return tenant
    },
    stores,
    clock,
    directory,
    play: (traffic) => playRequests(requestsOf(company, traffic), { company, tenant, clock }),
    async reopen() {
      await tenant.close()
      tenant = await open()
    },
    async close() {
      await tenant.close()
      await stores.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Texts {
  readonly manifests: readonly { readonly name: string; readonly text: string }[]
  readonly files: readonly { readonly name: string; readonly text: string }[]
}

/** The manifests of the company and the policies that they name, as `tenant.apply` takes them. */
export function fleetFiles(company: Company, policies: 'proper' | 'open' = 'proper'): Texts {
  const people = { name: 'company.yaml', text: manifestOf(company) }
  const manifest = readFileSync(join(FOLDER, 'tenant.yaml'), 'utf8')
  if (policies === 'open') {
    const first = manifest.slice(0, manifest.indexOf('policies:'))
    const rest = manifest.slice(manifest.indexOf('\nhours:'))
    // Who has which role needs its template, whatever else is permitted.
    const named = `${first}policies: [open.cedar, policies/roles.cedar]\n${rest}`
    const files = [{ name: 'open.cedar', text: OPEN_POLICY }, fileNamed('policies/roles.cedar')]
    return { manifests: [people, { name: 'tenant.yaml', text: named }], files }
  }
  const names = [...manifest.matchAll(/policies\/[\w-]+\.cedar/g)].map(([name]) => name)
  return { manifests: [people, { name: 'tenant.yaml', text: manifest }], files: names.map(fileNamed) }
}

export const FOLDER = join(import.meta.dirname, 'tenant')

function fileNamed(name: string): Texts['files'][number] {
  return { name, text: readFileSync(join(FOLDER, name), 'utf8') }
}

// Of nothing but examples, and the same every time.
const MASTER = Buffer.alloc(32, 7).toString('base64')

function demo(): TenantId {
  const id = parseTenantId('demo')
  if (id === undefined) throw new TypeError('`demo` is a tenant id')
  return id
}
