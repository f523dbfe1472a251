import { Command } from 'commander'
import { z } from 'zod'
import { sessionOf } from '../session.ts'

const answerSchema = z.object({ person: z.string(), records: z.number(), keys: z.number() })

/** An erasure request: for one person, at once. */
export function forgetCommand(): Command {
  return new Command('forget')
    .description('erase a person from the log: what names them becomes unreadable at once, for good')
    .requiredOption('--person <id>', 'the id of a user')
    .action(async (options: { person: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = answerSchema.parse(await client().call('POST', '/api/records/forget', options))
      output.data(answer, () =>
        answer.keys === 0
          ? `no readable record names \`${answer.person}\``
          : `\`${answer.person}\` is forgotten: ${answer.records} bodies were erased; all proofs stay`,
      )
    })
}
