import type { Log } from '../audit/index.ts'
import { traceOf } from '../http/index.ts'
import type { TenantId } from '../kernel/index.ts'
import type { RecordToken } from '../oauth/index.ts'

/** Satisfies the port of the authorization server: no token leaves before its record is durable. */
export function recordTokensIn(log: Log, tenant: TenantId): RecordToken {
  return async ({ at, txn, traceparent, event, client, error, unrecorded, token }) => {
    await log.append({
      kind: 'token',
      tenant,
      txn,
      trace: traceOf({ traceparent }),
      at,
      body: {
        event,
        client,
        ...(error === undefined ? {} : { error }),
        ...(unrecorded === undefined ? {} : { unrecorded }),
        ...(token === undefined
          ? {}
          : {
              token: token.id,
              chain: token.chain,
              ...(token.delegation === undefined ? {} : { delegation: token.delegation }),
              scope: token.scope,
              audience: token.audience,
              authentication: token.authentication,
              expiresAt: token.expiresAt,
            }),
      },
    })
  }
}
