import { Command } from 'commander'
import pino from 'pino'
import { bannerOf } from '../banner.ts'
import { outputOf } from '../output.ts'
import { untilStopped } from '../until-stopped.ts'
import { version } from '../version.ts'

/** Runs Sallyport until it is told to stop. */
export function startCommand(): Command {
  return new Command('start')
    .description('run sallyport; an empty data directory gets the tenant `demo`')
    .option('--config <file>', 'default is sallyport.yaml, where it exists')
    .option('--data <directory>', 'the data directory')
    .option('--host <address>', 'where it listens')
    .option('--port <port>', 'where it listens; 0 takes a free one')
    .option('--public-url <url>', 'how clients reach it')
    .option('--log <level>', 'silent, error, warn, info or debug')
    .action(async (options: StartOptions, command: Command) => {
      // Nothing that is written from here on is anybody else's to read.
      process.umask(0o077)
      const { json = false } = command.optsWithGlobals<{ json?: boolean }>()
      const { config: file, ...flags } = options
      const { loadConfig, startSallyport } = await import('../../server/index.ts')
      const config = loadConfig({ file, environment: process.env, flags })
      const started = performance.now()
      const running = await startSallyport(config, {
        version,
        environment: process.env,
        log: pino({ level: config.log }, pino.destination(2)),
      })
      const ready = Math.round(performance.now() - started)
      outputOf(json).line({ ...running.summary, ready_ms: ready }, () => bannerOf(running.summary, version, ready))
      await untilStopped()
      await running.close()
    })
}

interface StartOptions {
  readonly config?: string
  readonly data?: string
  readonly host?: string
  readonly port?: string
  readonly publicUrl?: string
  readonly log?: string
}
