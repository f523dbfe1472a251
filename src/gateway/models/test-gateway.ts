// The gateway for models as the tests of this room use it: every room behind it is real, and so is the upstream.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { ReadableRecord } from '../../audit/index.ts'
import type { Directory } from '../../identity/index.ts'
import type { Gateway } from '../gateway.ts'
import { listenForTest, openTestRooms } from '../test-rooms.ts'

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
  setModes(modes: Readonly<Record<string, 'observe' | 'enforce'>>): void
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
  const seen: UpstreamRequestSeen[] = []
  const behind = await listenForTest(t)
  behind.server.on('request', (request, response) => void answer(request, response))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entry = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await textOf(request),
    }
    seen.push(entry)
    await upstream(entry, response)
  }
  const upstreams = manifestFor(behind.origin)
  const rooms = await openTestRooms(t, { people: PEOPLE, upstreams, policies: POLICIES, maxBody: 20_000 })
  const { gateway, directory, reports, breakLog } = rooms
  const url = `${rooms.issuer}/gw`
  const key = async (principal: string) => (await directory.issueGatewayKey(principal)).secret
  const helper = await key('helper')
  return {
    url,
    gateway,
    directory,
    seen,
    reports,
    key,
    post: (path, body, options = {}) =>
      fetch(`${url}/${path}`, {
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
      return (await rooms.settledRecords()).filter((record) => !record.erased)
    },
    breakLog,
    setModes: (modes) => rooms.access.setModes(new Map(Object.entries(modes))),
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

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
