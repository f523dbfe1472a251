import { Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { type LayerOptions, layerNamed, layerOptions } from '../policy/layer-option.ts'
import {
  activationSchema,
  chainText,
  readRevision,
  revisionSchema,
  type ShownActivation,
  type ShownRevision,
  type StoredRevision,
  short,
} from '../policy/stored-revision.ts'
import { sessionOf } from '../session.ts'

const statusSchema = z.object({
  whole: z.string(),
  require: z.array(z.string()),
  layers: z.array(z.object({ layer: z.string(), activation: activationSchema, revision: revisionSchema })),
})
const changedSchema = z.object({ whole: z.string(), activations: z.array(activationSchema) })

/** What a server keeps of policies: revisions, and which of them are active. */
export function policyRevisionCommands(): readonly Command[] {
  return [statusCommand(), logCommand(), showCommand(), activateCommand(), rollbackCommand()]
}

function statusCommand(): Command {
  return withLayer(new Command('status').description('which revision is active in each layer')).action(
    async (options: LayerOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = statusSchema.parse(
        await client().call('GET', `/api/policy${queryOf({ layer: layerNamed(options) })}`),
      )
      output.data(answer, () => statusText(answer))
    },
  )
}

interface LogOptions extends LayerOptions {
  readonly limit: number
  readonly activations?: true
}

function logCommand(): Command {
  return withLayer(new Command('log').description('revisions, newest first'))
    .option('--activations', 'what came in force when, instead')
    .addOption(new Option('--limit <count>', 'so many at most').default(20).argParser(countOf))
    .action(async (options: LogOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const query = queryOf({ layer: layerNamed(options), limit: String(options.limit) })
      if (options.activations === true) {
        const answer = await client().call('GET', `/api/policy/activations${query}`)
        const { activations } = z.object({ activations: z.array(activationSchema) }).parse(answer)
        return output.data(activations, () => table(activations.map(activationRow)))
      }
      const answer = await client().call('GET', `/api/policy/revisions${query}`)
      const { revisions } = z.object({ revisions: z.array(revisionSchema) }).parse(answer)
      output.data(revisions, () => table(revisions.map(revisionRow)))
    })
}

function showCommand(): Command {
  return new Command('show')
    .description('a revision: who made it, what was found out about it, and its files')
    .argument('<revision>', 'its first digits, at least 4')
    .argument('[file]', 'prints the text of this file alone')
    .action(async (prefix: string, name: string | undefined, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const revision = await readRevision(client(), prefix)
      if (name === undefined) return output.data(revision, () => revisionText(revision))
      const file = revision.files.find((one) => one.name === name)
      if (file === undefined) throw new CliError('usage', `there is no \`${name}\` in \`${short(revision.revision)}\``)
      output.data(file, () => file.text.trimEnd())
    })
}

interface ChangeOptions extends LayerOptions {
  readonly message?: string
  readonly lockOut?: true
}

function activateCommand(): Command {
  return new Command('activate')
    .description('bring revisions in force, all of them or none; asks the policies, and maybe a second person')
    .argument('<revision...>', 'their first digits, at least 4')
    .option('-m, --message <text>', 'why; what was said when they were pushed without it')
    .option('--lock-out', 'even where nobody could change the policies afterwards')
    .action(async (prefixes: readonly string[], options: ChangeOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      // Whole addresses: what is activated is what these digits mean now.
      const revisions: string[] = []
      for (const prefix of prefixes) revisions.push((await readRevision(api, prefix)).revision)
      const answer = changedSchema.parse(
        await api.call('POST', '/api/policy/activations', { revisions, ...changeBody(options) }),
      )
      output.data(answer, () => changeText(answer))
    })
}

function rollbackCommand(): Command {
  return withLayer(
    new Command('rollback').description('bring back what was active before, or a revision that once was'),
  )
    .argument('[revision]', 'its first digits; the one before without it')
    .option('-m, --message <text>', 'why')
    .option('--lock-out', 'even where nobody could change the policies afterwards')
    .action(async (prefix: string | undefined, options: ChangeOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      const to = prefix === undefined ? undefined : await readRevision(api, prefix)
      const layer = layerNamed(options) ?? to?.layer
      const answer = changedSchema.parse(
        await api.call('POST', '/api/policy/rollback', {
          ...(layer === undefined ? {} : { layer }),
          ...(to === undefined ? {} : { to: to.revision }),
          ...changeBody(options),
        }),
      )
      output.data(answer, () => changeText(answer))
    })
}

function withLayer(command: Command): Command {
  for (const option of layerOptions()) command.addOption(option)
  return command
}

function changeBody({ message, lockOut }: ChangeOptions): { readonly [name: string]: string | boolean } {
  return { ...(message === undefined ? {} : { message }), ...(lockOut === true ? { lockOut } : {}) }
}

function queryOf(fields: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) given.set(name, value)
  return given.size === 0 ? '' : `?${given}`
}

function countOf(text: string): number {
  const count = Number(text)
  if (/^\d{1,3}$/.test(text) && count >= 1 && count <= 200) return count
  throw new InvalidArgumentError('from 1 to 200')
}

function statusText({ whole, require, layers }: z.output<typeof statusSchema>): string {
  const rows = layers.map(({ layer, activation, revision }) => [
    layer,
    short(revision.revision),
    dayOf(activation.at),
    chainText(activation.by),
    activation.message,
  ])
  return [
    ...(rows.length === 0 ? ['no layer has policies of its own'] : [table(rows)]),
    `together ${short(whole)}, which decisions name`,
    ...(require.length === 0 ? [] : [`demanded before a revision comes in force: ${require.join(', ')}`]),
  ].join('\n')
}

function revisionRow({ revision, layer, state, pushedAt, author, message }: ShownRevision): readonly string[] {
  return [short(revision), layer, state, dayOf(pushedAt), chainText(author), message]
}

function activationRow({ at, kind, layer, before, revision, by, message }: ShownActivation): readonly string[] {
  const change = `${before === undefined ? '-' : short(before)} → ${short(revision)}`
  return [dayOf(at), kind, layer, change, chainText(by), message]
}

function revisionText({ files, ...revision }: StoredRevision): string {
  const { parent, message, evidence } = revision
  return [
    `revision ${revision.revision}`,
    `${revision.layer}, ${revision.state}, pushed ${dayOf(revision.pushedAt)} by ${chainText(revision.author)}`,
    `made from ${parent === undefined ? 'nothing' : short(parent)}: ${message}`,
    ...evidence.map(evidenceText),
    table(files.map(({ name, as, text }) => [`  ${name}`, as, `${Buffer.byteLength(text)} bytes`])),
  ].join('\n')
}

/** `test passed: 3 cases, 0 failed`. */
export function evidenceText({ kind, result, counts, detail }: ShownRevision['evidence'][number]): string {
  const counted = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  return `${kind} ${result}: ${[counted.join(', '), ...(detail === undefined ? [] : [detail])].join('; ')}`
}

function changeText({ whole, activations }: z.output<typeof changedSchema>): string {
  const lines = activations.map(({ layer, before, revision }) => {
    return `${layer}: ${before === undefined ? 'nothing' : short(before)} → ${short(revision)}`
  })
  return [...lines, `in force together: ${short(whole)}`].join('\n')
}

function dayOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ')
}
