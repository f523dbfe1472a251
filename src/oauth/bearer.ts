import type { IncomingHttpHeaders } from 'node:http'
import type { Directory, GatewayKey } from '../identity/index.ts'
import { type Caller, type Clock, newTxn, type Txn } from '../kernel/index.ts'
import { type Audience, covers } from './audience.ts'
import { invalidToken, OAuthError } from './errors.ts'
import type { TokenVerifier } from './verify-token.ts'

/** Who is calling, and the id of the request that this call belongs to. */
export interface Authenticated {
  readonly caller: Caller
  readonly txn: Txn
}

export interface BearerDeps {
  readonly verifier: TokenVerifier
  readonly directory: Directory
  readonly clock: Clock
  /** Where gateway keys are good. */
  readonly gateway: Audience
}

const KEY_PREFIX = 'spk_'

/**
 * Takes the credential of a request: an access token or a gateway key, as `Authorization: Bearer` (RFC 6750 §2.1) or
 * in `x-api-key`, where Anthropic's clients put it. Says who it is, not whether they may
 * still act: that is decided, and recorded, next. Throws `no_credentials` or `invalid_token`.
 */
export async function authenticateBearer(
  headers: IncomingHttpHeaders,
  audience: string,
  deps: BearerDeps,
): Promise<Authenticated> {
  const credential = credentialOf(headers)
  if (credential.startsWith(KEY_PREFIX)) return authenticateKey(credential, audience, deps)
  const { caller, txn } = await deps.verifier.identify(credential, audience)
  return { caller, txn }
}

function credentialOf(headers: IncomingHttpHeaders): string {
  const { authorization, 'x-api-key': apiKey } = headers
  if (authorization === undefined && apiKey === undefined) {
    throw new OAuthError('no_credentials', 'a credential is needed')
  }
  // A request that names two callers has none.
  if (authorization !== undefined && apiKey !== undefined) throw invalidToken('two credentials')
  if (authorization === undefined) return typeof apiKey === 'string' ? apiKey : ''
  const match = BEARER.exec(authorization)
  if (match?.[1] === undefined) throw invalidToken('not a bearer credential')
  return match[1]
}

// RFC 6750 §2.1: b64token
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/**
 * Whether a request brings no credential, or one that cannot have been of ours: neither a gateway key nor a token. Who
 * brings two, or one that looks like ours and does not hold, has failed to say who it is.
 */
export function isUnidentified({ authorization, 'x-api-key': apiKey }: IncomingHttpHeaders): boolean {
  if (authorization !== undefined && apiKey !== undefined) return false
  const credential = authorization === undefined ? (apiKey ?? '') : (BEARER.exec(authorization)?.[1] ?? '')
  if (typeof credential !== 'string') return false
  return !credential.startsWith(KEY_PREFIX) && !TOKEN.test(credential)
}

// RFC 7515 §7.1: three parts. Whose token it is only its signature says.
const TOKEN = /^[^.]*\.[^.]*\.[^.]*/

function authenticateKey(secret: string, audience: string, deps: BearerDeps): Authenticated {
  const key = deps.directory.gatewayKey(secret)
  if (key === undefined) throw invalidToken('unknown gateway key')
  if (!covers(deps.gateway.uri, audience)) throw invalidToken('gateway keys are for the gateway')
  return { caller: callerOf(key, deps), txn: newTxn(deps.clock.now()) }
}

function callerOf(key: GatewayKey, { directory, clock }: BearerDeps): Caller {
  const principal = directory.principal(key.principal)
  if (principal === undefined) throw invalidToken('unknown principal')
  return {
    chain: [{ kind: principal.kind, id: principal.id }],
    delegation: undefined,
    authentication: { method: 'gateway_key', at: clock.now() },
    scope: key.scope,
    credential: key.id,
    expiresAt: key.expiresAt,
  }
}

/**
 * The value of `WWW-Authenticate` for a 401 (RFC 6750 §3). `resourceMetadata` is the URL of the protected resource's
 * metadata (RFC 9728 §5.1), from which MCP clients find the authorization server.
 */
export function bearerChallenge(
  error: OAuthError,
  options: { readonly realm: string; readonly resourceMetadata?: string; readonly scope?: readonly string[] },
): string {
  const parameters: readonly (readonly [string, string | undefined])[] = [
    ['realm', options.realm],
    // RFC 6750 §3.1: without credentials in the request there is nothing to say about them.
    ['error', error.code === 'no_credentials' ? undefined : error.code],
    ['scope', options.scope?.join(' ')],
    ['resource_metadata', options.resourceMetadata],
  ]
  return `Bearer ${parameters.flatMap(([name, value]) => (value === undefined ? [] : `${name}="${value}"`)).join(', ')}`
}
