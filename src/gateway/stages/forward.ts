import type { Flight } from '../flight.ts'
import type { GatewayPorts } from '../ports.ts'
import type { UpstreamAnswer, UpstreamRequest } from '../protocol.ts'

/** Sends the request up, unless it was broken off meanwhile. */
export function forward(request: UpstreamRequest, flight: Flight, ports: GatewayPorts): Promise<UpstreamAnswer> {
  flight.check()
  return ports.forward(request, flight)
}
