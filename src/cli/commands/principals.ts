import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'
import { secondsOf } from './duration-argument.ts'

const principalSchema = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  status: z.string(),
  sponsor: z.string().optional(),
  agentType: z.string().optional(),
  project: z.string().optional(),
  level: z.number().optional(),
  risk: z.object({ score: z.number(), source: z.string(), at: z.string(), until: z.string() }).optional(),
  groups: z.array(z.string()),
  roles: z.array(z.string()),
})

type Principal = z.infer<typeof principalSchema>

/** Who there is, and what others say of them. */
export function principalsCommand(): Command {
  const principals = new Command('principals').description(
    'who there is; what level they have earned, how risky they are',
  )
  principals
    .command('list', { isDefault: true })
    .description('everybody, or those of a project')
    .option('--project <id>', 'only those who belong to it')
    .action(async (options: { project?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const query = options.project === undefined ? '' : `?${new URLSearchParams({ project: options.project })}`
      const answer = z
        .object({ principals: z.array(principalSchema) })
        .parse(await client().call('GET', `/api/principals${query}`))
      output.data(answer, () =>
        answer.principals.length === 0 ? 'none' : table(answer.principals.map((one) => rowOf(one))),
      )
    })
  principals
    .command('show')
    .description('one of them')
    .argument('<principal>', 'its id')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = principalSchema.parse(await client().call('GET', `/api/principals/${encodeURIComponent(id)}`))
      output.data(answer, () => describe(answer))
    })
  principals
    .command('set')
    .description('say what level an agent has earned, or how risky somebody is; it counts from the next decision on')
    .argument('<principal>', 'its id')
    .option('--level <number>', 'what an agent has earned; `none` takes it away', levelOf)
    .option('--risk <score>', 'from 0 to 100; `none` takes the score away', scoreOf)
    .option('--source <name>', 'who says how risky it is; you, without it')
    .option('--for <duration>', 'for how long the score counts, as in `30m`', secondsOf, 3_600)
    .action(async (id: string, options: SetOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const { level, risk, source } = options
      if (level === undefined && risk === undefined) throw new CliError('usage', 'give `--level` or `--risk`')
      const path = `/api/principals/${encodeURIComponent(id)}`
      let answer: unknown
      if (level !== undefined) answer = await client().call('POST', `${path}/level`, { level: orNull(level) })
      if (risk !== undefined) {
        const body = { score: orNull(risk), ttl: options.for, ...(source === undefined ? {} : { source }) }
        answer = await client().call('POST', `${path}/risk`, body)
      }
      const principal = principalSchema.parse(answer)
      output.data(principal, () => describe(principal))
    })
  return principals
}

interface SetOptions {
  readonly level?: number | 'none'
  readonly risk?: number | 'none'
  readonly source?: string
  readonly for: number
}

function orNull(value: number | 'none'): number | null {
  return value === 'none' ? null : value
}

function levelOf(text: string): number | 'none' {
  return wholeNumber(text, 1000)
}

function scoreOf(text: string): number | 'none' {
  return wholeNumber(text, 100)
}

function wholeNumber(text: string, largest: number): number | 'none' {
  if (text === 'none') return 'none'
  if (!/^\d{1,4}$/.test(text) || Number(text) > largest) {
    throw new InvalidArgumentError(`must be 0 to ${largest}, or \`none\``)
  }
  return Number(text)
}

function rowOf({ kind, id, status, project, level, risk }: Principal): readonly string[] {
  return [
    kind,
    id,
    status,
    project === undefined ? '' : `project ${project}`,
    level === undefined ? '' : `level ${level}`,
    risk === undefined ? '' : `risk ${risk.score}`,
  ]
}

function describe(principal: Principal): string {
  const { kind, id, name, status, sponsor, agentType, project, level, risk, groups, roles } = principal
  const lines = [
    `${kind} \`${id}\` (${name}) is ${status}`,
    ...(sponsor === undefined ? [] : [`  sponsor: ${sponsor}`]),
    ...(agentType === undefined ? [] : [`  type: ${agentType}`]),
    ...(project === undefined ? [] : [`  project: ${project}`]),
    ...(groups.length === 0 ? [] : [`  groups: ${groups.join(', ')}`]),
    ...(roles.length === 0 ? [] : [`  roles everywhere: ${roles.join(', ')}`]),
    ...(level === undefined ? [] : [`  level: ${level}`]),
    ...(risk === undefined
      ? []
      : [`  risk: ${risk.score}, says ${risk.source}, at ${risk.at}; counts until ${risk.until}`]),
  ]
  return lines.join('\n')
}
