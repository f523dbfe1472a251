import { readFileSync } from 'node:fs'
import { Pool } from 'undici'

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Requests under way at the same time. */
  readonly connections: number
  readonly ms: number
  /** Of the process that is measured. */
  readonly pid: number
}

export interface Measured {
  readonly requests: number
  readonly ms: number
  /** CPU time of the measured process, in microseconds; 0 where the system does not tell. */
  readonly cpu: number
  /** Milliseconds of each request, sorted. */
  readonly latencies: readonly number[]
}

/** Sends one request after the other on each connection. Throws when an answer is not the one that was expected. */
export async function measure(load: Load): Promise<Measured> {
  const url = new URL(load.url)
  const pool = new Pool(url.origin, { connections: load.connections, pipelining: 1 })
  const latencies: number[] = []
  const started = performance.now()
  const cpu = cpuTime(load.pid)
  const end = started + load.ms
  const run = async (): Promise<void> => {
    while (performance.now() < end) {
      const before = performance.now()
      await send(pool, url.pathname, load)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: load.connections }, run))
  const ms = performance.now() - started
  const spent = cpuTime(load.pid) - cpu
  await pool.close()
  return { requests: latencies.length, ms, cpu: spent, latencies: latencies.sort((a, b) => a - b) }
}

function send(pool: Pool, path: string, { headers, body }: Load): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0
    let length = 0
    let tail = ''
    pool.dispatch(
      { path, method: 'POST', headers, body },
      {
        onRequestStart() {},
        onResponseStart(_, code) {
          status = code
        },
        onResponseData(_, chunk) {
          length += chunk.length
          if (status !== 200) tail += chunk.toString()
        },
        onResponseEnd() {
          if (status === 200 && length > 0) resolve()
          else reject(new Error(`answer ${status} ${tail}`))
        },
        onResponseError(_, error) {
          reject(error)
        },
      },
    )
  })
}

// Linux counts CPU time in hundredths of a second.
const TICK = 10_000

/** CPU time that a process has had with all its threads, in microseconds; 0 where /proc does not tell. */
function cpuTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK
  } catch {
    return 0
  }
}
