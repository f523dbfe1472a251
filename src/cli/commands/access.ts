import { setTimeout } from 'node:timers/promises'
import { Argument, Command, Option } from 'commander'
import { z } from 'zod'
import type { ApiClient } from '../client.ts'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'
import { oneLine } from '../visible.ts'
import { secondsOf } from './duration-argument.ts'
import { parseResource, type Resource } from './resource-argument.ts'

const party = z.object({ kind: z.string(), id: z.string() })
const requestSchema = z.object({
  id: z.string(),
  state: z.string(),
  subject: party,
  chain: z.array(party),
  action: z.string().optional(),
  resource: z.object({ type: z.string(), id: z.string() }),
  role: z.string(),
  grants: z.array(z.string()),
  elevated: z.boolean(),
  justification: z.string(),
  seconds: z.number(),
  requestedAt: z.string(),
  expiresAt: z.string(),
  evaluation: z.string().optional(),
  endsAt: z.string().optional(),
  note: z.string().optional(),
  decidedBy: z.string().optional(),
  decidedAt: z.string().optional(),
  closedBy: z.string().optional(),
  closedAt: z.string().optional(),
  mayDecide: z.boolean(),
})
const offersSchema = z.object({
  offers: z.array(
    z.object({ role: z.string(), grants: z.array(z.string()), isElevated: z.boolean(), when: z.string() }),
  ),
})

type AccessRequest = z.infer<typeof requestSchema>

/** Asking for access for a time, and deciding on what others ask for. */
export function accessCommand(): Command {
  const access = new Command('access').description('ask for access for a time, and decide on what others ask for')
  access
    .command('request')
    .description('ask to be allowed something for a time')
    .argument('<action>', 'as in `data:read`; `-` for all that the role is')
    .argument('<resource>', 'as in `Dataset::calls`', parseResource)
    .requiredOption('--because <text>', 'why it is needed')
    .requiredOption('--for <duration>', 'how long, as in `30m`, `8h`, `7d`', secondsOf)
    .option('--role <role>', 'needed where no role grants just the action')
    .option('--subject <id>', 'somebody else of the delegation chain')
    .action(async (action: string, resource: Resource, options: AskOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const body = {
        ...(action === '-' ? {} : { action }),
        resource,
        justification: options.because,
        seconds: options.for,
        role: options.role,
        subject: options.subject,
      }
      const request = requestSchema.parse(await client().call('POST', '/api/access-requests', body))
      output.data(request, () => `${request.id} waits until ${request.expiresAt}\n${grantsText(request)}`)
    })
  access
    .command('offers')
    .description('see which roles would help, the least first, without asking')
    .argument('<action>', 'as in `data:read`')
    .argument('<resource>', 'as in `Dataset::calls`', parseResource)
    .action(async (action: string, resource: Resource, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const { offers } = offersSchema.parse(
        await client().call('POST', '/api/access-requests/offers', { action, resource }),
      )
      output.data(offers, () =>
        offers.length === 0
          ? 'no role would help'
          : table(
              offers.map(({ role, grants, isElevated }) => [role, grants.join(', '), isElevated ? 'elevated' : '']),
            ),
      )
    })
  access.addCommand(requestsCommand())
  return access
}

interface AskOptions {
  readonly because: string
  readonly for: number
  readonly role?: string
  readonly subject?: string
}

function requestsCommand(): Command {
  const requests = new Command('requests').description('access requests: one’s own, and those one may decide on')
  requests
    .command('list', { isDefault: true })
    .description('the latest first')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .action(async ({ state }: { state?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const found = await listed(client(), state)
      output.data(found, () => (found.length === 0 ? 'no access requests' : table(found.map(rowOf))))
    })
  requests
    .command('show')
    .description('one request')
    .argument('<id>', 'as in `arq_…`')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const request = requestSchema.parse(await client().call('GET', pathOf(id)))
      output.data(request, () => textOf(request))
    })
  for (const [verb, description] of [
    ['approve', 'give what was asked for'],
    ['deny', 'refuse what was asked for'],
    ['revoke', 'take back at once what was given'],
    ['cancel', 'withdraw a request of one’s own'],
  ] as const) {
    const command = requests
      .command(verb)
      .description(description)
      .addArgument(new Argument('<id>', 'as in `arq_…`'))
      .option('--note <text>', 'for who asked, and for the record')
    if (verb === 'approve') command.option('--for <duration>', 'for less than was asked for', secondsOf)
    command.action(async (id: string, options: { note?: string; for?: number }, self: Command) => {
      const { client, output } = sessionOf(self)
      const body = { note: options.note ?? '', ...(options.for === undefined ? {} : { seconds: options.for }) }
      const request = requestSchema.parse(await client().call('POST', `${pathOf(id)}/${verb}`, body))
      output.data(request, () => {
        const until = request.state === 'approved' ? ` until ${request.endsAt ?? ''}` : ''
        return `${request.id} is ${request.state}${until}`
      })
    })
  }
  requests
    .command('watch')
    .description('each change, until interrupted; or one request, until it is decided')
    .argument('[id]', 'as in `arq_…`')
    .option('--every <duration>', 'how often to look', secondsOf, 2)
    .action(async (id: string | undefined, options: { every: number }, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      const seen = new Map<string, string>()
      for (;;) {
        const found =
          id === undefined ? await listed(api, undefined) : [requestSchema.parse(await api.call('GET', pathOf(id)))]
        for (const request of [...found].reverse()) {
          if (seen.get(request.id) === request.state) continue
          seen.set(request.id, request.state)
          output.line(request, () => rowOf(request).join('  '))
        }
        if (id !== undefined && found[0]?.state !== 'pending') return
        await setTimeout(options.every * 1000)
      }
    })
  return requests
}

const STATES = ['pending', 'approved', 'denied', 'cancelled', 'revoked', 'expired', 'ended']

async function listed(client: ApiClient, state: string | undefined): Promise<readonly AccessRequest[]> {
  const query = state === undefined ? '' : `?${new URLSearchParams({ state })}`
  const answer = await client.call('GET', `/api/access-requests${query}`)
  return z.object({ requests: z.array(requestSchema) }).parse(answer).requests
}

function pathOf(id: string): string {
  if (!/^[a-z0-9_]{1,64}$/.test(id)) throw new CliError('usage', `\`${id}\` is no id of an access request`)
  return `/api/access-requests/${id}`
}

function rowOf(request: AccessRequest): string[] {
  const { id, state, subject, action, resource, role, justification, seconds } = request
  const what = `${action ?? 'all'} on ${resource.type}::${resource.id}`
  return [id, state, `${subject.kind}::${subject.id}`, what, role, durationText(seconds), oneLine(justification)]
}

function grantsText({ role, resource, grants, elevated }: AccessRequest): string {
  return `${role} on ${resource.type}::${resource.id} grants ${grants.join(', ')}${elevated ? ' (elevated)' : ''}`
}

function textOf(request: AccessRequest): string {
  const { id, state, subject, chain, action, justification, seconds, requestedAt, expiresAt, endsAt } = request
  const lines = [
    `${id}  ${state}`,
    `for ${subject.kind}::${subject.id}, asked by ${chain.map(({ kind, id: link }) => `${kind}::${link}`).join(' → ')} at ${requestedAt}`,
    `wants ${action ?? 'all that the role is'} for ${durationText(seconds)}`,
    grantsText(request),
    `because ${oneLine(justification)}`,
  ]
  if (state === 'pending') lines.push(`waits until ${expiresAt}`)
  if (endsAt !== undefined) lines.push(`${state === 'approved' ? 'ends' : 'was to end'} at ${endsAt}`)
  if (request.decidedAt !== undefined) lines.push(`decided at ${request.decidedAt}${byText(request.decidedBy)}`)
  if (request.closedAt !== undefined) lines.push(`closed at ${request.closedAt}${byText(request.closedBy)}`)
  if (request.note !== undefined) lines.push(`note: ${oneLine(request.note)}`)
  if (request.mayDecide) lines.push('you may decide on it')
  return lines.join('\n')
}

function byText(id: string | undefined): string {
  return id === undefined ? '' : ` by ${id}`
}

function durationText(seconds: number): string {
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const) {
    if (seconds % size === 0) return `${seconds / size}${unit}`
  }
  return `${seconds}s`
}
