import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Directory } from '../identity/index.ts'
import { type Caller, type Context, isAnonymous, type PrincipalId } from '../kernel/index.ts'
import type { AuthorizationServer } from '../oauth/index.ts'
import { deferOutcomes } from './deferred-outcomes.ts'
import { GatewayError } from './errors.ts'
import { Flights } from './flight.ts'
import { openUpstreamClient } from './forwarding/upstream-client.ts'
import { anthropicProtocol, type ListTools, openAiProtocol } from './models/index.ts'
import { arrivalOf, NodeSink } from './node-http.ts'
import { type OpenStream, OpenStreams } from './open-streams.ts'
import { createOriginMemory } from './origin/index.ts'
import { type RequestEnd, serve } from './pipeline.ts'
import type { GatewayPorts, OriginMemory } from './ports.ts'
import type { Protocol } from './protocol.ts'
import { createMcpProtocol, ToolListings } from './tools/index.ts'

/** The enforcement point of one tenant. */
export interface Gateway {
  /**
   * Answers a request below `/t/TENANT/gw/PROTOCOL`; `rest` is what follows, query included. The body must still be on
   * the request. Never rejects. `maxBody` in bytes, `trace` a W3C trace id,
   * `reasoning` what the caller gives as its reasons.
   */
  handle(
    protocol: string,
    rest: string,
    request: IncomingMessage,
    response: ServerResponse,
    options: { readonly trace: string; readonly maxBody: number; readonly reasoning?: string | undefined },
  ): Promise<void>
  /** Breaks off every open request in which one of these takes part, itself or as the sponsor of an agent. */
  cut(principals: Iterable<PrincipalId>): void
  /**
   * Ends a stream of somebody else like our own; see `OpenStreams`. Returns how to stop watching it. Throws
   * `too_many_streams`, `cut`.
   */
  watch(stream: OpenStream): () => void
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

export interface GatewayOptions
  extends Omit<GatewayPorts, 'origin' | 'forward' | 'streams' | 'authorization' | 'letsAnonymous'> {
  /** Nobody is let through unidentified without it. */
  readonly letsAnonymous?: GatewayPorts['letsAnonymous']
  readonly authorization: Pick<AuthorizationServer, 'authenticateBearer' | 'challenge' | 'isRevoked' | 'onRevoked'>
  /** An own one by default. */
  readonly origin?: OriginMemory
  readonly directory: Pick<Directory, 'principal' | 'inGoodStanding' | 'gatewayKeys' | 'onChange'>
  /** Told how each request ended. `protocol` is one of ours, or `unknown`. */
  readonly ended?: (protocol: string, end: RequestEnd) => void
}

/**
 * Opens the gateway of a tenant. Whoever loses their standing in the directory, or whose credential is revoked, is cut off
 * at once.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { directory, catalog, clock, report, authorization, access } = options
  const client = openUpstreamClient(catalog)
  const log = deferOutcomes(options.log)
  const isLost = (caller: Caller): boolean => authorization.isRevoked(caller) || isKeyGone(caller, directory)
  const letsAnonymous = options.letsAnonymous ?? (() => false)
  // Whether an anonymous caller may go on is decided on with its stream; it is nobody who could lose a standing.
  const holds = (caller: Caller): boolean =>
    isAnonymous(caller) || (!isLost(caller) && caller.chain.every(({ id }) => directory.inGoodStanding(id)))
  const streams = new OpenStreams({ clock, holds, basis: () => access.basis() })
  const ports: GatewayPorts = {
    ...options,
    letsAnonymous,
    log,
    origin: options.origin ?? createOriginMemory(clock),
    forward: client.send,
    streams,
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

  const cut = (principals: Iterable<PrincipalId>): void => {
    const fallen = new Set(principals)
    const isFallen = (id: PrincipalId): boolean => fallen.has(id) || fallen.has(directory.principal(id)?.sponsor ?? id)
    flights.cut(
      ({ chain }) => chain.some(({ id }) => isFallen(id)),
      'access was suspended while the request was under way',
    )
  }
  const cutLost = (isConcerned: (caller: Caller) => boolean): void => {
    flights.cut(
      (caller) => isConcerned(caller) && isLost(caller),
      'the credential was revoked while the request was under way',
    )
    streams.lookAgain()
  }
  // What is under way was decided under what was in force when it began; who is put on a deny list meanwhile is stopped.
  const versionNow = (): string => `${access.revision()} ${access.lists.version}`
  let version = versionNow()
  const watch = setInterval(() => {
    if (version === versionNow()) return
    version = versionNow()
    flights.lookAgain()
    streams.lookAgain()
  }, LOOK_EVERY)
  watch.unref()
  const stops = [
    () => clearInterval(watch),
    directory.onChange((changed) => {
      const fallen = changed.filter((id) => !directory.inGoodStanding(id))
      if (fallen.length > 0) cut(fallen)
      const touched = new Set(changed)
      cutLost(({ chain }) => chain.some(({ id }) => touched.has(id)))
    }),
    authorization.onRevoked(() => cutLost(() => true)),
  ]

  return {
    async handle(name, rest, request, response, { trace, maxBody, reasoning }) {
      const protocol = protocols.get(name)
      const sink = new NodeSink(request, response)
      try {
        // What names no protocol is an endpoint of none, whatever follows; somebody has to say so.
        const path = protocol === undefined ? `/gw/${name}` : rest
        const arrival = arrivalOf(request, path, { trace, maxBody, reasoning })
        const end = await serve(protocol ?? openAi, arrival, sink, ports, flights)
        options.ended?.(protocol === undefined ? 'unknown' : name, end)
      } catch (error) {
        report({ what: 'a request could not be answered', error })
        options.ended?.(protocol === undefined ? 'unknown' : name, 'failed')
        sink.destroy()
      }
    },
    cut,
    watch: (stream) => streams.add(stream),
    async lookAtTools(ctx, server) {
      const upstream = catalog.upstream(server)
      if (upstream?.kind !== 'mcp') throw new GatewayError('server_unknown', `no tool server \`${server}\``)
      return listings.look(ctx, upstream, ports)
    },
    get underWay() {
      return flights.size
    },
    async close() {
      for (const stop of stops) stop()
      streams.close()
      flights.cutAll()
      // Whoever was cut has said so by then.
      await new Promise((resolve) => setImmediate(resolve))
      log.flush()
      await client.close()
    },
  }
}

/** Whether the key that a request came with is not there any more. */
function isKeyGone({ authentication, credential, chain }: Caller, directory: GatewayOptions['directory']): boolean {
  return (
    authentication.method === 'gateway_key' && !directory.gatewayKeys(chain[0].id).some(({ id }) => id === credential)
  )
}

/** Milliseconds between two looks at whether decisions may be others now. */
const LOOK_EVERY = 500
