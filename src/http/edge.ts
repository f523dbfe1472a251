import { randomFillSync } from 'node:crypto'

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/** The trace id of the caller's `traceparent` (W3C Trace Context §3.2), or a new one where it sent none that is valid. */
export function traceOf(headers: { readonly [name: string]: unknown }): string {
  const header = headers.traceparent
  const trace = typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined
  return trace === undefined || /^0+$/.test(trace) ? newTrace() : trace
}

// Drawn together: asking the system for each would cost more than everything else here.
const POOL = Buffer.alloc(4096)
let used = POOL.length

function newTrace(): string {
  if (used === POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += 16
  return POOL.toString('hex', used - 16, used)
}
