import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { CliError } from '../errors.ts'
import { outputOf } from '../output.ts'
import { untilStopped } from '../until-stopped.ts'
import { readKeys } from '../verifier-keys.ts'
import { createWitness } from '../witness/serve-witness.ts'
import { openWitnessKeys } from '../witness/witness-key.ts'
import { openWitnessState } from '../witness/witness-state.ts'

interface WitnessOptions {
  readonly name: string
  readonly logKeys: readonly string[]
  readonly data: string
  readonly host: string
  readonly port: number
}

/** Runs a witness: a program of its own, for somebody who does not run the log. */
export function witnessCommand(): Command {
  return new Command('witness')
    .description("cosign other people's logs, as long as they rewrite nothing")
    .requiredOption('--name <name>', 'the name it signs under, as in witness.example/w1', parseName)
    .requiredOption('--log-keys <file...>', 'the public keys of the logs it witnesses, one a line')
    .option('--data <directory>', 'its keys, and what it has cosigned', 'witness')
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <port>', 'where it listens; 0 takes a free one', parsePort, 8430)
    .action(async (options: WitnessOptions, command: Command) => {
      process.umask(0o077)
      const { json = false } = command.optsWithGlobals<{ json?: boolean }>()
      const output = outputOf(json)
      const logs = options.logKeys.flatMap(readKeys)
      const { lockDirectory } = await import('../../store/index.ts')
      const lock = lockDirectory(options.data)
      try {
        const { signers, publicKeys } = openWitnessKeys(join(options.data, 'witness.key'), options.name, Date.now)
        writeFileSync(join(options.data, 'witness.keys'), publicKeys)
        const state = openWitnessState(options.data)
        const origins = [...new Set(logs.map(({ name }) => name))]
        // A broken state is told now, not to the first log that asks.
        for (const origin of origins) state.of(origin)
        const server = createWitness({ logs, signers, state, report: output.note })
        const port = await new Promise<number>((resolve, reject) => {
          server.once('error', () => {
            reject(new CliError('usage', `port ${options.port} on ${options.host} cannot be listened on`))
          })
          server.listen(options.port, options.host, () => {
            const address = server.address()
            resolve(typeof address === 'object' && address !== null ? address.port : options.port)
          })
        })
        const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
        const ready = { url, name: options.name, logs: origins, keys: join(options.data, 'witness.keys') }
        output.line(ready, () =>
          [`witness ${ready.name} listens on ${url}`, ...origins.map((o) => `  ${o}`), `its keys: ${ready.keys}`].join(
            '\n',
          ),
        )
        await untilStopped()
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      } finally {
        lock.release()
      }
    })
}

// C2SP signed-note: key names hold neither spaces nor a plus sign.
function parseName(text: string): string {
  if (!/^[^\p{Z}\p{Cc}+]{1,255}$/u.test(text)) throw new InvalidArgumentError('must be a name without spaces or `+`')
  return text
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('must be 0 to 65535')
  return port
}
