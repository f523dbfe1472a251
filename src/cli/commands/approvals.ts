import { Command, Option } from 'commander'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { z } from 'zod'
import { refusal } from '../client.ts'
import { table } from '../output.ts'
import { plain, quoted } from '../quoted.ts'
import { sessionOf } from '../session.ts'

const STATES = ['pending', 'approved', 'denied', 'used', 'revoked', 'expired'] as const

const approvalSchema = z.object({
  id: z.string(),
  state: z.enum(STATES),
  chain: z.array(z.object({ kind: z.string(), id: z.string() })),
  txn: z.string(),
  purpose: z.string().optional(),
  action: z.string(),
  resource: z.object({ type: z.string(), id: z.string() }),
  policies: z.array(z.object({ id: z.string(), title: z.string().optional(), why: z.string().optional() })),
  goodFor: z.number(),
  requestedAt: z.string(),
  expiresAt: z.string(),
  decidedBy: z.string().optional(),
  decidedAt: z.string().optional(),
  reason: z.string().optional(),
  mayGive: z.boolean(),
  contents: z
    .object({
      arguments: z.record(z.string(), z.string()),
      origin: z.record(z.string(), z.array(z.string())).optional(),
      described: z.unknown(),
      attributes: z.record(z.string(), z.unknown()),
      facts: z.record(z.string(), z.unknown()),
    })
    .optional(),
})
type Approval = z.infer<typeof approvalSchema>

const pageSchema = z.object({ approvals: z.array(approvalSchema), before: z.string().optional() })

/** What waits for somebody's consent, and giving it. */
export function approvalsCommand(): Command {
  const approvals = new Command('approvals').description(
    'consent to exactly one action: what waits for it, and giving it',
  )
  approvals
    .command('list', { isDefault: true })
    .description('approvals that you may see, newest first')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .option('--own', 'only what you have asked for, or what was asked for in your name')
    .option('--to-give', 'only what waits for you')
    .option('--limit <number>', 'at most so many', '50')
    .option('--before <id>', 'where the last page ended')
    .action(async (options: ListOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const query = new URLSearchParams({ limit: options.limit })
      if (options.state !== undefined) query.set('state', options.state)
      if (options.before !== undefined) query.set('before', options.before)
      if (options.own === true) query.set('which', 'own')
      if (options.toGive === true) query.set('which', 'to-give')
      const page = pageSchema.parse(await client().call('GET', `/api/approvals?${query}`))
      output.data(page.approvals, () => {
        if (page.approvals.length === 0) return 'no approvals'
        const rows = page.approvals.map((one) => [one.id, one.state, chainText(one), one.action, resourceText(one)])
        return table([['approval', 'state', 'who', 'action', 'on'], ...rows])
      })
    })
  approvals
    .command('show')
    .description('one approval; with what would be done in full, where you may give it')
    .argument('<id>', 'as in the advice of the denial')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const approval = approvalSchema.parse(await client().call('GET', pathOf(id)))
      output.data(approval, () => shown(approval))
    })
  for (const { verb, description, done, needsReason } of DECISIONS) {
    const decision = approvals.command(verb).description(description).argument('<id>', 'as in `approvals list`')
    if (needsReason) decision.requiredOption('--reason <text>', 'for whoever asked')
    decision.action(async (id: string, options: { reason?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const approval = approvalSchema.parse(await client().call('POST', `${pathOf(id)}/${verb}`, options))
      output.data(approval, () => `${approval.id} is ${done}${untilText(approval)}`)
    })
  }
  approvals
    .command('watch')
    .description('approvals as they are asked for and decided, until interrupted')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = await client().fetch('/api/approvals/events', { headers: { accept: 'text/event-stream' } })
      if (!answer.ok || answer.body === null) throw await refusal(answer)
      const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
      for await (const event of events) {
        const approval = approvalSchema.parse(JSON.parse(event.data))
        output.line(
          approval,
          () =>
            `${approval.id}  ${approval.state}  ${chainText(approval)}  ${approval.action}  ${resourceText(approval)}`,
        )
      }
    })
  return approvals
}

interface ListOptions {
  readonly state?: string
  readonly own?: boolean
  readonly toGive?: boolean
  readonly limit: string
  readonly before?: string
}

const DECISIONS = [
  { verb: 'approve', description: 'agree to exactly this, once', done: 'approved', needsReason: false },
  { verb: 'deny', description: 'refuse exactly this', done: 'denied', needsReason: true },
  { verb: 'revoke', description: 'take an approval back before it is used', done: 'revoked', needsReason: true },
] as const

function pathOf(id: string): string {
  return `/api/approvals/${encodeURIComponent(id)}`
}

function chainText({ chain }: Approval): string {
  return chain.map(({ kind, id }) => `${kind}::${plain(id)}`).join(' → ')
}

function resourceText({ resource }: Approval): string {
  return `${plain(resource.type)}::${plain(resource.id)}`
}

function untilText({ state, expiresAt }: Approval): string {
  return state === 'approved' ? ` until ${expiresAt}, for one use` : ''
}

function shown(approval: Approval): string {
  const { contents } = approval
  const rows = [
    ['state', `${approval.state}${untilText(approval)}`],
    ['who', chainText(approval)],
    ['would', `${approval.action} on ${resourceText(approval)}`],
    ...(approval.purpose === undefined ? [] : [['purpose', quoted(approval.purpose)]]),
    ...approval.policies.map(({ id, title }) => ['asked by', title === undefined ? id : `${id}: ${title}`]),
    ['asked at', `${approval.requestedAt} (${approval.txn})`],
    ...(approval.state === 'pending' ? [['lapses at', approval.expiresAt]] : []),
    ...(approval.decidedBy === undefined ? [] : [['decided', `by ${approval.decidedBy} at ${approval.decidedAt}`]]),
    ...(approval.reason === undefined ? [] : [['reason', quoted(approval.reason)]]),
    ...(contents === undefined ? [] : contentRows(contents)),
  ]
  const hidden = contents === undefined ? ['arguments are shown to those who may give it, while it can be given'] : []
  return [approval.id, table(rows.map((row) => ['', ...row])), ...hidden].join('\n')
}

/** Values are quoted, and so are names that could be mistaken for something else: none looks like another line. */
function contentRows({
  arguments: args,
  origin = {},
  described,
  attributes,
  facts,
}: NonNullable<Approval['contents']>): string[][] {
  const sourceOf = (pointer: string): string => {
    const sources = Object.entries(origin).flatMap(([source, pointers]) => (pointers.includes(pointer) ? [source] : []))
    return sources.length === 0 ? '' : `  (from ${sources.join(' and ')})`
  }
  return [
    ...Object.entries(args).map(([pointer, value]) => [
      'with',
      `${plain(pointer)} = ${quoted(value)}${sourceOf(pointer)}`,
    ]),
    ...Object.entries(attributes).map(([name, value]) => ['of it', `${plain(name)} = ${quoted(value)}`]),
    ...Object.entries(facts).map(([name, value]) => ['with', `${plain(name)} = ${quoted(value)}`]),
    ...(described === null || described === undefined ? [] : [['with', quoted(described)]]),
  ]
}
