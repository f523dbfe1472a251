import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openAccess } from '../../access/index.ts'
import { type Log, openLog, type StoredRecord } from '../../audit/index.ts'
import { openDirectory, parseManifest, parseSections } from '../../identity/index.ts'
import { newTxn, parseTenantId, type Txn } from '../../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../keys/index.ts'
import { createAuthorizationServer } from '../../oauth/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import { type Catalog, catalogSections } from '../catalog/index.ts'
import { openCatalog } from '../catalog/open-catalog.ts'
import { Flights } from '../flight.ts'
import { openUpstreamClient } from '../forwarding/upstream-client.ts'
import { arrivalOf, NodeSink } from '../node-http.ts'
import { createOriginMemory } from '../origin/index.ts'
import { serve } from '../pipeline.ts'
import type { GatewayPorts } from '../ports.ts'
import { createMcpProtocol } from './index.ts'

/** The gateway for MCP with every room behind it that it will have, at a free port. */
export interface TestGateway {
  readonly origin: string
  readonly ports: GatewayPorts
  readonly catalog: Catalog
  readonly log: Log
  /** Where clients reach the server. */
  url(server: string): URL
  /** A fresh access token; each has a request id of its own. */
  token(name: string, scope?: string): Promise<string>
  /** A gateway key. */
  key(name: string): Promise<string>
  txnOf(token: string): Txn
  records(kind?: string): Promise<readonly StoredRecord[]>
  setPolicies(text: string): Promise<void>
  /** Declares upstreams as a manifest would. */
  declare(yaml: string): Promise<void>
  setStatus(name: string, status: 'active' | 'suspended'): Promise<void>
  /** One hand-written request; an object is sent as JSON, text as it is. */
  ask(server: string, token: string | undefined, body: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** What came back: of a stream every message, of JSON the one. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly messages: readonly Message[]
}

export interface Message {
  readonly id?: string | number | null
  readonly method?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> }
}

const PEOPLE = `
users: { alice: {}, bob: {} }
agents: { helper: { sponsor: alice }, other: { sponsor: bob } }
services: { outsider: {} }
`

/** Everybody but `outsider` may do everything with every server, except for what a server may ask of its client. */
const POLICIES = `
@id("test/all") @title("agents use the servers")
permit (principal is Agent, action in Action::"tools", resource)
unless { action in [Action::"sampling:request", Action::"elicitation:request", Action::"roots:request"] };
`

/** `guardrails`: the policies of the foundation, which a deployment may have replaced. */
export async function startTestGateway(
  t: TestContext,
  upstreams: string,
  policies = POLICIES,
  guardrails = true,
): Promise<TestGateway> {
  const tenant = parseTenantId('demo') ?? assert.fail()
  // oidc-provider looks at the real time.
  const clock = { now: () => Date.now() }
  const store = memoryTenantStore()
  const master = openMasterKey({ directory: '/nowhere', environment: randomBytes(32).toString('base64') })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const directory = await openDirectory(store, clock)
  await directory.apply(parseManifest(PEOPLE, 'people.yaml'))
  const catalog = await openCatalog({ store, keyRing, environment: {} })
  const declare = async (yaml: string): Promise<void> => {
    await catalog.apply(parseSections(yaml, 'upstreams.yaml', catalogSections))
  }
  await declare(upstreams)
  const { schema, policies: own } = foundation()
  const access = openAccess({ schema, policies: guardrails ? own : [] })
  const setPolicies = (text: string): Promise<void> => access.setPolicies([{ name: 'test.cedar', text }])
  await setPolicies(policies)
  const putEntities = (): void => {
    access.putEntities('directory', directory.entities())
    access.putEntities('catalog', catalog.entities())
  }
  putEntities()
  directory.onChange(putEntities)
  catalog.onChange(putEntities)

  const folder = mkdtempSync(join(tmpdir(), 'sallyport-mcp-'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const origin = `http://127.0.0.1:${address.port}`
  const issuer = `${origin}/t/demo`
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
  const client = openUpstreamClient(catalog)
  const ports: GatewayPorts = {
    tenant,
    clock,
    publicUrl: issuer,
    authorization,
    access,
    log,
    catalog,
    origin: createOriginMemory(clock),
    forward: (request, flight) => client.send(request, flight),
    report: ({ what, error }) => t.diagnostic(`${what}: ${String(error)}`),
  }
  const flights = new Flights()
  directory.onChange((ids) => flights.cut(new Set(ids.filter((id) => !directory.inGoodStanding(id))), () => undefined))
  const protocol = createMcpProtocol(clock)
  const mount = '/t/demo/gw/mcp'
  server.on('request', (request, response) => {
    const { url = '' } = request
    if (!url.startsWith(mount)) return void authorization.callback(request, response)
    const arrival = arrivalOf(request, url.slice(mount.length), {
      trace: randomBytes(16).toString('hex'),
      maxBody: 4e6,
    })
    void serve(protocol, arrival, new NodeSink(request, response), ports, flights)
  })
  t.after(async () => {
    flights.cutAll()
    server.closeAllConnections()
    server.close()
    await client.close()
    await log.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })
  const secrets = new Map<string, string>()

  return {
    origin,
    ports,
    catalog,
    log,
    url: (name) => new URL(`${issuer}/gw/mcp/${name}`),
    async token(name, scope = 'tools') {
      const secret = secrets.get(name) ?? (await directory.issueClientSecret(name))
      secrets.set(name, secret)
      const answer = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: `${issuer}/gw` }),
      })
      const body: unknown = await answer.json()
      assert.ok(typeof body === 'object' && body !== null && 'access_token' in body, JSON.stringify(body))
      return String(body.access_token)
    },
    key: async (name) => (await directory.issueGatewayKey(name)).secret,
    txnOf: (token) => claimsOf(token).txn ?? newTxn(0),
    records: async (kind) =>
      (await log.search({}, { limit: 1000 })).records
        .filter((record) => kind === undefined || record.kind === kind)
        .reverse(),
    setPolicies,
    declare,
    setStatus: (name, status) => directory.setStatus(name, status),
    async ask(name, token, body, headers = {}) {
      const response = await fetch(`${issuer}/gw/mcp/${name}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json, text/event-stream',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, messages: messagesIn(text) }
    },
  }
}

function messagesIn(text: string): readonly Message[] {
  if (text.startsWith('{')) return [JSON.parse(text)]
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data))
}

function claimsOf(token: string): { readonly txn?: Txn } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
}

function foundation() {
  const folder = join(import.meta.dirname, '../../../foundation')
  const names = globSync('policies/*.cedar', { cwd: folder }).sort()
  return {
    schema: readFileSync(join(folder, 'schema.cedarschema'), 'utf8'),
    policies: names.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
  }
}
