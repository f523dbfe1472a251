import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { StoredRecord } from '../../audit/index.ts'
import { newTxn, type Txn } from '../../kernel/index.ts'
import { openTestRooms, type TestRooms } from '../test-rooms.ts'

/** The gateway for MCP with every room behind it that it will have, at a free port. */
export interface TestGateway extends TestRooms {
  /** Where clients reach the server. */
  url(server: string): URL
  /** A fresh access token; each has a request id of its own. */
  token(name: string, scope?: string): Promise<string>
  /** A gateway key. */
  key(name: string): Promise<string>
  /** Revokes a token, as the principal that has it may do (RFC 7009). */
  revoke(name: string, token: string): Promise<void>
  txnOf(token: string): Txn
  records(kind?: string): Promise<readonly StoredRecord[]>
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
  const rooms = await openTestRooms(t, { people: PEOPLE, upstreams, policies, guardrails, maxBody: 4e6 })
  const { issuer, directory } = rooms
  const secrets = new Map<string, string>()

  return {
    ...rooms,
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
    async revoke(name, token) {
      const answer = await fetch(`${issuer}/token/revocation`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${name}:${secrets.get(name)}`).toString('base64')}` },
        body: new URLSearchParams({ token }),
      })
      assert.equal(answer.status, 200)
    },
    key: async (name) => (await directory.issueGatewayKey(name)).secret,
    txnOf: (token) => claimsOf(token).txn ?? newTxn(0),
    records: async (kind) =>
      (await rooms.settledRecords()).filter((record) => kind === undefined || record.kind === kind),
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
