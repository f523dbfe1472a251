import { once } from 'node:events'
import type { Server } from 'node:http'

/** Listens on 127.0.0.1, and nowhere else. `close` ends open connections too. */
export async function listen(server: Server, port: number): Promise<{ url: string; close(): Promise<void> }> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
