import { renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { requestToken } from '../client.ts'
import { sessionOf } from '../session.ts'

/** A helper for local clients that can send a token but cannot get one. */
export function tokenCommand(): Command {
  return new Command('token')
    .description('get an access token with a key of the credentials file')
    .argument('[principal]', 'whose token; default is --as')
    .addOption(new Option('--audience <audience>', 'the gateway or the API').choices(['gw', 'api']).default('gw'))
    .option('--scope <scope>', 'what it is narrowed to', 'models tools')
    .option('--keep <file>', 'write it to a file (mode 0600), and a fresh one before it expires, until interrupted')
    .action(async (name: string | undefined, options: TokenOptions, command: Command) => {
      const { credentials, output, as } = sessionOf(command)
      const scope = options.audience === 'api' && options.scope === 'models tools' ? 'admin' : options.scope
      const get = () => requestToken(credentials(), name ?? as, options.audience, scope)
      if (options.keep === undefined) {
        const token = await get()
        output.data(
          { access_token: token.token, expires_at: new Date(token.expiresAt).toISOString() },
          () => token.token,
        )
        return
      }
      for (;;) {
        const token = await get()
        writeWhole(options.keep, token.token)
        output.note(`${options.keep} holds a token until ${new Date(token.expiresAt).toISOString()}`)
        // Fresh at four fifths of its life, so that a reader never finds one about to end.
        await sleep(Math.max(1_000, (token.expiresAt - Date.now()) * 0.8))
      }
    })
}

interface TokenOptions {
  readonly audience: 'gw' | 'api'
  readonly scope: string
  readonly keep?: string
}

function writeWhole(file: string, text: string): void {
  const next = `${file}.next`
  writeFileSync(next, text, { mode: 0o600 })
  renameSync(next, file)
}
