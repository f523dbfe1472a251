import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import type { Clock } from '../kernel/index.ts'
import { OAuthError } from './errors.ts'
import { headerOf } from './issuance.ts'
import type { RecordToken } from './token-event.ts'
import type { TokenState } from './token-state.ts'
import type { TokenVerifier, VerifiedToken } from './verify-token.ts'

export interface InspectionDeps {
  readonly issuer: string
  readonly verifier: TokenVerifier
  readonly state: TokenState
  readonly clock: Clock
  readonly recordToken: RecordToken
}

/**
 * Makes introspection (RFC 7662) and revocation (RFC 7009) work for JWT access tokens. oidc-provider authenticates the
 * client, checks the parameters, and then refuses structured tokens with an error of their own: there we take over.
 */
export function inspectTokens(provider: Provider, deps: InspectionDeps): void {
  const structured = new WeakSet<KoaContextWithOIDC>()
  const note = (ctx: KoaContextWithOIDC, error: Error): void => {
    if (error instanceof errors.UnsupportedTokenType) structured.add(ctx)
  }
  provider.on('introspection.error', note)
  provider.on('revocation.error', note)

  provider.use(async (koa, next) => {
    await next()
    const ctx = koa as KoaContextWithOIDC // a set of these: whatever else comes here is not in it
    if (!structured.has(ctx)) return
    const token = String(ctx.oidc.params?.token)
    const verified = await verifiedOrNothing(token, deps)
    if (ctx.oidc.route === 'introspection') {
      ctx.status = 200
      ctx.body = introspection(verified, deps)
    } else {
      await revoke(ctx, verified, deps)
    }
  })
}

async function verifiedOrNothing(token: string, { verifier }: InspectionDeps): Promise<VerifiedToken | undefined> {
  try {
    return await verifier.verify(token, undefined)
  } catch (error) {
    if (error instanceof OAuthError) return undefined
    throw error
  }
}

/** RFC 7662 §2.2: of a token that does not hold, only that. */
function introspection(verified: VerifiedToken | undefined, { issuer }: InspectionDeps): object {
  if (verified === undefined) return { active: false }
  const { caller, txn, audience, scope, clientId, issuedAt } = verified
  return {
    active: true,
    token_type: 'Bearer',
    iss: issuer,
    sub: caller.chain[0].id,
    client_id: clientId,
    aud: audience,
    scope: scope.join(' '),
    iat: issuedAt / 1000,
    exp: caller.expiresAt / 1000,
    jti: caller.credential,
    txn,
    ...(caller.delegation === undefined ? {} : { delegation: caller.delegation }),
  }
}

/** RFC 7009 §2.2: a token that does not hold any more is revoked as far as the client is concerned. */
async function revoke(
  ctx: KoaContextWithOIDC,
  verified: VerifiedToken | undefined,
  deps: InspectionDeps,
): Promise<void> {
  const client = ctx.oidc.client?.clientId ?? ''
  ctx.status = 200
  ctx.body = ''
  if (verified === undefined) return
  const { caller, txn, scope, audience } = verified
  if (!caller.chain.some(({ id }) => id === client)) {
    ctx.status = 400
    ctx.body = { error: 'unauthorized_client', error_description: 'the token is not one of this client' }
    return
  }
  await deps.state.revoke(caller.credential, caller.delegation, caller.expiresAt)
  try {
    await deps.recordToken({
      event: 'revoked',
      at: deps.clock.now(),
      txn,
      traceparent: headerOf(ctx, 'traceparent'),
      client,
      token: {
        id: caller.credential,
        chain: caller.chain,
        delegation: caller.delegation,
        scope,
        audience,
        authentication: caller.authentication.method === 'private_key_jwt' ? 'private_key_jwt' : 'client_secret',
        expiresAt: caller.expiresAt,
      },
    })
  } catch {
    // The token is revoked and stays so; that nobody could write it down is what the client hears.
    ctx.status = 503
    ctx.body = { error: 'temporarily_unavailable', error_description: 'the log does not take records' }
  }
}
