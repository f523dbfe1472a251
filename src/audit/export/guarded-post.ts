import type { LookupFunction } from 'node:net'
import { Pool } from 'undici'
import { AuditError } from '../errors.ts'

export interface GuardedPost {
  /** Rejects for every status but 2xx (redirects are not followed): with `export_refused` where it says never again. */
  post(headers: Readonly<Record<string, string>>, body: Uint8Array | string, signal: AbortSignal): Promise<Buffer>
  close(): Promise<void>
}

/** What an answer may hold, in bytes; receivers have little to say. */
const MAX_ANSWER = 1024 * 1024

/**
 * Posts to one URL. `lookup` resolves names without the addresses where no receiver can be; `timeout` in milliseconds,
 * from the start of a request to the end of its answer.
 */
export function guardedPost(options: {
  readonly url: string
  readonly timeout: number
  readonly lookup: LookupFunction
}): GuardedPost {
  const { origin, pathname, search } = new URL(options.url)
  const pool = new Pool(origin, {
    connections: 1,
    connect: { timeout: Math.min(options.timeout, 10_000), lookup: options.lookup },
    headersTimeout: options.timeout,
    bodyTimeout: options.timeout,
    allowH2: false,
    maxResponseSize: MAX_ANSWER,
  })
  return {
    async post(headers, body, signal) {
      const answer = await pool.request({
        path: `${pathname}${search}`,
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]),
      })
      const bytes = Buffer.from(await answer.body.arrayBuffer())
      if (answer.statusCode >= 200 && answer.statusCode < 300) return bytes
      const what = isAboutTheRecords(answer.statusCode) ? 'export_refused' : 'export_failed'
      throw new AuditError(what, `the receiver answered ${answer.statusCode}`)
    },
    close: () => pool.destroy(),
  }
}

/**
 * Whether a status says that these records will never be taken. What says something of the caller, the address or the
 * moment is true of all records: then the target waits until somebody has set it right, and nothing is set aside.
 */
function isAboutTheRecords(status: number): boolean {
  return status >= 400 && status < 500 && !OF_THE_TARGET.has(status)
}

const OF_THE_TARGET: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 407, 408, 410, 421, 425, 426, 429, 451])
