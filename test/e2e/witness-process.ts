import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'

export interface WitnessProcess {
  readonly url: string
  /** the file with its public keys */
  readonly keys: string
  /** what it has said about requests that it refused */
  readonly said: readonly string[]
  add(request: string): Promise<{ readonly status: number; readonly text: string }>
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** The real program, in a process of its own. */
export async function startWitness(data: string, logKeys: string, port = 0): Promise<WitnessProcess> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const node = ['--disable-warning=ExperimentalWarning', main, 'witness', '--json']
  const options = ['--name', 'witness.example/w1', '--log-keys', logKeys, '--data', data, '--port', String(port)]
  const child: ChildProcess = spawn(process.execPath, [...node, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  if (child.stdout === null || child.stderr === null) throw new Error('the witness has no output')
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const line = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the witness has ended: ${said.join('; ')}`)))
    createInterface({ input: child.stdout ?? process.stdin }).once('line', resolve)
  })
  const { url, keys } = z.object({ url: z.string(), keys: z.string() }).parse(JSON.parse(line))
  return {
    url,
    keys,
    said,
    async add(body) {
      const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
      return { status: answer.status, text: await answer.text() }
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}
