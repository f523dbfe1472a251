import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Directory } from '../identity/index.ts'
import type { Context, PrincipalId } from '../kernel/index.ts'
import { deferOutcomes } from './deferred-outcomes.ts'
import { GatewayError } from './errors.ts'
import { Flights } from './flight.ts'
import { openUpstreamClient } from './forwarding/upstream-client.ts'
import { anthropicProtocol, type ListTools, openAiProtocol } from './models/index.ts'
import { arrivalOf, NodeSink } from './node-http.ts'
import { createOriginMemory } from './origin/index.ts'
import { type RequestEnd, serve } from './pipeline.ts'
import type { GatewayPorts, OriginMemory } from './ports.ts'
import type { Protocol } from './protocol.ts'
import { createMcpProtocol, ToolListings } from './tools/index.ts'

/** The enforcement point of one tenant. */
export interface Gateway {
  /**
   * Answers a request below `/t/TENANT/gw/PROTOCOL`; `rest` is what follows, query included. The body must still be on
   * the request. Never rejects. `maxBody` in bytes, `trace` a W3C trace id.
   */
  handle(
    protocol: string,
    rest: string,
    request: IncomingMessage,
    response: ServerResponse,
    options: { readonly trace: string; readonly maxBody: number },
  ): Promise<void>
  /** Breaks off every open request in which one of these takes part, itself or as the sponsor of an agent. */
  cut(principals: Iterable<PrincipalId>): void
  /**
   * Asks a tool server for its tools and pins what it shows; resolves with their number. For an operator whose right to
   * do so was decided before. Throws `server_unknown`, `upstream_unreachable`, `upstream_timeout`, `upstream_broken`.
   */
  lookAtTools(ctx: Context, server: string): Promise<number>
  /** Requests that are under way. */
  readonly underWay: number
  /** Breaks off what is under way and lets go of the upstreams. */
  close(): Promise<void>
}

export interface GatewayOptions extends Omit<GatewayPorts, 'origin' | 'forward'> {
  /** An own one by default. */
  readonly origin?: OriginMemory
  readonly directory: Pick<Directory, 'principal' | 'inGoodStanding' | 'onChange'>
  /** Told how each request ended. `protocol` is one of ours, or `unknown`. */
  readonly ended?: (protocol: string, end: RequestEnd) => void
}

/** Opens the gateway of a tenant. Whoever loses their standing in the directory is cut off at once. */
export function createGateway(options: GatewayOptions): Gateway {
  const { directory, catalog, clock, report } = options
  const client = openUpstreamClient(catalog)
  const log = deferOutcomes(options.log)
  const ports: GatewayPorts = {
    ...options,
    log,
    origin: options.origin ?? createOriginMemory(clock),
    forward: client.send,
  }
  const flights = new Flights()
  const listings = new ToolListings()
  const listTools: ListTools = (ctx, server) => listings.refresh(ctx, server, ports)
  const openAi = openAiProtocol(listTools)
  const protocols = new Map<string, Protocol>([
    ['openai', openAi],
    ['anthropic', anthropicProtocol(listTools)],
    ['mcp', createMcpProtocol(clock, listings)],
  ])

  const cut = (principals: Iterable<PrincipalId>): void =>
    flights.cut(new Set(principals), (agent) => directory.principal(agent)?.sponsor)
  const stopWatching = directory.onChange((changed) => {
    const fallen = changed.filter((id) => !directory.inGoodStanding(id))
    if (fallen.length > 0) cut(fallen)
  })

  return {
    async handle(name, rest, request, response, { trace, maxBody }) {
      const protocol = protocols.get(name)
      const sink = new NodeSink(request, response)
      try {
        // What names no protocol is an endpoint of none, whatever follows; somebody has to say so.
        const path = protocol === undefined ? `/gw/${name}` : rest
        const arrival = arrivalOf(request, path, { trace, maxBody })
        const end = await serve(protocol ?? openAi, arrival, sink, ports, flights)
        options.ended?.(protocol === undefined ? 'unknown' : name, end)
      } catch (error) {
        report({ what: 'a request could not be answered', error })
        options.ended?.(protocol === undefined ? 'unknown' : name, 'failed')
        sink.destroy()
      }
    },
    cut,
    async lookAtTools(ctx, server) {
      const upstream = catalog.upstream(server)
      if (upstream?.kind !== 'mcp') throw new GatewayError('server_unknown', `no tool server \`${server}\``)
      return listings.look(ctx, upstream, ports)
    },
    get underWay() {
      return flights.size
    },
    async close() {
      stopWatching()
      flights.cutAll()
      // Whoever was cut has said so by then.
      await new Promise((resolve) => setImmediate(resolve))
      log.flush()
      await client.close()
    },
  }
}
