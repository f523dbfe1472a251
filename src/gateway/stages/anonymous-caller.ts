import type { Context } from '../../kernel/index.ts'
import { ANONYMOUS, newTxn } from '../../kernel/index.ts'
import { isUnidentified } from '../../oauth/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Arrival, Protocol } from '../protocol.ts'

/**
 * The caller that nobody knows, where the route lets such callers through. INVARIANT: only what brings no credential, or
 * one that cannot have been ours; whoever brings one of ours that does not hold is refused like everywhere.
 */
export function anonymousCaller(
  protocol: Protocol,
  arrival: Arrival,
  ports: GatewayPorts,
): Pick<Context, 'caller' | 'txn'> | undefined {
  if (!isUnidentified(arrival.headers) || !ports.letsAnonymous(protocol.gate, protocol.audienceOf(arrival.path))) {
    return undefined
  }
  const now = ports.clock.now()
  return {
    txn: newTxn(now),
    caller: {
      chain: [ANONYMOUS],
      delegation: undefined,
      authentication: { method: 'none', at: now },
      scope: new Set(['models', 'tools']),
      credential: 'none',
      expiresAt: now + LONGEST_STREAM,
    },
  }
}

/** Milliseconds; like that of a token. */
const LONGEST_STREAM = 3_600_000
