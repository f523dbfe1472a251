import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Arrival, Protocol } from '../protocol.ts'
import { anonymousCaller } from './anonymous-caller.ts'

/** Who is calling. Throws `OAuthError`. The only stage that looks at credentials; nothing after it sees them. */
export async function authenticate(protocol: Protocol, arrival: Arrival, ports: GatewayPorts): Promise<Context> {
  const audience = ports.publicUrl + protocol.audienceOf(arrival.path)
  const { caller, txn } =
    anonymousCaller(protocol, arrival, ports) ??
    (await ports.authorization.authenticateBearer(arrival.headers, audience))
  const { address, reasoning } = arrival
  const ctx = { tenant: ports.tenant, txn, trace: arrival.trace, clock: ports.clock, caller, gate: protocol.gate }
  const known = address === undefined ? ctx : { ...ctx, address }
  return reasoning === undefined ? known : { ...known, reasoning }
}
