import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Txn } from '../kernel/index.ts'
import { GatewayError } from './errors.ts'
import type { Arrival, ClientSink } from './protocol.ts'

/** A request of Node's server. `rest` is its URL from the protocol's mount point on, with the query. */
export function arrivalOf(
  request: IncomingMessage,
  rest: string,
  options: { readonly trace: string; readonly maxBody: number; readonly reasoning?: string | undefined },
): Arrival {
  const mark = rest.indexOf('?')
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? rest : rest.slice(0, mark),
    query: mark < 0 ? '' : rest.slice(mark),
    headers: request.headers,
    trace: options.trace,
    reasoning: options.reasoning,
    address: request.socket.remoteAddress,
    body: () => readBody(request, options.maxBody),
  }
}

const NOTHING = Buffer.alloc(0)
// How many times the limit is read and thrown away before the connection is closed.
const DRAINED = 4

function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    request.resume()
    return Promise.resolve(NOTHING)
  }
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else {
        chunks = []
        // A client reads the answer when it has sent everything; one that sends for ever is cut off.
        if (length > limit * DRAINED) reject(tooLarge(limit))
      }
    })
    request.on('end', () => {
      if (length > limit) return reject(tooLarge(limit))
      const only = chunks[0]
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length))
    })
    request.on('error', (cause) => reject(gone(cause)))
    request.on('close', () => {
      if (!request.complete) reject(gone(undefined))
    })
  })
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError('body_too_large', `the body is larger than ${limit} bytes`)
}

function gone(cause: unknown): GatewayError {
  return new GatewayError('client_gone', 'the client hung up', { cause })
}

/** The way back over a response of Node's server. */
export class NodeSink implements ClientSink {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #txn: string | undefined
  #record: string | undefined
  #isEventStream = false

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.#response = response
  }

  get started(): boolean {
    return this.#response.headersSent
  }

  get status(): number | undefined {
    return this.#response.headersSent ? this.#response.statusCode : undefined
  }

  get isEventStream(): boolean {
    return this.#isEventStream
  }

  mark(txn: Txn, record: number | undefined): void {
    this.#txn = txn
    this.#record = record === undefined ? undefined : String(record)
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    const all: Record<string, string> = { ...headers, 'x-content-type-options': 'nosniff' }
    if (this.#txn !== undefined) all['sallyport-txn'] = this.#txn
    if (this.#record !== undefined) all['sallyport-record'] = this.#record
    // What of the request was not read is not worth reading.
    if (!this.#request.complete) all.connection = 'close'
    this.#isEventStream = all['content-type']?.startsWith('text/event-stream') === true
    this.#response.writeHead(status, all)
  }

  write(chunk: Uint8Array | string): Promise<void> | undefined {
    const response = this.#response
    if (response.write(chunk) || response.destroyed) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        response.removeListener('drain', done)
        response.removeListener('close', done)
        resolve()
      }
      response.on('drain', done)
      response.on('close', done)
    })
  }

  end(chunk?: Uint8Array | string): void {
    this.#response.end(chunk)
  }

  destroy(): void {
    this.#response.destroy()
  }

  onGone(listener: () => void): void {
    const response = this.#response
    response.on('close', () => {
      if (!response.writableFinished) listener()
    })
  }
}
