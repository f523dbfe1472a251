// What the tests of exports and their faults send to: real receivers, on a port of their own.
import { lookup } from 'node:dns'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseSections } from '../../identity/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { openKeyRing, openMasterKey } from '../../keys/index.ts'
import type { TenantStore } from '../../store/index.ts'
import type { Log } from '../log.ts'
import { type LogFixture, tenant } from '../log-fixture.ts'
import { exportSections } from './export-sections.ts'
import { type Exports, openExports } from './open-exports.ts'

export const secret = 'a-secret-of-the-receiver'

export interface Received {
  readonly headers: IncomingMessage['headers']
  readonly url: string
  readonly body: string
}

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  close(): Promise<void>
}

/** A server that keeps what it is sent; `answer` may be late, or anything but 200. */
export async function receiver(
  answer: (response: ServerResponse, received: Received) => void | Promise<void> = (response) => void response.end(),
  port = 0,
): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding is set
    const one = { headers: request.headers, url: request.url ?? '', body: Buffer.concat(chunks).toString('utf8') }
    received.push(one)
    await answer(response, one)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port // listening on TCP
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The exports of a log, with manifests applied, and the pace of a test. */
export async function exportsOf(
  place: Pick<LogFixture, 'directory'>,
  log: Log,
  store: TenantStore,
  ...manifests: readonly string[]
): Promise<Exports> {
  const master = openMasterKey({ directory: place.directory, environment: undefined })
  const exports = await openExports({
    tenant,
    store,
    keyRing: await openKeyRing(store, master, tenant, systemClock),
    environment: { SALLYPORT_EXPORT_SECRET: secret, SALLYPORT_MASTER_KEY: 'not to be had' },
    log,
    directory: join(place.directory, 'exports'),
    guard: { lookup, isRefusedAddress: (host) => host.startsWith('169.254.') },
    clock: systemClock,
    report: () => {},
    pace: { linger: 1, firstBackoff: 5, mostBackoff: 20, mostInARow: 12 },
  })
  for (const text of manifests) await exports.apply(parseSections(text, 'exports.yaml', exportSections))
  return exports
}

/** The numbers of the records in webhook bodies, in the order in which they came. */
export function sequencesOf(received: readonly Received[]): number[] {
  return received.flatMap(({ body }) =>
    JSON.parse(body).events.map((event: { metadata: { sequence: number } }) => event.metadata.sequence),
  )
}

/** Waits until `holds`, for ten seconds at most. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come to that')
    await sleep(5)
  }
}
