#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander'
import { SallyportError } from '../kernel/index.ts'
import { accessCommand } from './commands/access.ts'
import { applyCommand } from './commands/apply.ts'
import { approvalsCommand } from './commands/approvals.ts'
import { decideCommand } from './commands/decide.ts'
import { keysCommand } from './commands/keys.ts'
import { limitsCommand } from './commands/limits.ts'
import { listsCommand } from './commands/lists.ts'
import { logCommand } from './commands/log.ts'
import { policyCommand } from './commands/policy.ts'
import { principalsCommand } from './commands/principals.ts'
import { startCommand } from './commands/start.ts'
import { resumeCommand, suspendCommand } from './commands/status.ts'
import { tokenCommand } from './commands/token.ts'
import { toolsCommand } from './commands/tools.ts'
import { traceCommand } from './commands/trace.ts'
import { whatCanCommand, whoCanCommand } from './commands/who-can.ts'
import { witnessCommand } from './commands/witness.ts'
import { version } from './version.ts'
import { oneLine } from './visible.ts'

const program = new Command('sallyport')
  .description('Two gates for generative-AI systems: who are you, what may you do.')
  .version(version)
  .addOption(new Option('--json', 'print JSON, for programs'))
  .addOption(
    new Option('--credentials <file>', 'where the server is, and the keys to use')
      .env('SALLYPORT_CREDENTIALS')
      .default('data/demo/credentials.json'),
  )
  .addOption(new Option('--as <principal>', 'who asks').env('SALLYPORT_AS').default('olivia'))
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()

for (const command of [
  startCommand(),
  accessCommand(),
  applyCommand(),
  decideCommand(),
  whoCanCommand(),
  whatCanCommand(),
  keysCommand(),
  limitsCommand(),
  listsCommand(),
  logCommand(),
  traceCommand(),
  tokenCommand(),
  principalsCommand(),
  suspendCommand(),
  resumeCommand(),
  toolsCommand(),
  approvalsCommand(),
  policyCommand(),
  witnessCommand(),
]) {
  program.addCommand(command.exitOverride())
}

// A reader that goes away (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportFailure(error)
}

/** One line on stderr; the exit code is 1 for a failure and 2 for a command that was called wrongly. */
function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // commander has printed its own line
  const known = error instanceof SallyportError
  process.stderr.write(`sallyport: ${oneLine(known ? error.publicMessage : `internal error: ${String(error)}`)}\n`)
  if (!known && process.env.SALLYPORT_DEBUG !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack}\n`)
  return 1
}
