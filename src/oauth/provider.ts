import { type Configuration, errors, type KoaContextWithOIDC, Provider, type ResourceServer } from 'oidc-provider'
import type { Directory } from '../identity/index.ts'
import type { KeyRing } from '../keys/index.ts'
import { type Audience, audienceOf } from './audience.ts'
import { ASSERTION_ALGORITHMS, clientAdapter, TOKEN_EXCHANGE } from './clients.ts'
import { EXCHANGE_PARAMETERS, type ExchangeParameters, exchangeToken } from './exchange-token.ts'
import { inspectTokens } from './inspect-token.ts'
import { completeToken, type Issuance, type IssuanceDeps, plainIssuance } from './issuance.ts'
import { authorizationServerMetadata, PATHS } from './metadata.ts'
import { recordRefusals } from './record-refusals.ts'
import type { TokenState } from './token-state.ts'
import type { TokenVerifier } from './verify-token.ts'

export interface ProviderDeps extends IssuanceDeps {
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly state: TokenState
  readonly verifier: TokenVerifier
  /** The first one is meant where a client names none. */
  readonly audiences: readonly [Audience, ...Audience[]]
  readonly reportFault: (error: unknown) => void
}

/** Seconds that an access token lives. */
const TOKEN_TTL = 300

/** Seconds into the future that a client assertion may expire: for so long it must be remembered as used. */
const ASSERTION_TTL = 3600

/**
 * Sets up oidc-provider for one tenant: client credentials and token exchange, JWT access tokens, introspection,
 * revocation; all else is off. The signing key is fixed: after a rotation, build another.
 */
export function buildProvider(deps: ProviderDeps): Provider {
  const plans = new WeakMap<object, Issuance>()
  const provider = new Provider(deps.issuer, configurationOf(deps, plans))
  provider.onerror = deps.reportFault
  provider.on('server_error', (_, error) => deps.reportFault(error))

  trustConfigurationNotHost(provider)
  useAssertionsOnce(provider, deps.state)
  compareHashedSecrets(provider, deps.directory)
  answerFromConfiguration(provider, deps)
  inspectTokens(provider, deps)
  recordRefusals(provider, deps)
  provider.registerGrantType<ExchangeParameters>(
    TOKEN_EXCHANGE,
    (ctx) =>
      exchangeToken(provider, ctx, {
        ...deps,
        ttl: TOKEN_TTL,
        resourceServer,
        plan: (key, issuance) => plans.set(key, issuance),
      }),
    EXCHANGE_PARAMETERS,
    ['resource', 'audience'],
  )
  return provider
}

function configurationOf(deps: ProviderDeps, plans: WeakMap<object, Issuance>): Configuration {
  const { keyRing, directory, audiences } = deps
  const { privateKey, kid, alg } = keyRing.signing()
  return {
    adapter: clientAdapter(directory),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }] },
    responseTypes: [],
    scopes: [],
    claims: {},
    clientAuthMethods: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { clientAuthSigningAlgValues: [...ASSERTION_ALGORITHMS] },
    // No page of ours sets a cookie; should one come, it stays with its tenant.
    cookies: { long: { path: new URL(deps.issuer).pathname }, short: { path: new URL(deps.issuer).pathname } },
    ttl: { ClientCredentials: TOKEN_TTL },
    clientBasedCORS: () => false,
    renderError: (ctx, out) => {
      ctx.type = 'json'
      ctx.body = out
    },
    assertJwtClientAuthClaimsAndHeader: async (_ctx, claims) => checkAssertion(claims),
    formats: {
      customizers: {
        jwt: (ctx, _token, parts) => {
          const clientId = ctx.oidc.client?.clientId ?? ''
          const issuance = plans.get(ctx) ?? plainIssuance(clientId, TOKEN_TTL, deps)
          return completeToken(ctx, parts.payload, issuance, deps)
        },
      },
    },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => audiences[0].uri,
        getResourceServerInfo: async (ctx, resource) => resourceServerFor(ctx, resource, audiences),
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
  }
}

function checkAssertion(claims: { readonly [claim: string]: unknown }): void {
  const { aud, jti, exp } = claims
  // One audience: an assertion that is good in two places can be replayed from one to the other.
  if (Array.isArray(aud) && aud.length !== 1) throw new errors.InvalidClientAuth('more than one audience')
  if (typeof jti !== 'string' || jti.length > 256) throw new errors.InvalidClientAuth('jti is no short string')
  if (typeof exp !== 'number' || exp > Date.now() / 1000 + ASSERTION_TTL) {
    throw new errors.InvalidClientAuth('lives too long')
  }
}

function resourceServerFor(ctx: KoaContextWithOIDC, resource: string, audiences: readonly Audience[]): ResourceServer {
  const audience = audienceOf(resource, audiences)
  if (audience === undefined) throw new errors.InvalidTarget('no such audience')
  const { params } = ctx.oidc
  const asked = typeof params?.scope === 'string' ? params.scope : undefined
  const unknown = asked?.split(' ').find((scope) => !audience.scopes.includes(scope))
  if (unknown !== undefined) throw new errors.InvalidScope('this scope means nothing to the audience', unknown)
  // A client that names no scope gets all that the audience knows: scope narrows, it does not permit.
  if (params !== undefined && asked === undefined) Object.assign(params, { scope: audience.scopes.join(' ') })
  return resourceServer(audience)
}

function resourceServer({ scopes }: Audience): ResourceServer {
  return {
    scope: scopes.join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL: TOKEN_TTL,
    jwt: { sign: { alg: 'ES256' } },
  }
}

/** oidc-provider takes URLs, and the audience of assertions, from the Host header unless it is told otherwise. */
function trustConfigurationNotHost(provider: Provider): void {
  provider.OIDCContext.prototype.urlFor = (name, options) => provider.urlFor(name, options)
}

/** Its own check finds and then saves, and lets concurrent uses of one assertion pass. */
function useAssertionsOnce(provider: Provider, state: TokenState): void {
  provider.ReplayDetection.unique = (issuer, jti, expiresAt) => state.useAssertion(issuer, jti, expiresAt * 1000)
}

function compareHashedSecrets(provider: Provider, directory: Directory): void {
  provider.Client.prototype.compareClientSecret = function (secret) {
    return directory.checkClientSecret(this.clientId, secret)
  }
}

/** Discovery says what is built; the key set holds the retired keys too. */
function answerFromConfiguration(provider: Provider, { issuer, audiences, keyRing }: ProviderDeps): void {
  const metadata = authorizationServerMetadata(issuer, audiences)
  const answers = new Map<string, () => object>([
    [PATHS.openidConfiguration, () => metadata],
    [PATHS.serverMetadata, () => metadata],
    [PATHS.jwks, () => ({ keys: keyRing.verification().map(({ publicJwk }) => publicJwk) })],
  ])
  provider.use(async (ctx, next) => {
    await next()
    const answer = answers.get(ctx.path)
    if (answer !== undefined && ctx.status === 200 && ctx.method === 'GET') ctx.body = answer()
  })
}
