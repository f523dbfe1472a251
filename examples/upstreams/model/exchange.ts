import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Quirk } from './quirks.ts'

/** One request and the way to answer it. `signal` fires when the client hangs up or the server closes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: unknown
  readonly signal: AbortSignal
  readonly id: string
}

export function answerJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  exchange.response.writeHead(status, { 'content-type': 'application/json', ...headers })
  exchange.response.end(JSON.stringify(body))
}

export interface SseEvent {
  readonly event?: string
  readonly data: unknown
  /** Whether it carries a token, so that slow models pause before it. */
  readonly token?: true
}

/** Streams `events` with the pace and the faults of the model; stops as soon as nobody listens any more. */
export async function answerStream(exchange: Exchange, events: readonly SseEvent[], quirk: Quirk): Promise<void> {
  const { response, signal } = exchange
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  const dropAfter = Math.ceil(events.length / 2)
  for (const [index, event] of events.entries()) {
    if (event.token === true && quirk.delay > 0) await sleep(quirk.delay, undefined, { signal })
    if (quirk.fault === 'drop' && index === dropAfter) {
      await new Promise((resolve) => response.write('', resolve))
      response.destroy()
      return
    }
    if (quirk.fault === 'garbage' && index === dropAfter) response.write('data: {"choices": [\n\n')
    const name = event.event === undefined ? '' : `event: ${event.event}\n`
    const data = typeof event.data === 'string' ? event.data : JSON.stringify(event.data)
    if (!response.write(`${name}data: ${data}\n\n`)) await drained(response, signal)
  }
  response.end()
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.once('drain', resolve)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
