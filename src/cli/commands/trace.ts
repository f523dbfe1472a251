import { Command } from 'commander'
import { z } from 'zod'
import { CliError } from '../errors.ts'
import { type RecordJson, recordSchema, recordText, summaryOf } from '../record-text.ts'
import { sessionOf } from '../session.ts'

/** The journey of one request: everything that carries its id, as a tree. */
export function traceCommand(): Command {
  return new Command('trace')
    .description('everything that happened under one request id: person, agent, model, tools, decisions')
    .argument('<txn>', 'the `Sallyport-Txn` of an answer, or the `txn` of a token')
    .action(async (txn: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const { records } = z
        .object({ records: z.array(recordSchema) })
        .parse(await client().call('GET', `/api/records?txn=${encodeURIComponent(txn)}&limit=1000`))
      if (records.length === 0) throw new CliError('refused', `nothing was recorded under \`${txn}\``)
      output.data({ txn, records }, () => treeOf(txn, records))
    })
}

function treeOf(txn: string, records: readonly RecordJson[]): string {
  const outcomes = new Map<number, RecordJson>()
  for (const record of records) {
    const of = record.body?.of
    if (record.kind === 'outcome' && typeof of === 'number') outcomes.set(of, record)
  }
  const start = records[0]?.at ?? 0
  const steps = records.filter((record) => record.kind !== 'outcome')
  const lines = [txn]
  steps.forEach((record, i) => {
    const last = i === steps.length - 1
    const [, ...details] = recordText(record).split('\n')
    lines.push(`${last ? '└─' : '├─'} +${record.at - start} ms  #${record.index} ${record.kind}  ${summaryOf(record)}`)
    for (const detail of details) lines.push(`${last ? '  ' : '│ '}    ${detail.trim()}`)
    const outcome = outcomes.get(record.index)
    if (outcome !== undefined) lines.push(`${last ? '  ' : '│ '}  └─ #${outcome.index} outcome ${summaryOf(outcome)}`)
  })
  return lines.join('\n')
}
