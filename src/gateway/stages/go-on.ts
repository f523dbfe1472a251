import { actorOf, type Context, isAnonymous, newTxn, parseTxn } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { conversationOf, type GatewayPorts } from '../ports.ts'
import type { Arrival } from '../protocol.ts'

export const TXN_HEADER = 'sallyport-txn'

/**
 * In which conversation the request stands, where its client says so: `new` begins one that has nothing of the earlier
 * ones in it, a request id goes on with one of the same actor that is remembered (for a day after its last use). A
 * delegated token has the request id of whoever began it, and no other.
 * Throws `txn_unknown`, the same for an id of somebody else and one that never was.
 */
export function goOn(ctx: Context, arrival: Arrival, ports: GatewayPorts): Context {
  const asked = arrival.headers[TXN_HEADER]
  if (asked === undefined || asked === ctx.txn) return ctx
  const { chain, delegation } = ctx.caller
  if (chain.length > 1 || delegation !== undefined) {
    throw new GatewayError('txn_unknown', 'a delegated token goes on under its own request id')
  }
  if (asked === 'new') {
    const begun = { ...ctx, txn: newTxn(ctx.clock.now()) }
    ports.origin.begin(conversationOf(begun))
    return begun
  }
  // All of them have one name: what one of them was told is not another's.
  const txn = isAnonymous(ctx.caller) ? undefined : parseTxn(asked)
  const continued = txn === undefined ? ctx : { ...ctx, txn }
  if (txn === undefined || !ports.origin.knows(conversationOf(continued))) {
    throw new GatewayError(
      'txn_unknown',
      `no conversation of \`${actorOf(ctx.caller).id}\` under this request id; \`${TXN_HEADER}: new\` begins one`,
    )
  }
  return continued
}
