import { Command } from 'commander'
import { z } from 'zod'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'

const answer = z.object({
  limits: z.array(
    z.object({
      id: z.string(),
      title: z.string().optional(),
      source: z.string(),
      line: z.number(),
      per: z.array(z.string()),
      allowances: z.array(
        z.object({
          allowance: z.string(),
          unit: z.string(),
          amount: z.number(),
          used: z.array(z.object({ key: z.string(), used: z.number(), resets: z.number() })),
        }),
      ),
    }),
  ),
})

type Limits = z.output<typeof answer>['limits']

/** What limits are in force, and what is used of them. */
export function limitsCommand(): Command {
  const limits = new Command('limits').description('limits and budgets: what is in force, and what is used of it')
  limits
    .command('list', { isDefault: true })
    .description('every limit in force, with what each key has used in the window that runs now')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const found = answer.parse(await client().call('GET', '/api/limits')).limits
      output.data(found, () => (found.length === 0 ? 'no limits' : table(rowsOf(found))))
    })
  limits
    .command('reset')
    .description('forget what was used of a limit')
    .argument('<limit>', 'its @id')
    .option('--key <key>', 'only what this key has used, as `limits` shows it')
    .action(async (limit: string, options: { key?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const path = `/api/limits/${encodeURIComponent(limit)}/reset`
      const done = z
        .object({ limit: z.string(), reset: z.number() })
        .parse(await client().call('POST', path, options.key === undefined ? {} : { key: options.key }))
      output.data(done, () => `${done.limit}: ${done.reset} ${done.reset === 1 ? 'count' : 'counts'} forgotten`)
    })
  return limits
}

function rowsOf(limits: Limits): string[][] {
  const rows = [['limit', 'allowance', 'key', 'used', 'resets in']]
  for (const { id, allowances } of limits) {
    for (const { allowance, used } of allowances) {
      if (used.length === 0) rows.push([id, allowance, '', '0', ''])
      for (const one of used) rows.push([id, allowance, one.key, String(one.used), `${one.resets} s`])
    }
  }
  return rows
}
