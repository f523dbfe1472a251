import { type Dispatcher, errors, Pool } from 'undici'
import { errorText } from '../../kernel/index.ts'
import type { Catalog, Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import type { Flight } from '../flight.ts'
import type { UpstreamAnswer, UpstreamRequest } from '../protocol.ts'
import { publicLookup } from './public-lookup.ts'
import { UpstreamBody } from './upstream-body.ts'

/** Sends requests to the upstreams of one tenant, each with the credential that the catalogue keeps for it. */
export interface UpstreamClient {
  /**
   * Resolves with the head of the answer. Rejects with `upstream_unreachable`, `upstream_timeout`, or with what `flight`
   * was broken off for. Redirects are answers like any other: they are never followed.
   */
  send(request: UpstreamRequest, flight?: Flight): Promise<UpstreamAnswer>
  close(): Promise<void>
}

export function openUpstreamClient(catalog: Pick<Catalog, 'credentialHeader'>): UpstreamClient {
  const pools = new Map<string, { readonly pool: Pool; readonly prefix: string; readonly upstream: Upstream }>()

  const poolFor = (upstream: Upstream) => {
    const known = pools.get(upstream.id)
    if (known !== undefined && known.upstream === upstream) return known
    if (known !== undefined) void known.pool.close()
    const url = new URL(upstream.url)
    const pool = new Pool(url.origin, {
      connect: { timeout: upstream.timeouts.connect, lookup: publicLookup },
      pipelining: 1,
      allowH2: false,
    })
    const opened = { pool, prefix: url.pathname === '/' ? '' : url.pathname, upstream }
    pools.set(upstream.id, opened)
    return opened
  }

  return {
    send(request, flight) {
      const { upstream } = request
      const { pool, prefix } = poolFor(upstream)
      const credential = catalog.credentialHeader(upstream)
      return new Promise((resolve, reject) => {
        const handler = new AnswerHandler(flight, resolve, reject)
        flight?.onAbort((error) => handler.abort(error))
        pool.dispatch(
          {
            path: `${prefix}${request.path}` || '/',
            method: request.method,
            headers:
              credential === undefined ? request.headers : { ...request.headers, [credential[0]]: credential[1] },
            body: request.body ?? null,
            headersTimeout: upstream.timeouts.firstByte,
            bodyTimeout: request.idleTimeout ?? upstream.timeouts.idle,
          },
          handler,
        )
      })
    },
    async close() {
      const all = [...pools.values()]
      pools.clear()
      await Promise.all(all.map(({ pool }) => pool.destroy()))
    },
  }
}

/** The callbacks of one dispatched request. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #flight: Flight | undefined
  readonly #resolve: (answer: UpstreamAnswer) => void
  readonly #reject: (error: GatewayError) => void
  #controller: Dispatcher.DispatchController | undefined
  #body: UpstreamBody | undefined

  constructor(
    flight: Flight | undefined,
    resolve: (answer: UpstreamAnswer) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#flight = flight
    this.#resolve = resolve
    this.#reject = reject
  }

  abort(error: GatewayError): void {
    this.#fail(error)
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    const error = this.#flight?.error
    if (error !== undefined) controller.abort(error)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.#body = new UpstreamBody(status, headers, controller)
    this.#resolve(this.#body)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body?.push(chunk)
  }

  onResponseEnd(): void {
    this.#body?.finish()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(this.#flight?.error ?? describe(error, this.#body !== undefined))
  }

  #fail(error: GatewayError): void {
    if (this.#body === undefined) this.#reject(error)
    else this.#body.fail(error)
  }
}

function describe(error: Error, answered: boolean): GatewayError {
  if (error instanceof GatewayError) return error
  const options = { detail: errorText(error), cause: error }
  if (
    error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError
  ) {
    return new GatewayError('upstream_timeout', 'the upstream took too long', options)
  }
  return answered
    ? new GatewayError('upstream_broken', 'the upstream broke off', options)
    : new GatewayError('upstream_unreachable', 'the upstream cannot be reached', options)
}
