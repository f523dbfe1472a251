import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { CliError } from '../errors.ts'
import { outputOf } from '../output.ts'

/** After a restore: the log goes on under a new name, so that what was signed before it was restored is not denied. */
export function continueCommand(): Command {
  return new Command('continue')
    .description('after a restore: let the log go on under a new name; the server must not be running')
    .requiredOption('--reason <text>', 'why, for the first record under the new name')
    .option('--tenant <id>', 'whose log', 'demo')
    .option('--data <directory>', 'the data directory', process.env.SALLYPORT_DATA ?? 'data')
    .action(async (options: { reason: string; tenant: string; data: string }, command: Command) => {
      const { json = false } = command.optsWithGlobals<{ json?: boolean }>()
      if (!existsSync(join(options.data, 'system.db'))) {
        throw new CliError('usage', `\`${options.data}\` is not a data directory`)
      }
      const { continueTenantLog } = await import('../../server/index.ts')
      const continued = await continueTenantLog({ ...options, environment: process.env })
      const { from, to, lost, record, keys } = continued
      outputOf(json).data(continued, () =>
        [
          `the log goes on as \`${to}\``,
          `  before: \`${from.origin}\`, ${from.size} records`,
          lost === 0
            ? '  nothing tells of records that are lost'
            : `  lost:   ${lost} records that were signed; receipts for them stay good, and nothing else of them`,
          `  record ${record} says so; its keys are in ${keys}: give them to witnesses and auditors`,
        ].join('\n'),
      )
    })
}
