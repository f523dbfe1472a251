import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '..', '..')
const NODE_ARGUMENTS = ['--disable-warning=ExperimentalWarning', join(ROOT, 'src', 'cli', 'main.ts')]

const CredentialsFile = z.object({
  issuer: z.url(),
  gateway: z.object({ openai: z.url(), anthropic: z.url(), mcp: z.record(z.string(), z.url()) }),
  principals: z.record(
    z.string(),
    z.object({
      client_id: z.string(),
      private_key_jwk: z.record(z.string(), z.unknown()).optional(),
      gateway_key: z.string().optional(),
    }),
  ),
})
export type Credentials = z.infer<typeof CredentialsFile>

const Ready = z.looseObject({ url: z.url(), demo: z.looseObject({ credentials: z.string() }) })

export interface CommandResult {
  /** Whether the exit code was 0. */
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

/** A Sallyport of our own: the real program in a process of its own, with the demo on free ports. */
export interface Sallyport {
  /** Where it listens, without a slash at the end. */
  readonly url: string
  readonly credentials: Credentials
  /** A directory of its own: the configuration and, below it, the data. */
  readonly home: string
  /** The data directory. */
  readonly data: string
  readonly process: ChildProcess
  /** Runs the command line as a user would. */
  cli(...args: readonly string[]): Promise<CommandResult>
  /** Ends the process; the data stays. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Ends the process and removes the data. */
  remove(): Promise<void>
}

export interface SallyportOptions {
  /** What an earlier one has left; a new one where it is absent. */
  readonly home?: string
  /** Laid over the defaults. */
  readonly config?: object
  /** For Node itself. */
  readonly nodeArguments?: readonly string[]
}

/** Resolves when it is ready. */
export async function startSallyport(options: SallyportOptions = {}): Promise<Sallyport> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'sallyport-'))
  const data = join(home, 'data')
  const config = join(home, 'sallyport.yaml')
  // JSON is YAML
  const settings = { port: 0, data, demo: { modelPort: 0, officePort: 0 }, ...options.config }
  writeFileSync(config, JSON.stringify(settings))
  const args = [...(options.nodeArguments ?? []), ...NODE_ARGUMENTS, 'start', '--config', config, '--json']
  const child = spawn(process.execPath, args, { cwd: ROOT, env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    const ready = await firstLine(child)
    const { demo, url } = Ready.parse(JSON.parse(ready))
    const environment = { ...cleanEnvironment(), SALLYPORT_CREDENTIALS: demo.credentials }
    return {
      url,
      credentials: CredentialsFile.parse(JSON.parse(readFileSync(demo.credentials, 'utf8'))),
      home,
      data,
      process: child,
      cli: (...command) => run(command, environment),
      stop: (signal) => end(child, signal ?? 'SIGTERM'),
      async remove() {
        await end(child, 'SIGTERM')
        rmSync(home, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await end(child, 'SIGKILL')
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

/** What the program says first; rejects with what it complained about when it ends before that. */
async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('the process has no output')
  let complaints = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-10_000)
  })
  const lines = createInterface({ input: stdout })
  const line = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)])
  if (line === undefined) throw new Error(`sallyport did not start: ${complaints.trim()}`)
  return String(line[0])
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...NODE_ARGUMENTS, ...args], { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr })
    })
  })
}

/** Settings of the user's own Sallyport must not reach this one. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SALLYPORT_')))
}
