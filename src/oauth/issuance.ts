import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Directory } from '../identity/index.ts'
import {
  type Clock,
  type DelegationId,
  errorText,
  type Mandate,
  newId,
  newTxn,
  type PrincipalRef,
  type Txn,
} from '../kernel/index.ts'
import { detailsOf } from './mandate.ts'
import type { RecordToken } from './token-event.ts'

/** What a token says beyond what its grant at the endpoint knows. */
export interface Issuance {
  readonly event: 'issued' | 'exchanged'
  readonly txn: Txn
  readonly chain: readonly [PrincipalRef, ...PrincipalRef[]]
  readonly delegation: DelegationId | undefined
  /** Seconds. */
  readonly ttl: number
  readonly mandate?: Mandate | undefined
}

export interface IssuanceDeps {
  readonly directory: Directory
  readonly clock: Clock
  readonly recordToken: RecordToken
}

interface Payload {
  [claim: string]: unknown
  scope?: unknown
  aud?: unknown
}

/** What a token for the client itself is: one link, a request id of its own. */
export function plainIssuance(clientId: string, ttl: number, { directory, clock }: IssuanceDeps): Issuance {
  const principal = directory.principal(clientId)
  if (principal === undefined) throw new errors.InvalidClientAuth('the principal is gone')
  return {
    event: 'issued',
    txn: newTxn(clock.now()),
    chain: [{ kind: principal.kind, id: principal.id }],
    delegation: undefined,
    ttl,
  }
}

/**
 * Fills in the claims of a token (RFC 9068, and `txn` of transaction tokens) and records it. It is called before the
 * token is signed and waits for the record: no record, no token.
 */
export async function completeToken(
  ctx: KoaContextWithOIDC,
  payload: Payload,
  issuance: Issuance,
  { clock, recordToken }: IssuanceDeps,
): Promise<void> {
  const { client } = ctx.oidc
  if (client === undefined) throw new Error('a token is issued to a client')
  const { chain, delegation, txn } = issuance
  const now = clock.now()
  const iat = Math.floor(now / 1000)
  const jti = newId('at', now)
  const method = client.clientAuthMethod === 'private_key_jwt' ? 'private_key_jwt' : 'client_secret'
  Object.assign(payload, {
    sub: chain[0].id,
    iat,
    exp: iat + issuance.ttl,
    jti,
    txn,
    client_auth: method,
    ...(delegation === undefined ? {} : { delegation, ...actClaim(chain) }),
    ...(issuance.mandate === undefined ? {} : { authorization_details: detailsOf(issuance.mandate) }),
  })
  await recordOrRefuse(recordToken, {
    event: issuance.event,
    at: now,
    txn,
    traceparent: headerOf(ctx, 'traceparent'),
    client: client.clientId,
    token: {
      id: jti,
      chain,
      delegation,
      scope: typeof payload.scope === 'string' ? payload.scope.split(' ') : [],
      audience: String(payload.aud),
      authentication: method,
      expiresAt: (iat + issuance.ttl) * 1000,
    },
  })
}

/** The actors, the current one outermost (RFC 8693 §4.1). For readers: what is decided on is the delegation record. */
function actClaim(chain: readonly PrincipalRef[]): { act?: object } {
  let act: { sub: string; act?: object } | undefined
  for (const { id } of chain.slice(1)) act = act === undefined ? { sub: id } : { sub: id, act }
  return act === undefined ? {} : { act }
}

async function recordOrRefuse(recordToken: RecordToken, event: Parameters<RecordToken>[0]): Promise<void> {
  try {
    await recordToken(event)
  } catch (cause) {
    throw new LogUnavailable(cause)
  }
}

/** The answer while the log does not take records. */
class LogUnavailable extends errors.OIDCProviderError {
  override error_description = 'the log does not take records'

  constructor(cause: unknown) {
    super(503, 'temporarily_unavailable', { cause, detail: errorText(cause) })
    this.expose = true // unlike other errors from 500 up, this one is said
  }
}

export function headerOf(ctx: KoaContextWithOIDC, name: string): string | undefined {
  const value = ctx.req.headers[name]
  return typeof value === 'string' ? value : undefined
}
