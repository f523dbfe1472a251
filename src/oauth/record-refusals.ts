import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { type Clock, newTxn } from '../kernel/index.ts'
import { boundedCache } from './bounded-cache.ts'
import { headerOf } from './issuance.ts'
import type { RecordToken } from './token-event.ts'

export interface RefusalDeps {
  readonly recordToken: RecordToken
  readonly clock: Clock
  readonly reportFault: (error: unknown) => void
}

/**
 * Records what the token endpoint refuses to a client that the directory knows. A refusal stands whether or not it can
 * be recorded. Requests in nobody's name are not recorded, and of those that only claim a name the first ten in a minute;
 * else anybody could fill the log. The next one that is recorded says how many were not.
 */
export function recordRefusals(provider: Provider, { recordToken, clock, reportFault }: RefusalDeps): void {
  const refused = new WeakMap<KoaContextWithOIDC, string>()
  const claims = claimCounter(clock)
  provider.on('grant.error', (ctx, error) => {
    if (ctx.oidc.entities.Client !== undefined) refused.set(ctx, error.error)
  })
  provider.use(async (koa, next) => {
    await next()
    const ctx = koa as KoaContextWithOIDC // a map of these: whatever else comes here is not in it
    const error = refused.get(ctx)
    if (error === undefined) return
    const at = clock.now()
    const client = ctx.oidc.entities.Client?.clientId ?? ''
    const counted = isClaim(ctx, error) ? claims.count(client) : { isRecorded: true, unrecorded: 0 }
    if (!counted.isRecorded) return
    await recordToken({
      event: 'refused',
      at,
      txn: newTxn(at),
      traceparent: headerOf(ctx, 'traceparent'),
      client,
      error,
      ...(counted.unrecorded === 0 ? {} : { unrecorded: counted.unrecorded }),
    }).catch(reportFault)
  })
}

/** Any other error comes after the client has proved who it is. */
function isClaim(ctx: KoaContextWithOIDC, error: string): boolean {
  return error === 'invalid_client' || ATTESTATION.some((name) => headerOf(ctx, name) !== undefined)
}

// A way to authenticate that is off: oidc-provider finds that out when it has found the client.
const ATTESTATION = ['oauth-client-attestation', 'oauth-client-attestation-pop'] as const

const RECORDED = 10
const WINDOW = 60_000
const CLIENTS = 10_000

/** Counts attempts in the name of each client. `unrecorded`: how many of the last minute in which there were any. */
function claimCounter(clock: Clock) {
  const windows = boundedCache<{ readonly since: number; readonly seen: number }>(CLIENTS)
  return {
    count(client: string): { readonly isRecorded: boolean; readonly unrecorded: number } {
      const now = clock.now()
      const known = windows.get(client)
      const isOpen = known !== undefined && now - known.since < WINDOW
      const seen = isOpen ? known.seen + 1 : 1
      windows.set(client, { since: isOpen ? known.since : now, seen })
      const unrecorded = isOpen ? 0 : Math.max(0, (known?.seen ?? 0) - RECORDED)
      return { isRecorded: seen <= RECORDED, unrecorded }
    },
  }
}
