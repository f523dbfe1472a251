import { errors, type Provider, type ResourceServer, type TokenEndpointGrantContext } from 'oidc-provider'
import type { Directory } from '../identity/index.ts'
import { type Clock, newDelegationId } from '../kernel/index.ts'
import { type Audience, audienceOf, covers } from './audience.ts'
import type { Issuance } from './issuance.ts'
import { detailsOf, narrowMandate } from './mandate.ts'
import type { Delegation, TokenState } from './token-state.ts'
import type { TokenVerifier, VerifiedToken } from './verify-token.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

/** Principals in a chain, at most. */
const LONGEST_CHAIN = 8

export const EXCHANGE_PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'audience',
  'resource',
  'scope',
  'authorization_details',
] as const

export type ExchangeParameters = {
  readonly [name in (typeof EXCHANGE_PARAMETERS)[number]]?: string | string[] | undefined
}

export interface ExchangeDeps {
  readonly verifier: TokenVerifier
  readonly state: TokenState
  readonly directory: Directory
  readonly audiences: readonly Audience[]
  readonly clock: Clock
  /** Seconds that a token lives at most. */
  readonly ttl: number
  readonly resourceServer: (audience: Audience) => ResourceServer
  /** What the token will say, for whoever completes it. */
  readonly plan: (ctx: object, issuance: Issuance) => void
}

/**
 * The token exchange grant (RFC 8693): the client takes over from the subject token as the next actor of its chain.
 * Scope, audience and lifetime only narrow, and the request id stays. Each exchange makes a delegation record, which
 * is revoked with everything it was derived from.
 */
export async function exchangeToken(
  provider: Provider,
  ctx: TokenEndpointGrantContext<ExchangeParameters>,
  deps: ExchangeDeps,
): Promise<void> {
  const { client, params } = ctx.oidc
  checkTokenTypes(params)
  const subject = await verifyParameter(single(params, 'subject_token'), 'subject_token', deps)
  await checkActor(params, client.clientId, deps)
  const { audience, target } = narrowAudience(params, subject, deps)
  const scope = narrowScope(single(params, 'scope'), subject, audience)
  const ttl = narrowLifetime(subject, deps)
  const now = deps.clock.now()
  const mandate = narrowMandate(single(params, 'authorization_details'), {
    before: subject.caller.mandate,
    bySubject: subject.caller.chain.length === 1 && subject.caller.chain[0].id === client.clientId,
    now,
    endsAt: now + ttl * 1000,
  })

  const delegation = delegationOf(subject, client.clientId, { target, scope, ttl, mandate }, deps)
  await deps.state.saveDelegation(delegation)
  const { txn, chain, id } = delegation
  deps.plan(ctx, { event: 'exchanged', txn, chain, delegation: id, ttl, mandate })

  const token = new provider.ClientCredentials({
    client,
    scope: scope.join(' '),
    expiresIn: ttl,
    resourceServer: new provider.ResourceServer(target, deps.resourceServer(audience)),
  })
  ctx.oidc.entity('ClientCredentials', token)
  // RFC 8693 §2.2.1
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: ttl,
    scope: scope.join(' '),
    // RFC 9396 §7
    ...(mandate === undefined ? {} : { authorization_details: detailsOf(mandate) }),
  }
}

function checkTokenTypes(params: ExchangeParameters): void {
  const known = (type: string | undefined) => type === ACCESS_TOKEN || type === JWT
  if (!known(single(params, 'subject_token_type'))) {
    throw new errors.InvalidRequest('subject_token_type must be that of an access token')
  }
  // RFC 8693 §2.1: the type is there if and only if the token is.
  const actorType = single(params, 'actor_token_type')
  if (params.actor_token === undefined ? actorType !== undefined : !known(actorType)) {
    throw new errors.InvalidRequest('actor_token_type must be that of an access token, and only with an actor_token')
  }
  const requested = single(params, 'requested_token_type')
  if (requested !== undefined && !known(requested)) {
    throw new errors.InvalidRequest('only access tokens are issued')
  }
}

async function verifyParameter(
  token: string | undefined,
  name: 'subject_token' | 'actor_token',
  { verifier }: ExchangeDeps,
): Promise<VerifiedToken> {
  if (token === undefined) throw new errors.InvalidRequest(`missing required parameter(s) '${name}'`)
  try {
    return await verifier.verify(token, undefined)
  } catch (cause) {
    // RFC 8693 §2.2.2: a token that is invalid for whatever reason
    throw new errors.InvalidRequest(`${name} is not acceptable`, undefined, { cause })
  }
}

/** The client is the actor; a token that it sends for the actor must be its own. */
async function checkActor(params: ExchangeParameters, clientId: string, deps: ExchangeDeps): Promise<void> {
  const actorToken = single(params, 'actor_token')
  if (actorToken === undefined) return
  const { caller } = await verifyParameter(actorToken, 'actor_token', deps)
  if (caller.chain.length !== 1 || caller.chain[0].id !== clientId) {
    throw new errors.InvalidRequest('actor_token is not acceptable')
  }
}

function narrowAudience(
  params: ExchangeParameters,
  subject: VerifiedToken,
  { audiences }: ExchangeDeps,
): { readonly audience: Audience; readonly target: string } {
  const asked = [params.resource, params.audience].flat().filter((value) => value !== undefined)
  const target = asked[0] ?? subject.audience
  const audience = audienceOf(target, audiences)
  if (new Set(asked).size > 1 || audience === undefined || !covers(subject.audience, target)) {
    throw new errors.InvalidTarget('the audience must be one, and within that of the subject token')
  }
  return { audience, target }
}

function narrowScope(asked: string | undefined, subject: VerifiedToken, audience: Audience): readonly string[] {
  const grantable = subject.scope.filter((scope) => audience.scopes.includes(scope))
  const scope = asked === undefined ? grantable : [...new Set(asked.split(' '))]
  const wider = scope.find((item) => !grantable.includes(item))
  if (wider !== undefined || scope.length === 0) {
    throw new errors.InvalidScope('the scope must be within that of the subject token', wider ?? asked ?? '')
  }
  return scope
}

function narrowLifetime(subject: VerifiedToken, { clock, ttl }: ExchangeDeps): number {
  const left = Math.floor((subject.caller.expiresAt - clock.now()) / 1000)
  if (left < 1) throw new errors.InvalidRequest('subject_token is not acceptable')
  return Math.min(ttl, left)
}

function delegationOf(
  subject: VerifiedToken,
  clientId: string,
  {
    target,
    scope,
    ttl,
    mandate,
  }: Pick<Delegation, 'scope' | 'mandate'> & { readonly target: string; readonly ttl: number },
  { clock, directory }: ExchangeDeps,
): Delegation {
  const now = clock.now()
  return {
    id: newDelegationId(now),
    txn: subject.txn,
    parent: subject.caller.delegation,
    chain: extendChain(subject, clientId, directory),
    scope,
    audience: target,
    mandate,
    lineage: subject.lineage,
    createdAt: now,
    // The record outlives its token by the second that rounding down took.
    expiresAt: now + (ttl + 1) * 1000,
  }
}

function extendChain(subject: VerifiedToken, clientId: string, directory: Directory): Delegation['chain'] {
  const { chain } = subject.caller
  // Whoever holds the chain's end may narrow its own token; that adds no link.
  if (chain.at(-1)?.id === clientId) return chain
  const actor = directory.principal(clientId)
  if (actor === undefined) throw new errors.InvalidClientAuth('the principal is gone')
  if (chain.length >= LONGEST_CHAIN) throw new errors.InvalidRequest('the delegation chain is too long')
  return [...chain, { kind: actor.kind, id: actor.id }]
}

function single(params: ExchangeParameters, name: keyof ExchangeParameters): string | undefined {
  const value = params[name]
  // oidc-provider has refused parameters that were sent twice, but for those that it was told may be.
  return Array.isArray(value) ? undefined : value
}
