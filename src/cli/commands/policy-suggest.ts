import { writeFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { z } from 'zod'
import { errorText } from '../../kernel/index.ts'
import { type ApiClient, refusal } from '../client.ts'
import { CliError } from '../errors.ts'
import { jsonLines } from '../json-lines.ts'
import { momentOf } from '../moment.ts'
import { readRevision, revisionSchema } from '../policy/stored-revision.ts'
import { type Suggestion, suggestionSchema, suggestionText } from '../policy/suggestion-text.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'

interface SuggestOptions {
  readonly since: string
  readonly until?: string
  readonly accept?: readonly string[]
  readonly beside?: true
  readonly out?: string
  readonly draft?: true
}

/** The least policy for what was observed. */
export function policySuggestCommand(): Command {
  return new Command('suggest')
    .description(
      'write the least policy for what was observed, with the evidence for it, and tell what grants nothing used; nothing is put in force',
    )
    .addOption(
      new Option('--since <time>', 'a duration before now, as in `7d`, or a time, as in 2026-01-31T08:00:00Z').default(
        '7d',
      ),
    )
    .option('--until <time>', 'the same; now without it')
    .option('--beside', 'only what the policies in force do not permit; without it, all of it, to stand in their place')
    .option(
      '--accept <what...>',
      'what is granted though it was left out: ids as they are listed (`left-out/elevated-1`), or a whole kind (`elevated`)',
    )
    .addOption(
      new Option('--out <file>', 'write the policy to this file; one that is there is kept').conflicts('draft'),
    )
    .option('--draft', 'push it as a revision of the tenant, with what stays in force; nothing is decided by it')
    .action(async (options: SuggestOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const query = new URLSearchParams({ since: momentOf(options.since) })
      if (options.until !== undefined) query.set('until', momentOf(options.until))
      if (options.beside === true) query.set('beside', 'true')
      if (options.accept !== undefined) query.set('accept', options.accept.join(','))
      const suggestion = await suggestionFrom(client(), query, progressOn(output))
      if (options.out !== undefined) writeNew(options.out, suggestion.text)
      for (const one of suggestion.pointless)
        output.note(`nothing was left out as \`${one}\`: there is nothing to accept`)
      const revision = options.draft === true ? await pushDraft(client(), suggestion) : undefined
      output.data({ ...suggestion, ...(revision === undefined ? {} : { revision }) }, () =>
        suggestionText(suggestion, { ...options, revision }),
      )
    })
}

const lineSchema = z.union([
  z.object({ suggestion: suggestionSchema }),
  z.object({ error: z.string() }),
  z.object({ done: z.number(), total: z.number() }),
])

async function suggestionFrom(
  client: ApiClient,
  query: URLSearchParams,
  onProgress: (done: number, total: number) => void,
): Promise<Suggestion> {
  const answer = await client.fetch(`/api/policy/suggestion?${query}`)
  if (!answer.ok || answer.body === null) throw await refusal(answer)
  for await (const line of jsonLines(answer.body)) {
    const told = lineSchema.parse(line)
    if ('suggestion' in told) return told.suggestion
    if ('error' in told) throw new CliError('refused', told.error)
    onProgress(told.done, told.total)
  }
  throw new CliError('refused', 'the answer ended before there was a suggestion')
}

const activeSchema = z.object({ layers: z.array(z.object({ revision: revisionSchema })) })

/** A revision of the tenant's layer: what is active there, with the suggestion in its place or beside it. */
async function pushDraft(client: ApiClient, { text, replaces, learnt, from, until }: Suggestion): Promise<string> {
  const { layers } = activeSchema.parse(await client.call('GET', '/api/policy?layer=tenant'))
  const active = layers[0]?.revision.revision
  const files = active === undefined ? [] : (await readRevision(client, active)).files
  const left = new Set([...replaces, FILE])
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
  const pushed = await client.call('POST', '/api/policy/revisions', {
    message: `suggested from ${learnt} decisions, ${day(from)} to ${day(until)}`,
    files: [...files.filter(({ name }) => !left.has(name)), { name: FILE, text }],
    parent: active ?? null,
  })
  return revisionSchema.parse(pushed).revision
}

const FILE = 'suggested.cedar'

/** What somebody has written or corrected is never written over. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    const why = isThere ? 'is there already' : 'cannot be written'
    throw new CliError('usage', `\`${file}\` ${why}`, { detail: errorText(error) })
  }
}
