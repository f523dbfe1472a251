import { Command, Option } from 'commander'
import { accessCommand } from './commands/access.ts'
import { applyCommand } from './commands/apply.ts'
import { approvalsCommand } from './commands/approvals.ts'
import { decideCommand } from './commands/decide.ts'
import { keysCommand } from './commands/keys.ts'
import { limitsCommand } from './commands/limits.ts'
import { listsCommand } from './commands/lists.ts'
import { logCommand } from './commands/log.ts'
import { modeCommand } from './commands/mode.ts'
import { packsCommand } from './commands/packs.ts'
import { policyCommand } from './commands/policy.ts'
import { principalsCommand } from './commands/principals.ts'
import { standingCommand } from './commands/standing.ts'
import { startCommand } from './commands/start.ts'
import { resumeCommand, suspendCommand } from './commands/status.ts'
import { tokenCommand } from './commands/token.ts'
import { toolsCommand } from './commands/tools.ts'
import { traceCommand } from './commands/trace.ts'
import { whatCanCommand, whoCanCommand } from './commands/who-can.ts'
import { witnessCommand } from './commands/witness.ts'
import { version } from './version.ts'

/** Every command there is; docs/reference/cli.md is made from it. */
export function sallyport(): Command {
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
    standingCommand(),
    accessCommand(),
    applyCommand(),
    decideCommand(),
    whoCanCommand(),
    whatCanCommand(),
    keysCommand(),
    limitsCommand(),
    listsCommand(),
    logCommand(),
    modeCommand(),
    traceCommand(),
    tokenCommand(),
    principalsCommand(),
    suspendCommand(),
    resumeCommand(),
    toolsCommand(),
    approvalsCommand(),
    policyCommand(),
    packsCommand(),
    witnessCommand(),
  ]) {
    program.addCommand(command.exitOverride())
  }
  return program
}
