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
        const rows = answer.exports.map(({ id, kind, to, state, lag, lagSeconds, error }) => [
          id,
          kind,
          to,
          state,
          lag === 0 ? '0' : `${lag} (${lagSeconds} s)`,
          error ?? '',
        ])
        return table([['target', 'kind', 'to', 'state', 'behind', 'last error'], ...rows])
      })
    })
  return command
}
