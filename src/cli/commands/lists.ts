import { readFileSync } from 'node:fs'
import { Argument, Command } from 'commander'
import { z } from 'zod'
import { errorText } from '../../kernel/index.ts'
import type { ApiClient } from '../client.ts'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'
import { secondsOf } from './duration-argument.ts'

const entrySchema = z.object({
  id: z.string(),
  list: z.enum(['deny', 'allow']),
  target: z.string(),
  project: z.string().optional(),
  actions: z.string().optional(),
  reason: z.string(),
  source: z.string(),
  addedBy: z.string(),
  addedAt: z.string(),
  until: z.string().optional(),
  ended: z.boolean(),
})
const pageSchema = z.object({ entries: z.array(entrySchema), after: z.string().optional() })
const changesSchema = z.object({
  changes: z.array(
    z.object({ id: z.string(), target: z.string(), effect: z.enum(['created', 'updated', 'unchanged']) }),
  ),
})

type Entry = z.infer<typeof entrySchema>

/** Allow and deny lists. */
export function listsCommand(): Command {
  const lists = new Command('lists').description('allow and deny lists: what is refused whatever policies permit')
  lists
    .command('list', { isDefault: true })
    .description('every entry')
    .option('--only <list>', '`deny` or `allow`')
    .option('--kind <kind>', 'as in `network`')
    .option('--source <source>', '`admin`, `manifest` or `feed:` and an id')
    .action(async (options: { only?: string; kind?: string; source?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const entries = await allEntries(client(), options)
      output.data(entries, () => (entries.length === 0 ? 'no entries' : table(entries.map(rowOf))))
    })
  withEntryOptions(lists.command('add').description('add entries, all or none; in force with the next decision'))
    .addArgument(new Argument('<list>', 'which of the two').choices(['deny', 'allow']))
    .argument('<targets...>', 'as in `network:203.0.113.0/24`, `principal:bob`, `tool:office/send_message`')
    .action(async (list: string, targets: string[], options: EntryOptions, command: Command) => {
      await add(command, list, targets, options)
    })
  withEntryOptions(lists.command('import').description('add every line of a file, all or none'))
    .addArgument(new Argument('<list>', 'which of the two').choices(['deny', 'allow']))
    .argument('<file>', 'one target a line; a line that names no kind is a network; `#` begins a comment')
    .action(async (list: string, file: string, options: EntryOptions, command: Command) => {
      await add(command, list, targetsIn(file), options)
    })
  lists
    .command('remove')
    .description('remove an entry, whoever has added it')
    .argument('<id>', 'of the entry')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const entry = entrySchema.parse(await client().call('DELETE', `/api/lists/${encodeURIComponent(id)}`))
      output.data(entry, () => `removed ${entry.list} ${entry.target}`)
    })
  return lists
}

interface EntryOptions {
  readonly reason?: string
  readonly until?: string
  readonly for?: number
  readonly project?: string
  readonly actions?: string
  readonly lockOut?: boolean
}

function withEntryOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'for those who may know')
    .option('--until <moment>', 'when it ends, as in 2026-12-31T18:00:00Z')
    .option('--for <duration>', 'how long, as in `30m`, `12h`, `7d`', secondsOf)
    .option('--project <project>', 'only for what is in this project')
    .option('--actions <group>', 'only for this action, or this group of actions')
    .option('--lock-out', 'also where it would refuse you yourself')
}

async function add(
  command: Command,
  list: string,
  targets: readonly string[],
  { reason = '', until, for: seconds, project, actions, lockOut = false }: EntryOptions,
): Promise<void> {
  const { client, output } = sessionOf(command)
  if (until !== undefined && seconds !== undefined) throw new CliError('usage', 'give either --until or --for')
  const end = seconds === undefined ? until : new Date(Date.now() + seconds * 1000).toISOString()
  const entries = targets.map((target) => ({ list, target, reason, until: end, project, actions }))
  const { changes } = changesSchema.parse(await client().call('POST', '/api/lists', { entries, lockOut }))
  output.data(changes, () =>
    changes.length > 20
      ? summaryOf(changes)
      : table(changes.map(({ id, target, effect }) => [id, `${list} ${target}`, effect])),
  )
}

function summaryOf(changes: z.infer<typeof changesSchema>['changes']): string {
  const count = (effect: string): number => changes.filter((change) => change.effect === effect).length
  return `${count('created')} created, ${count('updated')} updated, ${count('unchanged')} unchanged`
}

function targetsIn(file: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError('usage', `\`${file}\` cannot be read: ${errorText(error)}`)
  }
  const lines = text.split('\n').map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
  const targets = lines
    .filter((line) => line !== '')
    .map((line) => (/^[a-z-]+:[^:]/.test(line) && !isAddress(line) ? line : `network:${line}`))
  if (targets.length === 0) throw new CliError('usage', `there is nothing in \`${file}\``)
  return targets
}

/** An IPv6 address may begin like the name of a kind. */
function isAddress(line: string): boolean {
  return /^[0-9a-f]{0,4}:[0-9a-f:.]*(?:\/\d+)?$/i.test(line)
}

async function allEntries(
  client: ApiClient,
  { only, kind, source }: { readonly only?: string; readonly kind?: string; readonly source?: string },
): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  let after: string | undefined
  do {
    const query = new URLSearchParams({ limit: '5000' })
    for (const [name, value] of Object.entries({ list: only, kind, source, after })) {
      if (value !== undefined) query.set(name, value)
    }
    const page = pageSchema.parse(await client.call('GET', `/api/lists?${query}`))
    entries.push(...page.entries)
    after = page.after
  } while (after !== undefined)
  return entries
}

function rowOf({ id, list, target, project, actions, reason, source, until, ended }: Entry): readonly string[] {
  const scope = [
    ...(project === undefined ? [] : [`in ${project}`]),
    ...(actions === undefined ? [] : [`for ${actions}`]),
  ]
  const end = until === undefined ? '' : `${ended ? 'ended' : 'until'} ${until}`
  return [id, `${list} ${target}`, scope.join(' '), source, end, reason]
}
