import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.ts'
import type { UpstreamAnswer } from '../protocol.ts'

/** Bytes that are kept for a reader who has not come yet, before the upstream is told to wait. */
const PATIENCE = 65_536

/** An answer that is pushed by the HTTP client and read once. */
export class UpstreamBody implements UpstreamAnswer {
  readonly status: number
  readonly headers: UpstreamAnswer['headers']
  readonly #controller: Dispatcher.DispatchController
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #reader: Reader | undefined
  #busy = false
  #isScheduled = false
  #ended = false
  #error: unknown

  constructor(status: number, headers: UpstreamAnswer['headers'], controller: Dispatcher.DispatchController) {
    this.status = status
    this.headers = headers
    this.#controller = controller
  }

  each(onChunk: Reader['onChunk']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reader = { onChunk, resolve, reject }
      if (this.#error !== undefined) reject(this.#error)
      else this.#advance()
    })
  }

  async whole(limit: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    await this.each((chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) throw new GatewayError('upstream_broken', 'the answer of the upstream is too large')
    })
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)
  }

  discard(): void {
    if (this.#ended) return
    this.#stop(new GatewayError('upstream_broken', 'the answer was not wanted'))
  }

  /** More of the body. What arrives together is handed over together: each piece costs its reader the same. */
  push(chunk: Buffer): void {
    if (this.#ended) return
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#reader !== undefined && !this.#busy) this.#schedule()
    else if (this.#waitingBytes > PATIENCE) this.#controller.pause()
  }

  /** The body is complete. */
  finish(): void {
    this.#ended = true
    if (this.#reader !== undefined && !this.#busy) this.#schedule()
  }

  /** There will be no more; what has not been read is dropped. */
  fail(error: GatewayError): void {
    if (this.#error !== undefined) return
    this.#ended = true
    this.#error = error
    this.#waiting = []
    this.#reader?.reject(error)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#advance()
    })
  }

  #advance(): void {
    const reader = this.#reader
    if (reader === undefined || this.#busy || this.#error !== undefined) return
    const chunk = this.#take()
    if (chunk !== undefined) this.#hand(chunk, reader)
    if (this.#busy || this.#error !== undefined) return
    if (this.#ended) reader.resolve()
    else if (this.#controller.paused) this.#controller.resume()
  }

  #take(): Buffer | undefined {
    const waiting = this.#waiting
    if (waiting.length < 2) {
      this.#waitingBytes = 0
      return waiting.pop()
    }
    const all = Buffer.concat(waiting, this.#waitingBytes)
    this.#waiting = []
    this.#waitingBytes = 0
    return all
  }

  #hand(chunk: Buffer, reader: Reader): void {
    try {
      const pending = reader.onChunk(chunk)
      if (pending === undefined) return
      this.#busy = true
      pending.then(
        () => {
          this.#busy = false
          this.#advance()
        },
        (error: unknown) => this.#stop(error),
      )
    } catch (error) {
      this.#stop(error)
    }
  }

  /** Whoever reads wants no more of it. */
  #stop(error: unknown): void {
    if (this.#error !== undefined) return
    const complete = this.#ended
    this.#ended = true
    this.#error = error
    this.#waiting = []
    if (!complete) this.#controller.abort(error instanceof Error ? error : new Error('not wanted'))
    this.#reader?.reject(error)
  }
}

interface Reader {
  readonly onChunk: (chunk: Buffer) => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}
