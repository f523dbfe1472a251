import { Command } from 'commander'
import { z } from 'zod'
import { sessionOf } from '../session.ts'

const modes = z.object({ modes: z.array(z.object({ target: z.string(), mode: z.string() })) })

/** Whether it is up, and what of it refuses nothing. */
export function standingCommand(): Command {
  return new Command('status')
    .description('whether sallyport answers, and what stands in observe')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      const set = modes.parse(await api.call('GET', '/api/modes')).modes
      const observed = set.filter(({ mode }) => mode === 'observe').map(({ target }) => target)
      const answer = { issuer: api.issuer, observed, enforced: observed.length === 0 }
      output.data(answer, () =>
        observed.length === 0
          ? `${api.issuer} answers; everything is enforced`
          : `${api.issuer} answers\nOBSERVE: nothing is refused for ${observed.join(', ')}`,
      )
    })
}
