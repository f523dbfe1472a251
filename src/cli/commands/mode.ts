import { Argument, Command } from 'commander'
import { z } from 'zod'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'

const setSchema = z.object({
  modes: z.array(z.object({ target: z.string(), mode: z.string(), setBy: z.string(), setAt: z.string() })),
})
const switchedSchema = z.object({ target: z.string(), mode: z.string(), before: z.string() })

type ModeSet = z.output<typeof setSchema>['modes'][number]

/** What is enforced, and what is only observed. */
export function modeCommand(): Command {
  const mode = new Command('mode').description('what is enforced, and what is only decided and recorded')
  mode
    .command('show', { isDefault: true })
    .description('everything that was set; the rest is enforced')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const { modes } = setSchema.parse(await client().call('GET', '/api/modes'))
      output.data(modes, () => modesText(modes))
    })
  mode
    .command('set')
    .description('enforce, or only observe: the tenant, or what an option names')
    .addArgument(new Argument('<mode>', '`unset` takes back what was set').choices(['observe', 'enforce', 'unset']))
    .option('--project <project>', 'whatever is done to what is in the project')
    .option('--route <route>', '`models`, `tools`, `decision-point`, or the name of an upstream')
    .option('--project-layer <project>', 'what the policies of the project refuse')
    .option('--agent <agent>', 'what the policies of the agent refuse')
    .option('--agent-type <type>', 'what the policies of the agent type refuse')
    .action(async (wanted: string, options: TargetOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const done = switchedSchema.parse(
        await client().call('POST', '/api/modes', { target: targetOf(options), mode: wanted }),
      )
      output.data(done, () => `${done.target}: ${done.mode} (was ${done.before})`)
    })
  return mode
}

interface TargetOptions {
  readonly project?: string
  readonly route?: string
  readonly projectLayer?: string
  readonly agent?: string
  readonly agentType?: string
}

const GATES: ReadonlySet<string> = new Set(['models', 'tools', 'decision-point'])

function targetOf({ project, route, projectLayer, agent, agentType }: TargetOptions): string {
  const given = [
    project === undefined ? undefined : `project:${project}`,
    route === undefined ? undefined : GATES.has(route) ? `route:${route}` : `upstream:${route}`,
    projectLayer === undefined ? undefined : `layer:project:${projectLayer}`,
    agent === undefined ? undefined : `layer:agent:${agent}`,
    agentType === undefined ? undefined : `layer:agent-type:${agentType}`,
  ].filter((target) => target !== undefined)
  if (given.length > 1) throw new CliError('usage', 'one mode is set at a time: give one option at most')
  return given[0] ?? 'tenant'
}

function modesText(modes: readonly ModeSet[]): string {
  if (modes.length === 0) return 'everything is enforced'
  return table([
    ['what', 'mode', 'since', 'set by'],
    ...modes.map(({ target, mode, setAt, setBy }) => [target, mode, setAt, setBy]),
  ])
}
