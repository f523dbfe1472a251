import type { Context } from '../../kernel/index.ts'
import type { GatewayPorts } from '../ports.ts'
import type { GatewayRequest, Inspection, Protocol } from '../protocol.ts'

/** What the request asks for. Throws `GatewayError` for what cannot be understood, and so not be decided. */
export async function inspectRequest<Target, Kept>(
  protocol: Protocol<Target, Kept>,
  ctx: Context,
  target: Target,
  request: GatewayRequest,
  ports: GatewayPorts,
): Promise<Inspection<Kept>> {
  return protocol.inspectRequest(ctx, target, request, ports)
}
