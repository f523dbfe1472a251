import { Command } from 'commander'
import { z } from 'zod'
import type { ApiClient } from '../client.ts'
import { CliError } from '../errors.ts'
import { detailsOf, endOf, headOf, type RecordJson, recordSchema } from '../record-text.ts'
import { sessionOf } from '../session.ts'

/** The journey of one request: everything that carries its id, as a tree. */
export function traceCommand(): Command {
  return new Command('trace')
    .description('everything that happened under one request id: person, agent, model, tools, decisions')
    .argument('<txn>', 'the `Sallyport-Txn` of an answer, or the `txn` of a token')
    .action(async (txn: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      const { records } = z
        .object({ records: z.array(recordSchema) })
        .parse(await api.call('GET', `/api/records?txn=${encodeURIComponent(txn)}&limit=1000`))
      if (records.length === 0) throw new CliError('refused', `nothing was recorded under \`${txn}\``)
      const people = output.json ? [] : await peopleIn(records, api)
      output.data({ txn, records }, () => [txn, ...people, ...treeOf(records)].join('\n'))
    })
}

const principals = z.object({
  principals: z.array(z.object({ id: z.string(), kind: z.string(), sponsor: z.string().optional() })),
})

/** Who took part; for an agent also who answers for it now. Whoever may not read the directory sees ids only. */
async function peopleIn(records: readonly RecordJson[], api: ApiClient): Promise<readonly string[]> {
  const ids = new Set(records.flatMap((record) => headOf(record).chain))
  const known = principals.safeParse(await api.call('GET', '/api/principals').catch(() => undefined))
  const directory = new Map((known.data?.principals ?? []).map((principal) => [principal.id, principal]))
  return [...ids].map((id) => {
    const principal = directory.get(id)
    if (principal === undefined) return `  ${id}`
    const sponsor = principal.sponsor === undefined ? '' : `; ${principal.sponsor} answers for it`
    return `  ${id}, ${principal.kind === 'Agent' ? 'an' : 'a'} ${principal.kind.toLowerCase()}${sponsor}`
  })
}

/** A decision that an answer made necessary stands below the one that the answer belongs to. */
function treeOf(records: readonly RecordJson[]): readonly string[] {
  const start = records[0]?.at ?? 0
  const ends = new Map(records.flatMap((record) => (endOf(record) === undefined ? [] : [[record.body?.of, record]])))
  const below = new Map<unknown, RecordJson[]>()
  const indices = new Set(records.map(({ index }) => index))
  for (const record of records) {
    if (endOf(record) !== undefined) continue
    const parent = indices.has(Number(record.body?.within)) ? record.body?.within : undefined
    below.set(parent, [...(below.get(parent) ?? []), record])
  }
  const draw = (parent: unknown, indent: string): string[] =>
    (below.get(parent) ?? []).flatMap((record, i, all) => {
      const isLast = i === all.length - 1
      const end = ends.get(record.index)
      const ended = end === undefined ? '' : `  ${endOf(end)}`
      const rest = `${indent}${isLast ? '   ' : '│  '}`
      const inner = below.has(record.index) ? `${rest}│  ` : `${rest}   `
      return [
        `${indent}${isLast ? '└─' : '├─'} #${record.index} +${record.at - start} ms  ${headOf(record).text}${ended}`,
        ...detailsOf(record).map((detail) => `${inner}${detail}`),
        ...draw(record.index, rest),
      ]
    })
  return draw(undefined, '')
}
