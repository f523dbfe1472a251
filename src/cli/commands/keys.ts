import { Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { sessionOf } from '../session.ts'

/** Gateway keys: for clients that can hold nothing better than one static secret. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('gateway keys, for clients that can only hold one static secret')
  keys
    .command('issue')
    .description('make a key; it is shown once')
    .argument('<principal>', 'whom it stands for')
    .addOption(
      new Option('--scope <scope...>', 'what it may be used for').choices(['models', 'tools']).default(['models']),
    )
    .addOption(new Option('--days <days>', 'until it expires').argParser(parseDays).default(90))
    .action(async (principal: string, options: { scope: string[]; days: number }, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = z.object({ id: z.string(), secret: z.string() }).parse(
        await client().call('POST', `/api/principals/${encodeURIComponent(principal)}/keys`, {
          scope: options.scope,
          ttl: options.days * 86_400,
        }),
      )
      output.data(answer, () => `${answer.secret}\n\nthe id is ${answer.id}; the key is not shown again`)
    })
  keys
    .command('secret')
    .description('give a client that has no key of its own a new client secret; it is shown once')
    .argument('<principal>', 'whom it stands for')
    .action(async (principal: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = z
        .object({ client_id: z.string(), client_secret: z.string() })
        .parse(await client().call('POST', `/api/principals/${encodeURIComponent(principal)}/secret`, {}))
      output.data(
        answer,
        () => `${answer.client_secret}\n\nfor the client \`${answer.client_id}\`; it is not shown again`,
      )
    })
  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<id>', 'its id')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = await client().call('DELETE', `/api/keys/${encodeURIComponent(id)}`)
      output.data(answer, () => `key \`${id}\` is revoked`)
    })
  return keys
}

function parseDays(text: string): number {
  const days = Number(text)
  if (!Number.isInteger(days) || days < 1 || days > 365) throw new InvalidArgumentError('must be 1 to 365')
  return days
}
