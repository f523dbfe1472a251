import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Directory } from '../identity/index.ts'
import type { Caller, Clock, DelegationId, TenantId } from '../kernel/index.ts'
import type { KeyRing } from '../keys/index.ts'
import type { TenantStore } from '../store/index.ts'
import type { Audience } from './audience.ts'
import { type Authenticated, authenticateBearer, bearerChallenge } from './bearer.ts'
import type { OAuthError } from './errors.ts'
import {
  type AuthorizationServerMetadata,
  PATHS,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from './metadata.ts'
import { buildProvider } from './provider.ts'
import { readAhead } from './request-body.ts'
import type { RecordToken } from './token-event.ts'
import { openTokenState } from './token-state.ts'
import { tokenVerifier, type VerifiedToken } from './verify-token.ts'

/** The authorization server of one tenant. */
export interface AuthorizationServer {
  readonly issuer: string
  /** What `callback` answers: whole paths of this server, for whoever mounts it. */
  readonly paths: readonly string[]
  /**
   * Answers a request for one of `paths`. The body must still be on the stream. Nothing in the answer comes from the
   * Host header.
   */
  callback(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Throws `OAuthError('invalid_token')`, whatever is wrong. `audience` is where the token is used. */
  verifyAccessToken(token: string, audience: string): Promise<VerifiedToken>
  /** Takes the credential of a request. Throws `OAuthError`. */
  authenticateBearer(headers: IncomingHttpHeaders, audience: string): Promise<Authenticated>
  /** `WWW-Authenticate` for a 401; with `resource`, where its metadata is found. */
  challenge(error: OAuthError, options?: { readonly resource?: string; readonly scope?: readonly string[] }): string
  /** The metadata document of one of our resources (RFC 9728). */
  resourceMetadata(resource: string, scopes: readonly string[]): AuthorizationServerMetadata
  /** Revokes a delegation and everything derived from it, at once. */
  revokeDelegation(id: DelegationId): Promise<void>
  /** Whether the caller's token, or what it was derived from, was revoked. From memory. */
  isRevoked(caller: Caller): boolean
  /** Tells of every revocation, once it is durable. Returns how to stop listening. */
  onRevoked(listener: () => void): () => void
}

export interface AuthorizationServerOptions {
  readonly tenant: TenantId
  /** `PUBLIC_URL/t/TENANT`: every URL that is issued begins with it. */
  readonly issuer: string
  readonly store: TenantStore
  readonly keyRing: KeyRing
  readonly directory: Directory
  readonly clock: Clock
  /** What tokens are for; the first is the gateway, where gateway keys are good, and the default. */
  readonly audiences: readonly [Audience, ...Audience[]]
  readonly recordToken: RecordToken
  /** Takes errors that are nobody's fault but ours. */
  readonly reportFault: (error: unknown) => void
}

export async function createAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const { issuer, directory, keyRing, clock, tenant } = options
  const state = await openTokenState(options.store, clock)
  const verifier = tokenVerifier({ issuer, keyRing, directory, state, clock })
  const deps = { ...options, state, verifier }
  const bearer = { verifier, directory, clock, gateway: options.audiences[0] }

  const build = () => ({ kid: keyRing.signing().kid, answer: buildProvider(deps).callback() })
  let current = build()
  const routes = routesOf(tenant)

  return {
    issuer,
    paths: [...routes.keys()],
    async callback(request, response) {
      // A provider's keys are fixed: after a rotation it is another one.
      if (current.kid !== keyRing.signing().kid) current = build()
      try {
        await answer(request, response, routes, current.answer)
      } catch (error) {
        options.reportFault(error)
        if (!response.headersSent) refuse(response, 500, 'server_error')
      }
    },
    verifyAccessToken: (token, audience) => verifier.verify(token, audience),
    authenticateBearer: (headers, audience) => authenticateBearer(headers, audience, bearer),
    challenge: (error, { resource, scope } = {}) =>
      bearerChallenge(error, {
        realm: issuer,
        ...(scope === undefined ? {} : { scope }),
        ...(resource === undefined ? {} : { resourceMetadata: protectedResourceMetadataUrl(resource) }),
      }),
    resourceMetadata: (resource, scopes) => protectedResourceMetadata(issuer, resource, scopes),
    revokeDelegation: (id) => state.revokeDelegation(id),
    isRevoked: ({ lineage = [] }) => lineage.some((id) => state.isRevoked(id)),
    onRevoked: (listener) => state.onRevoked(listener),
  }
}

interface Route {
  readonly methods: readonly string[]
  /** The path as oidc-provider knows it; undefined for what Sallyport answers itself. */
  readonly inner: string | undefined
}

const DOCUMENT = ['GET', 'HEAD', 'OPTIONS']

/** INVARIANT: oidc-provider sees only what stands here; what it has beyond that cannot be reached. */
function routesOf(tenant: TenantId): ReadonlyMap<string, Route> {
  const base = `/t/${tenant}`
  const document = (inner: string): Route => ({ methods: DOCUMENT, inner })
  const endpoint = (inner: string): Route => ({ methods: ['POST'], inner })
  return new Map([
    [`${base}${PATHS.openidConfiguration}`, document(PATHS.openidConfiguration)],
    [`${base}${PATHS.serverMetadata}`, document(PATHS.serverMetadata)],
    // RFC 8414 §3.1 puts the well-known part before the path of the issuer.
    [`${PATHS.openidConfiguration}${base}`, document(PATHS.openidConfiguration)],
    [`${PATHS.serverMetadata}${base}`, document(PATHS.serverMetadata)],
    [`${base}${PATHS.jwks}`, document(PATHS.jwks)],
    [`${base}${PATHS.token}`, endpoint(PATHS.token)],
    [`${base}${PATHS.introspection}`, endpoint(PATHS.introspection)],
    [`${base}${PATHS.revocation}`, endpoint(PATHS.revocation)],
    [`${base}${PATHS.authorization}`, { methods: ['GET', 'POST'], inner: undefined }],
  ])
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: ReadonlyMap<string, Route>,
  forward: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<void> {
  const [path = '', query] = (request.url ?? '').split('?', 2)
  const route = routes.get(path)
  if (route === undefined) return refuse(response, 404, 'not_found')
  if (!route.methods.includes(request.method ?? '')) {
    response.setHeader('allow', route.methods.join(', '))
    return refuse(response, 405, 'method_not_allowed')
  }
  // RFC 6749 §4.1.2.1: discovery says that no response type is supported.
  if (route.inner === undefined) return refuse(response, 400, 'unsupported_response_type')
  const readable = request.method === 'POST' ? await readAhead(request) : request
  if (readable === 'too_large') {
    response.setHeader('connection', 'close')
    return refuse(response, 413, 'invalid_request', 'the request body is too large')
  }
  readable.url = query === undefined ? route.inner : `${route.inner}?${query}`
  await forward(readable, response)
}

function refuse(response: ServerResponse, status: number, error: string, description?: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify({ error, ...(description === undefined ? {} : { error_description: description }) }))
}
