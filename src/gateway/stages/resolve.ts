import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Arrival, GatewayRequest, Protocol } from '../protocol.ts'

/** The request, read as far as its protocol goes, and which upstream and resource it means. Throws `GatewayError`. */
export async function resolve<Target>(
  protocol: Protocol<Target>,
  ctx: Context,
  arrival: Arrival,
  ports: GatewayPorts,
): Promise<{ readonly request: GatewayRequest; readonly target: Target }> {
  const { method, path, query, headers } = arrival
  const request = { method, path, query, headers, body: await arrival.body() }
  return { request, target: await protocol.resolve(ctx, request, ports) }
}
