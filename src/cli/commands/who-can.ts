import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'
import { parseResource, type Resource } from './resource-argument.ts'

const reference = z.object({ type: z.string(), id: z.string() })
const answerSchema = z.object({
  found: z.array(
    z.object({
      principal: reference,
      action: z.string(),
      resource: reference,
      reasons: z.array(z.object({ policy: z.string() })),
      when: z.enum(['now', 'after', 'perhaps']),
      advice: z.array(z.object({ kind: z.string() })).optional(),
    }),
  ),
  hasMore: z.boolean(),
})

type Possibility = z.infer<typeof answerSchema>['found'][number]

/** Who may do something, each acting alone. */
export function whoCanCommand(): Command {
  return new Command('who-can')
    .description('list who may do an action on a resource, and why')
    .argument('<action>', 'as in `data:read`')
    .argument('<resource>', 'as in `Dataset::feedback`', parseResource)
    .option('--limit <number>', 'at most so many', positive, 1000)
    .action(async (action: string, resource: Resource, options: { limit: number }, command: Command) => {
      const query = new URLSearchParams({ action, ...resource, limit: String(options.limit) })
      await print(command, `/api/who-can?${query}`, ({ principal }) => [textOf(principal)])
    })
}

/** What somebody may do, acting alone. */
export function whatCanCommand(): Command {
  return new Command('what-can')
    .description('list what a principal may do, and why')
    .argument('<principal>', 'who would act')
    .option('--limit <number>', 'at most so many', positive, 1000)
    .action(async (principal: string, options: { limit: number }, command: Command) => {
      const query = new URLSearchParams({ principal, limit: String(options.limit) })
      await print(command, `/api/what-can?${query}`, ({ action, resource }) => [action, textOf(resource)])
    })
}

async function print(
  command: Command,
  path: string,
  subject: (possibility: Possibility) => readonly string[],
): Promise<void> {
  const { client, output } = sessionOf(command)
  const answer = answerSchema.parse(await client().call('GET', path))
  output.data(answer, () => {
    if (answer.found.length === 0) return 'none'
    const rows = answer.found.map((one) => [...subject(one), whyOf(one)])
    return `${table(rows)}${answer.hasMore ? '\n… and more: --limit' : ''}`
  })
}

function whyOf({ when, reasons, advice = [] }: Possibility): string {
  if (when === 'perhaps') return 'depends on the arguments'
  if (when === 'after') return `after ${advice.map(({ kind }) => kind.replace('_', ' ')).join(' and ')}`
  return reasons.map(({ policy }) => policy).join(', ')
}

function textOf({ type, id }: { readonly type: string; readonly id: string }): string {
  return `${type}::${id}`
}

function positive(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('must be a number from 1 to 99999')
}
