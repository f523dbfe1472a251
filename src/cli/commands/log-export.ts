import { Command } from 'commander'
import { z } from 'zod'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'

const answerSchema = z.object({
  exports: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      to: z.string(),
      state: z.string(),
      next: z.number(),
      lag: z.number(),
      lagSeconds: z.number(),
      failed: z.number(),
      refused: z.number(),
      error: z.string().optional(),
      deliveredAt: z.number().optional(),
    }),
  ),
})

/** Where records are exported to. Targets are declared in manifests; here one sees how far they are. */
export function exportCommand(): Command {
  const command = new Command('export').description('copies of the log that go elsewhere')
  command
    .command('list')
    .description('the targets, and how far behind the log each of them is')
    .action(async (_options: object, invoked: Command) => {
      const { client, output } = sessionOf(invoked)
      const answer = answerSchema.parse(await client().call('GET', '/api/exports'))
      output.data(answer.exports, () => {
        if (answer.exports.length === 0) return 'nothing is exported'
        const rows = answer.exports.map(({ id, kind, to, state, lag, lagSeconds, refused, error }) => [
          id,
          kind,
          to,
          state,
          lag === 0 ? '0' : `${lag} (${lagSeconds} s)`,
          String(refused),
          error ?? '',
        ])
        return table([['target', 'kind', 'to', 'state', 'behind', 'refused', 'last error'], ...rows])
      })
    })
  command
    .command('refused')
    .description('records that a target would not take, and why')
    .argument('<target>', 'its id')
    .action(async (id: string, _options: object, invoked: Command) => {
      const { client, output } = sessionOf(invoked)
      const answer = refusedSchema.parse(await client().call('GET', `${pathOf(id)}/refused`))
      output.data(answer.refused, () => {
        if (answer.refused.length === 0) return `\`${id}\` has refused nothing that is set aside`
        const rows = answer.refused.map(({ first, last, count, reason, at }) => [
          first === last ? String(first) : `${first} to ${last}`,
          String(count),
          new Date(at).toISOString(),
          reason,
        ])
        return table([['record', 'count', 'set aside', 'reason'], ...rows])
      })
    })
  command
    .command('retry')
    .description('send what a target refused once more')
    .argument('<target>', 'its id')
    .action(async (id: string, _options: object, invoked: Command) => {
      const { client, output } = sessionOf(invoked)
      const answer = countedSchema.parse(await client().call('POST', `${pathOf(id)}/retry`))
      output.data(answer, () => `${answer.records} records are sent to \`${id}\` once more`)
    })
  command
    .command('skip')
    .description('give up what a target refused; the records stay in the log')
    .argument('<target>', 'its id')
    .action(async (id: string, _options: object, invoked: Command) => {
      const { client, output } = sessionOf(invoked)
      const answer = countedSchema.parse(await client().call('POST', `${pathOf(id)}/skip`))
      output.data(answer, () => `\`${id}\` will not get ${answer.records} records that it refused`)
    })
  command
    .command('remove')
    .description('take a target away, with its place in the log')
    .argument('<target>', 'its id')
    .action(async (id: string, _options: object, invoked: Command) => {
      const { client, output } = sessionOf(invoked)
      await client().call('DELETE', pathOf(id))
      output.data({ id }, () => `\`${id}\` is removed`)
    })
  return command
}

const refusedSchema = z.object({
  refused: z.array(
    z.object({ first: z.number(), last: z.number(), count: z.number(), reason: z.string(), at: z.number() }),
  ),
})
const countedSchema = z.object({ records: z.number() })

function pathOf(id: string): string {
  return `/api/exports/${encodeURIComponent(id)}`
}
