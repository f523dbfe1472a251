import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { adviceSchema, adviceText } from '../advice-text.ts'
import { sessionOf } from '../session.ts'
import { parseResource, type Resource } from './resource-argument.ts'

const answerSchema = z.object({
  decision: z.enum(['allow', 'deny']),
  observed: z.object({ by: z.array(z.string()) }).optional(),
  reasons: z.array(z.object({ policy: z.string(), title: z.string().optional(), why: z.string().optional() })),
  errors: z.array(z.object({ policy: z.string(), message: z.string() })),
  revision: z.string(),
  remedy: z.string().optional(),
  advice: adviceSchema.optional(),
  explanation: z.array(z.string()),
})

type Answer = z.infer<typeof answerSchema>

/** Asks the decision point, and says why it answers as it does. */
export function decideCommand(): Command {
  return new Command('decide')
    .description('ask for a decision without acting on it, with its explanation')
    .argument('<principal>', 'who would act')
    .argument('<action>', 'as in `tool:call`')
    .argument('<resource>', 'as in `Tool::office/send_message`', parseResource)
    .option('--argument <pointer=value...>', 'an argument of the call, as in `/to=bob@example.com`')
    .option('--from <pointer=origin...>', 'where it came from: user, system, trusted, untrusted or model')
    .action(async (principal: string, action: string, resource: Resource, options: DecideOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const call = callOf(options)
      const answer = answerSchema.parse(
        await client().call('POST', '/api/explain', { principal, action, resource, ...call }),
      )
      output.data(answer, () => describe(answer))
    })
}

interface DecideOptions {
  readonly argument?: string[]
  readonly from?: string[]
}

function callOf({ argument = [], from = [] }: DecideOptions): object {
  if (argument.length === 0 && from.length === 0) return {}
  const origin: Record<string, string[]> = { user: [], system: [], trusted: [], untrusted: [], model: [] }
  const named = new Set<string>()
  for (const [pointer, source] of from.map(split)) {
    const list = Object.hasOwn(origin, source) ? origin[source] : undefined
    if (list === undefined) throw new InvalidArgumentError(`\`${source}\` is no origin`)
    list.push(pointer)
    named.add(pointer)
  }
  const given = Object.fromEntries(argument.map(split))
  origin.model?.push(...Object.keys(given).filter((pointer) => !named.has(pointer)))
  return { arguments: given, origin }
}

function split(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError(`\`${text}\` is not of the form pointer=value`)
  const pointer = text.slice(0, at)
  return [pointer.startsWith('/') ? pointer : `/${pointer}`, text.slice(at + 1)]
}

function describe(answer: Answer): string {
  const mode = answer.observed === undefined ? '' : `, only observed (${answer.observed.by.join(', ')})`
  const lines = [`${answer.decision}${mode}  (policy revision ${answer.revision.slice(0, 12)})`]
  for (const { policy, title, why } of answer.reasons) {
    lines.push(`  ${policy}${title === undefined ? '' : `: ${title}`}`)
    if (why !== undefined) lines.push(`    because ${why}`)
  }
  for (const { policy, message } of answer.errors) lines.push(`  ${policy} could not be evaluated: ${message}`)
  if (answer.remedy !== undefined) lines.push(`  remedy: ${answer.remedy}`)
  const { advice = [] } = answer
  if (advice.length > 0) lines.push(`  what would help: ${adviceText(advice)}`)
  for (const text of answer.explanation) lines.push('', text.trimEnd())
  return lines.join('\n')
}
