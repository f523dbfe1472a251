import assert from 'node:assert/strict'
import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import Fastify from 'fastify'
import { importJWK, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import { type Directory, openDirectory, parseManifest } from '../identity/index.ts'
import { fakeClock, newId, parseTenantId } from '../kernel/index.ts'
import { type KeyRing, openKeyRing, openMasterKey } from '../keys/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { type AuthorizationServer, createAuthorizationServer, type TokenEvent } from './index.ts'

const PEOPLE = ['alice', 'bob', 'helper', 'scout', 'chat'] as const
type Name = (typeof PEOPLE)[number]

/** An authorization server as it will be mounted: real HTTP on a free port, real store, real keys. */
export interface TestServer {
  readonly issuer: string
  readonly origin: string
  readonly gw: string
  readonly api: string
  readonly directory: Directory
  readonly keyRing: KeyRing
  readonly clock: ReturnType<typeof fakeClock>
  readonly store: ReturnType<typeof memoryTenantStore>
  /** What was recorded, in order. */
  readonly events: TokenEvent[]
  readonly faults: unknown[]
  /** While true, the log takes nothing. */
  readonly log: { broken: boolean }
  readonly privateKeys: Readonly<Record<Name, KeyObject>>
  /** The client secret of `chat`. */
  readonly secret: string
  server(): AuthorizationServer
  /** Forgets everything that is not in the store. */
  restart(): Promise<void>
  /** An openid-client that authenticates with the principal's own key. */
  client(name: Name): Promise<oidc.Configuration>
  /** A fresh token for the principal itself. */
  token(name: Name, parameters?: Record<string, string>): Promise<string>
  exchange(
    name: Name,
    subjectToken: string,
    parameters?: Record<string, string>,
  ): ReturnType<typeof oidc.genericGrantRequest>
  assertion(name: Name, claims?: Record<string, unknown>): Promise<string>
  post(path: string, body: Record<string, string>, headers?: Record<string, string>): Promise<Response>
  /** A POST that is answered with JSON. */
  ask(path: string, body: Record<string, string>, headers?: Record<string, string>): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export async function startTestServer(t: TestContext): Promise<TestServer> {
  const store = memoryTenantStore()
  const tenant = parseTenantId('demo') ?? assert.fail()
  // oidc-provider looks at the real time for assertions.
  const clock = fakeClock(Math.floor(Date.now() / 1000) * 1000)
  const master = openMasterKey({ directory: '/nowhere', environment: randomBytes(32).toString('base64') })
  const keyRing = await openKeyRing(store, master, tenant, clock)
  const directory = await openDirectory(store, clock)
  const pairs = Object.fromEntries(PEOPLE.map((name) => [name, generateKeyPairSync('ec', { namedCurve: 'P-256' })]))
  const jwk = (name: Name): string => JSON.stringify(pairs[name]?.publicKey.export({ format: 'jwk' }))
  await directory.apply(
    parseManifest(
      `
users: { alice: { keys: [${jwk('alice')}] }, bob: { keys: [${jwk('bob')}] } }
agents: { helper: { sponsor: alice, keys: [${jwk('helper')}] }, scout: { sponsor: alice, keys: [${jwk('scout')}] } }
services: { chat: {}, idle: {} }
`,
      'people.yaml',
    ),
  )
  const secret = await directory.issueClientSecret('chat')

  let current: AuthorizationServer | undefined
  const app = Fastify()
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.all('/*', async (request, reply) => {
      reply.hijack()
      await current?.callback(request.raw, reply.raw)
    })
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    app.server.closeAllConnections()
    await app.close()
    await store.close()
  })

  const issuer = `${origin}/t/demo`
  const [gw, api] = [`${issuer}/gw`, `${issuer}/api`]
  const events: TokenEvent[] = []
  const faults: unknown[] = []
  const log = { broken: false }
  const start = async (): Promise<void> => {
    current = await createAuthorizationServer({
      tenant,
      issuer,
      store,
      keyRing,
      directory,
      clock,
      audiences: [
        { uri: gw, scopes: ['models', 'tools'] },
        { uri: api, scopes: ['admin'] },
      ],
      recordToken: async (event) => {
        if (log.broken) throw new Error('the disk is full')
        events.push(event)
      },
      reportFault: (error) => faults.push(error),
    })
  }
  await start()

  const privateKeys = Object.fromEntries(
    PEOPLE.map((name) => [name, pairs[name]?.privateKey]),
  ) as TestServer['privateKeys'] // one pair was made for each
  const client = async (name: Name): Promise<oidc.Configuration> => {
    const key = await importJWK(privateKeys[name].export({ format: 'jwk' }) as JsonWebKey & { kty: 'EC' }, 'ES256') // a P-256 key
    assert.ok(!(key instanceof Uint8Array))
    return oidc.discovery(new URL(issuer), name, undefined, oidc.PrivateKeyJwt(key), {
      execute: [oidc.allowInsecureRequests],
    })
  }
  const post: TestServer['post'] = (path, body, headers = {}) =>
    fetch(`${issuer}${path}`, { method: 'POST', body: new URLSearchParams(body), headers })
  return {
    issuer,
    origin,
    gw,
    api,
    directory,
    keyRing,
    clock,
    store,
    events,
    faults,
    log,
    privateKeys,
    secret,
    server: () => current ?? assert.fail(),
    restart: start,
    client,
    token: async (name, parameters = {}) =>
      (await oidc.clientCredentialsGrant(await client(name), parameters)).access_token,
    exchange: async (name, subjectToken, parameters = {}) =>
      oidc.genericGrantRequest(await client(name), 'urn:ietf:params:oauth:grant-type:token-exchange', {
        subject_token: subjectToken,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        ...parameters,
      }),
    assertion: (name, claims = {}) =>
      new SignJWT({ iss: name, sub: name, aud: issuer, jti: newId('as', Date.now()), ...claims })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuedAt()
        .setExpirationTime(typeof claims.exp === 'number' ? claims.exp : '60s')
        .sign(privateKeys[name]),
    post,
    ask: async (path, body, headers) => answerOf(await post(path, body, headers)),
  }
}

/** An answer that is a JSON object. */
export async function answerOf(response: Response): Promise<Answer> {
  const body: unknown = await response.json()
  assert.ok(typeof body === 'object' && body !== null)
  return { status: response.status, body: { ...body } }
}

/** The parameters of a client that proves itself with an assertion. */
export function withAssertion(assertion: string): Record<string, string> {
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }
}
