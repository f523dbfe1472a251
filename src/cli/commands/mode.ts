import { createInterface } from 'node:readline/promises'
import { Argument, Command, Option } from 'commander'
import { z } from 'zod'
import type { ApiClient } from '../client.ts'
import { CliError } from '../errors.ts'
import { type Output, table } from '../output.ts'
import { sessionOf } from '../session.ts'
import { secondsOf } from './duration-argument.ts'

const setSchema = z.object({
  modes: z.array(
    z.object({ target: z.string(), mode: z.string(), identify: z.string(), setBy: z.string(), setAt: z.string() }),
  ),
})
const switchedSchema = z.object({ target: z.string(), mode: z.string(), before: z.string() })
const previewSchema = z.object({
  target: z.string(),
  mode: z.string(),
  since: z.string(),
  digest: z.string(),
  complete: z.boolean(),
  denials: z.number(),
  permittedSince: z.number(),
  groupCount: z.number(),
  groups: z.array(
    z.object({
      principal: z.string(),
      action: z.string(),
      resource: z.string(),
      policies: z.array(z.string()),
      count: z.number(),
      lastSeen: z.string(),
      example: z.number(),
    }),
  ),
})

type ModeSet = z.output<typeof setSchema>['modes'][number]
type Preview = z.output<typeof previewSchema>

/** The exit code where something would start to fail, and nobody said that it may. */
const UNCONFIRMED = 3

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
    .description('enforce, or only observe: the tenant, or what an option names; shows first what would start to fail')
    .addArgument(new Argument('<mode>', '`unset` takes back what was set').choices(['observe', 'enforce', 'unset']))
    .option('--project <project>', 'whatever is done to what is in the project')
    .option('--route <route>', '`models`, `tools`, `decision-point`, or the name of an upstream')
    .option('--project-layer <project>', 'what the policies of the project refuse')
    .option('--agent <agent>', 'what the policies of the agent refuse')
    .option('--agent-type <type>', 'what the policies of the agent type refuse')
    .addOption(
      new Option(
        '--identify <whether>',
        'with `observe --route models` or `tools`: let through who cannot be identified',
      ).choices(['required', 'optional']),
    )
    .option('--since <duration>', 'how far back observed denials are looked at, as in `12h`, `7d`', secondsOf)
    .option('--yes', 'switch without asking, whatever starts to fail')
    .option('--dry-run', 'only show what would start to fail')
    .action(async (wanted: string, options: SetOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      await setMode(wanted, options, client(), output)
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

interface SetOptions extends TargetOptions {
  readonly since?: number
  readonly identify?: string
  readonly yes?: boolean
  readonly dryRun?: boolean
}

async function setMode(wanted: string, options: SetOptions, client: ApiClient, output: Output): Promise<void> {
  const { since, identify, yes = false, dryRun = false } = options
  const asked = {
    target: targetOf(options),
    mode: wanted,
    since: new Date(Date.now() - (since ?? 7 * 86_400) * 1000).toISOString(),
  }
  // To observe makes nothing fail.
  const preview =
    wanted === 'observe' ? undefined : previewSchema.parse(await client.call('POST', '/api/modes/preview', asked))
  const isConfirmed = preview === undefined || preview.groupCount === 0 || yes
  if (dryRun || (!isConfirmed && output.json)) {
    output.data(preview ?? { ...asked, groups: [] }, () => previewText(preview))
    if (!isConfirmed) process.exitCode = UNCONFIRMED
    return
  }
  if (preview !== undefined && !output.json) process.stdout.write(`${previewText(preview)}\n`)
  if (!isConfirmed && !(await isAgreed(asked.target))) {
    output.note('nothing was switched')
    process.exitCode = UNCONFIRMED
    return
  }
  const body =
    preview === undefined
      ? { ...asked, ...(identify === undefined ? {} : { identify }) }
      : { ...asked, preview: yes ? 'any' : preview.digest }
  const done = switchedSchema.parse(await client.call('POST', '/api/modes', body))
  output.data(done, () => `${done.target}: ${done.mode} (was ${done.before})`)
}

/** Nobody is asked who is not there: a program says `--yes`. */
async function isAgreed(target: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await lines.question(`Switch \`${target}\` all the same? Type yes: `)).trim() === 'yes'
  } finally {
    lines.close()
  }
}

function previewText(preview: Preview | undefined): string {
  if (preview === undefined) return 'nothing would start to fail'
  const { groups, groupCount, denials, permittedSince, since, complete } = preview
  const lines = [
    groupCount === 0
      ? `nothing that was observed since ${since} would start to fail`
      : `${counted(denials, 'request')} observed since ${since} would start to fail:`,
  ]
  if (groupCount > 0) {
    const rows = groups
      .slice(0, MOST_ROWS)
      .map(({ count, principal, action, resource, policies, lastSeen, example }) => [
        String(count),
        principal,
        action,
        resource,
        policies.length === 0 ? 'nothing permits it' : policies.join(', '),
        lastSeen,
        String(example),
      ])
    lines.push(table([['count', 'who', 'action', 'on', 'refused by', 'last seen', 'record'], ...rows]))
    if (groupCount > MOST_ROWS)
      lines.push(`and ${counted(groupCount - MOST_ROWS, 'more group')}; all of them with --json`)
  }
  if (permittedSince > 0) lines.push(`${counted(permittedSince, 'request')} more would be allowed by now`)
  if (!complete) lines.push('there is more than was looked at; ask for less with --since')
  return lines.join('\n')
}

const MOST_ROWS = 50

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
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
    ...modes.map(({ target, mode, identify, setAt, setBy }) => [
      target,
      identify === 'optional' ? `${mode}, who cannot be identified too` : mode,
      setAt,
      setBy,
    ]),
  ])
}
