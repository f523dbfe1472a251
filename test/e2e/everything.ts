import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** The published `server-everything`, as it is, in a process of its own; on loopback, which it would not do by itself. */
export async function startEverything(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const child = fork(program, ['streamableHttp'], {
    execArgv: ['--import', join(import.meta.dirname, 'loopback-only.mjs')],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [message] = await once(child, 'message')
  const { port } = z.object({ port: z.number() }).parse(message)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      if (child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
