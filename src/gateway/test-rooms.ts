// A gateway as the tests of this room use it: every room behind it is real, on a server of its own.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Access, openAccess } from '../access/index.ts'
import { AuditError, type Log, openLog, type StoredRecord } from '../audit/index.ts'
import { type Directory, openDirectory, parseManifest, parseSections } from '../identity/index.ts'
import { parseTenantId, type TenantId } from '../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../keys/index.ts'
import { type AuthorizationServer, createAuthorizationServer } from '../oauth/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { type Catalog, catalogSections, openCatalog } from './catalog/index.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { createOriginMemory } from './origin/index.ts'
import type { OriginMemory } from './ports.ts'

export interface TestRooms {
  readonly tenant: TenantId
  /** `http://127.0.0.1:PORT/t/demo`; the gateway and the authorization server answer below it. */
  readonly issuer: string
  readonly directory: Directory
  readonly catalog: Catalog
  readonly access: Access
  readonly log: Log
  readonly authorization: AuthorizationServer
  readonly origin: OriginMemory
  readonly gateway: Gateway
  /** What the operator was told. */
  readonly reports: readonly string[]
  setPolicies(text: string): Promise<void>
  /** Declares upstreams and models as a manifest would. */
  declare(yaml: string): Promise<void>
  /** Makes the log refuse everything, or take it again. */
  breakLog(broken: boolean): void
  /** What is recorded, oldest first, once no more comes: outcomes are gathered for a moment. */
  settledRecords(): Promise<readonly StoredRecord[]>
}

export interface TestRoomsOptions {
  /** Manifests. */
  readonly people: string
  readonly upstreams: string
  readonly policies: string
  /** Without the policies of the foundation where it is false, as in a deployment that has replaced them. */
  readonly guardrails?: boolean
  readonly maxBody: number
}

export async function openTestRooms(t: TestContext, options: TestRoomsOptions): Promise<TestRooms> {
  const tenant = parseTenantId('demo') ?? assert.fail()
  // oidc-provider looks at the real time.
  const clock = { now: () => Date.now() }
  const store = memoryTenantStore()
  const master = openMasterKey({ directory: '/nowhere', environment: randomBytes(32).toString('base64') })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const directory = await openDirectory(store, clock)
  await directory.apply(parseManifest(options.people, 'people.yaml'))
  const catalog = await openCatalog({ store, keyRing, environment: {} })
  const declare = async (yaml: string): Promise<void> => {
    await catalog.apply(parseSections(yaml, 'upstreams.yaml', catalogSections))
  }
  await declare(options.upstreams)
  const { schema, policies } = foundation()
  const access = openAccess({ schema, policies: options.guardrails === false ? [] : policies })
  const setPolicies = (text: string) => access.setPolicies([{ name: 'test.cedar', text }])
  await setPolicies(options.policies)
  const putEntities = (): void => {
    access.putEntities('directory', directory.entities())
    access.putEntities('catalog', catalog.entities())
  }
  putEntities()
  directory.onChange(putEntities)
  catalog.onChange(putEntities)

  const { server, origin: address } = await listenForTest(t)
  const issuer = `${address}/t/demo`
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-gateway-'))
  const log = await openLog({
    file: join(folder, 'demo.log.db'),
    tenant,
    origin: 'localhost/t/demo/log',
    keys: { signer: keyRing.logSigner(), quantumSigner: keyRing.logQuantumSigner(), sealing: keyRing.logSealing() },
    clock,
  })
  const authorization = await createAuthorizationServer({
    tenant,
    issuer,
    store,
    keyRing,
    directory,
    clock,
    audiences: [{ uri: `${issuer}/gw`, scopes: ['models', 'tools'] }],
    recordToken: async () => undefined,
    reportFault: (error) => t.diagnostic(String(error)),
  })
  const reports: string[] = []
  let isBroken = false
  const origin = createOriginMemory(clock)
  const gateway = createGateway({
    tenant,
    clock,
    publicUrl: issuer,
    authorization,
    directory,
    access,
    catalog,
    origin,
    log: {
      append: async (record) => {
        // As the log does while its file cannot be written.
        if (isBroken) throw new AuditError('log_unavailable', 'the log cannot be written')
        return log.append(record)
      },
    },
    report: ({ what, error }) => reports.push(`${what}: ${String(error)}`),
  })
  const mount = '/t/demo/gw/'
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { url = '' } = request
    if (!url.startsWith(mount)) return void authorization.callback(request, response)
    const [name = '', ...rest] = url.slice(mount.length).split(/(?=[/?])/)
    const trace = '0af7651916cd43dd8448eb211c80319c'
    void gateway.handle(name, rest.join(''), request, response, { trace, maxBody: options.maxBody })
  })
  t.after(async () => {
    await gateway.close()
    await log.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return {
    tenant,
    issuer,
    directory,
    catalog,
    access,
    log,
    authorization,
    origin,
    gateway,
    reports,
    setPolicies,
    declare,
    breakLog(value) {
      isBroken = value
    },
    async settledRecords() {
      let found: readonly StoredRecord[] = []
      for (let same = 0; same < 3; same++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        const { records } = await log.search({}, { limit: 1000 })
        if (records.length !== found.length) same = 0
        found = records
      }
      return [...found].reverse()
    },
  }
}

/** A server at a free port of this machine, which answers nothing yet. */
export async function listenForTest(t: TestContext) {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } // listening on TCP
}

function foundation() {
  const folder = join(import.meta.dirname, '../../foundation')
  const names = globSync('policies/*.cedar', { cwd: folder }).sort()
  return {
    schema: readFileSync(join(folder, 'schema.cedarschema'), 'utf8'),
    policies: names.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
  }
}
