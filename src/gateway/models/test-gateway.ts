// The gateway for models as the tests of this room use it: every room behind it is real, and so is the upstream.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openAccess } from '../../access/index.ts'
import { AuditError, openLog, type ReadableRecord } from '../../audit/index.ts'
import { type Directory, openDirectory, parseManifest, parseSections } from '../../identity/index.ts'
import { parseTenantId } from '../../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../keys/index.ts'
import { createAuthorizationServer } from '../../oauth/index.ts'
import { memoryTenantStore } from '../../store/index.ts'
import { catalogSections, openCatalog } from '../catalog/index.ts'
import { createGateway, type Gateway } from '../gateway.ts'

export interface UpstreamRequestSeen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers one request of the upstream. */
export type Upstream = (request: UpstreamRequestSeen, response: ServerResponse) => void | Promise<void>

export interface TestGateway {
  /** `…/t/demo/gw` */
  readonly url: string
  readonly gateway: Gateway
  readonly directory: Directory
  /** What reached the upstream. */
  readonly seen: readonly UpstreamRequestSeen[]
  /** What the operator was told. */
  readonly reports: readonly string[]
  key(principal: string): Promise<string>
  post(path: string, body: unknown, options?: PostOptions): Promise<Response>
  /** Decisions and outcomes, oldest first, when everything under way has ended. */
  records(): Promise<readonly ReadableRecord[]>
  /** Makes the log refuse everything, or take it again. */
  breakLog(broken: boolean): void
}

export interface PostOptions {
  /** A gateway key; one of `helper`, an agent who may do everything, where it is left out. */
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly method?: string
}

const PEOPLE = `
users: { alice: {}, bob: {} }
agents: { helper: { sponsor: alice, type: assistant }, stranger: { sponsor: bob } }
services: { looker: {} }
`
const POLICIES = `
@id("test/models") @title("assistants use the models")
permit (principal in AgentType::"assistant", action in Action::"models", resource) unless { resource == Model::"secret" };
@id("test/look") @title("lookers see the models")
permit (principal == Service::"looker", action == Action::"model:list", resource) unless { resource == Model::"secret" };
@id("test/tools") @title("assistants use these tools")
permit (principal in AgentType::"assistant", action == Action::"tool:call", resource)
when { ["look", "send"].contains(resource.name) };
@id("test/nobody-else") @title("bob gets no mail")
forbid (principal, action == Action::"tool:call", resource)
when { context.arguments.hasTag("/to") && context.arguments.getTag("/to") == "bob@example.com" };
`
const TIMEOUTS = '{ connect: 500, firstByte: 300, idle: 300 }'

export async function startTestGateway(t: TestContext, upstream: Upstream): Promise<TestGateway> {
  const tenant = parseTenantId('demo') ?? assert.fail()
  const clock = { now: () => Date.now() }
  const seen: UpstreamRequestSeen[] = []
  const behind = await listen(t, async (request, response) => {
    const entry = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await textOf(request),
    }
    seen.push(entry)
    await upstream(entry, response)
  })

  const store = memoryTenantStore()
  const master = openMasterKey({ directory: '/nowhere', environment: randomBytes(32).toString('base64') })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const directory = await openDirectory(store, clock)
  await directory.apply(parseManifest(PEOPLE, 'people.yaml'))
  const catalog = await openCatalog({ store, keyRing, environment: {} })
  await catalog.apply(parseSections(manifestFor(behind), 'models.yaml', catalogSections))
  const access = openAccess(foundation())
  await access.setPolicies([{ name: 'test.cedar', text: POLICIES }])
  const putEntities = (): void => {
    access.putEntities('directory', directory.entities())
    access.putEntities('catalog', catalog.entities())
  }
  putEntities()
  directory.onChange(putEntities)

  const folder = mkdtempSync(join(tmpdir(), 'sallyport-models-'))
  const keys = { signer: keyRing.logSigner(), sealing: keyRing.logSealing() }
  const log = await openLog({ file: join(folder, 'log.db'), tenant, origin: 'localhost/t/demo/log', keys, clock })
  const reports: string[] = []
  let broken = false
  const issuer = 'http://localhost/t/demo'
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
  const gateway = createGateway({
    tenant,
    clock,
    publicUrl: issuer,
    authorization,
    directory,
    access,
    catalog,
    log: {
      append: async (record) => {
        // As the log does while its file cannot be written.
        if (broken) throw new AuditError('log_unavailable', 'the log cannot be written')
        return log.append(record)
      },
    },
    report: ({ what, error }) => reports.push(`${what}: ${String(error)}`),
  })
  const mount = '/t/demo/gw/'
  const before = await listen(t, (request, response) => {
    const [name = '', ...rest] = (request.url ?? '').slice(mount.length).split(/(?=[/?])/)
    return gateway.handle(name, rest.join(''), request, response, {
      trace: '0af7651916cd43dd8448eb211c80319c',
      maxBody: 20_000,
    })
  })
  t.after(async () => {
    await gateway.close()
    await log.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })

  const key = async (principal: string) => (await directory.issueGatewayKey(principal)).secret
  const helper = await key('helper')
  return {
    url: `${before}${mount.slice(0, -1)}`,
    gateway,
    directory,
    seen,
    reports,
    key,
    post: (path, body, options = {}) =>
      fetch(`${before}${mount}${path}`, {
        method: options.method ?? 'POST',
        headers: {
          authorization: `Bearer ${options.key ?? helper}`,
          'content-type': 'application/json',
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }),
    async records() {
      while (gateway.underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const { records } = await log.search({}, { limit: 1000 })
      return records.filter((record) => !record.erased).reverse()
    },
    breakLog(value) {
      broken = value
    },
  }
}

function manifestFor(url: string): string {
  return `
upstreams:
  one: { kind: openai, url: '${url}/v1', credential: { value: upstream-secret }, timeouts: ${TIMEOUTS} }
  two: { kind: anthropic, url: '${url}', credential: { value: upstream-secret }, timeouts: ${TIMEOUTS} }
  nobody: { kind: openai, url: 'http://127.0.0.1:9', timeouts: ${TIMEOUTS} }
models:
  chat: { upstream: one, upstreamModel: chat-2025 }
  secret: { upstream: one }
  nowhere: { upstream: nobody }
  claude: { upstream: two, upstreamModel: claude-2025 }
`
}

async function listen(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<string> {
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listening on TCP
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function foundation() {
  const folder = join(import.meta.dirname, '../../../foundation')
  const names = globSync('policies/*.cedar', { cwd: folder }).sort()
  return {
    schema: readFileSync(join(folder, 'schema.cedarschema'), 'utf8'),
    policies: names.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
  }
}
