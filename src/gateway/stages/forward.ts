import type { Flight } from '../flight.ts'
import type { GatewayPorts } from '../ports.ts'
import type { UpstreamAnswer, UpstreamRequest } from '../protocol.ts'

/** Sends the request up. */
export function forward(request: UpstreamRequest, flight: Flight, ports: GatewayPorts): Promise<UpstreamAnswer> {
  return ports.forward(request, flight)
}
