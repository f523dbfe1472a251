import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parse } from 'yaml'
import { z } from 'zod'
import { errorText } from '../kernel/index.ts'
import { parseVerifierKey, type Verifier } from '../translog/index.ts'
import { ServerError } from './errors.ts'

const port = z.number().int().min(0).max(65_535)

const configSchema = z.strictObject({
  /** Where the server listens. Anything but a loopback address is refused while the demo is on. */
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes a free port. */
  port: port.default(8420),
  /** How clients reach it; default `http://localhost:PORT`. Every URL that Sallyport issues begins with it. */
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  /** The data directory. */
  data: z.string().min(1).default('data'),
  /** Bytes of a request body, at most. */
  maxBody: z.number().int().min(1024).max(1_073_741_824).default(10_485_760),
  log: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('warn'),
  /** Who cosigns the logs, so that not even their operator can show two histories. */
  witnesses: z
    .array(
      z.strictObject({
        url: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
        /** Its public keys, one a line (C2SP signed-note). */
        key: z.string().transform(parseWitnessKeys),
      }),
    )
    .max(16)
    .default([]),
  /** How many of them have to cosign a checkpoint before it counts as witnessed. */
  witnessQuorum: z.number().int().min(1).max(16).default(1),
  demo: z
    .strictObject({
      /** `auto`: when the data directory is empty, or was begun as a demo. */
      enabled: z.union([z.boolean(), z.literal('auto')]).default('auto'),
      /** Where the stand-in upstreams listen, on loopback; 0 takes a free port. */
      modelPort: port.default(8421),
      officePort: port.default(8422),
    })
    .default({ enabled: 'auto', modelPort: 8421, officePort: 8422 }),
})

function parseWitnessKeys(text: string, context: z.RefinementCtx): readonly Verifier[] {
  try {
    const keys = text.split(/\s+/).filter(Boolean).map(parseVerifierKey)
    if (keys.length > 0 && keys.every(({ type }) => type !== 'ed25519')) return keys
  } catch {
    // Told below.
  }
  context.addIssue({ code: 'custom', message: 'not the public key of a witness' })
  return z.NEVER
}

export type Config = Readonly<z.infer<typeof configSchema>>

/** What stands above the file: flags of the command line, then variables of the environment. */
export type ConfigOverrides = { readonly [key in 'host' | 'port' | 'publicUrl' | 'data' | 'log']?: string | undefined }

/**
 * Reads the configuration: `file` (YAML; absent is fine unless it was asked for by name), overridden by environment
 * variables `SALLYPORT_HOST`, `_PORT`, `_PUBLIC_URL`, `_DATA`, `_LOG`, overridden by `flags`.
 * Throws `config_invalid` with one sentence that names the key.
 */
export function loadConfig(options: {
  readonly file: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly flags: ConfigOverrides
}): Config {
  const { environment } = options
  const merged: Record<string, unknown> = { ...readConfigFile(options.file) }
  const variables: ConfigOverrides = {
    host: environment.SALLYPORT_HOST,
    port: environment.SALLYPORT_PORT,
    publicUrl: environment.SALLYPORT_PUBLIC_URL,
    data: environment.SALLYPORT_DATA,
    log: environment.SALLYPORT_LOG,
  }
  for (const source of [variables, options.flags]) {
    for (const [key, value] of Object.entries(source)) {
      if (value !== undefined) merged[key] = key === 'port' ? Number(value) : value
    }
  }
  const parsed = configSchema.safeParse(merged)
  if (parsed.success) return checkQuorum(parsed.data)
  const problem = parsed.error.issues[0]
  const where = problem?.path.join('.') ?? ''
  const unknown = problem?.code === 'unrecognized_keys' ? problem.keys.join('`, `') : undefined
  throw new ServerError(
    'config_invalid',
    unknown === undefined
      ? `configuration key \`${where}\` is wrong: ${problem?.message.toLowerCase() ?? 'invalid'}`
      : `configuration key \`${[...(problem?.path ?? []), unknown].join('.')}\` does not exist`,
  )
}

function checkQuorum(config: Config): Config {
  const { length } = config.witnesses
  if (config.witnessQuorum <= Math.max(1, length)) return config
  throw new ServerError(
    'config_invalid',
    `configuration key \`witnessQuorum\` is wrong: ${config.witnessQuorum} of ${length} witnesses can never cosign`,
  )
}

function readConfigFile(file: string | undefined): Record<string, unknown> {
  const path = file ?? 'sallyport.yaml'
  if (!existsSync(path)) {
    if (file === undefined) return {}
    throw new ServerError('config_invalid', `configuration file \`${path}\` does not exist`)
  }
  try {
    const value: unknown = parse(readFileSync(path, 'utf8')) ?? {}
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    throw new ServerError('config_invalid', `configuration file \`${path}\` is not YAML: ${errorText(error)}`)
  }
  throw new ServerError('config_invalid', `configuration file \`${path}\` must hold keys and values`)
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
