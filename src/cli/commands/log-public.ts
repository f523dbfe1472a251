import { Argument, Command } from 'commander'
import { z } from 'zod'
import { sessionOf } from '../session.ts'

const answerSchema = z.object({ public: z.boolean() })

/** Whether everybody may verify the log, and choosing it. */
export function publicCommand(): Command {
  return new Command('public')
    .description('who may read checkpoints, tiles and keys of the log; never what stands in records')
    .addArgument(new Argument('[choice]', 'everybody, or only who may `log:read`').choices(['on', 'off']))
    .action(async (choice: string | undefined, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const api = client()
      const answer = answerSchema.parse(
        choice === undefined
          ? await api.call('GET', '/api/log/public')
          : await api.call('POST', '/api/log/public', { public: choice === 'on' }),
      )
      output.data(answer, () =>
        answer.public
          ? `everybody may verify the log: ${api.issuer}/log`
          : 'the log is verified by those who may `log:read`',
      )
    })
}
