import { Command } from 'commander'
import { z } from 'zod'
import { sessionOf } from '../session.ts'

const answerSchema = z.object({ id: z.string(), kind: z.string(), status: z.string() })

export const suspendCommand = (): Command =>
  statusCommand('suspend', 'stop a principal at once: open streams end, the next request fails')
export const resumeCommand = (): Command => statusCommand('resume', 'let a suspended principal act again')

function statusCommand(verb: 'suspend' | 'resume', description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<principal>', 'its id')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = answerSchema.parse(
        await client().call('POST', `/api/principals/${encodeURIComponent(id)}/${verb}`, {}),
      )
      output.data(answer, () => `${answer.kind} \`${answer.id}\` is ${answer.status}`)
    })
}
