import { Command } from 'commander'
import { z } from 'zod'
import { table } from '../output.ts'
import { sessionOf } from '../session.ts'

const toolSchema = z.object({
  server: z.string(),
  name: z.string(),
  status: z.enum(['accepted', 'quarantined']),
  digest: z.string(),
  reason: z.string().optional(),
  definition: z.unknown().optional(),
})

/** What tool servers offer, and which of it somebody has accepted. */
export function toolsCommand(): Command {
  const tools = new Command('tools').description('tool definitions: which are accepted, which wait in quarantine')
  tools
    .command('list', { isDefault: true })
    .description('every tool that a server has offered')
    .option('--quarantined', 'only those that wait')
    .action(async (options: { quarantined?: boolean }, command: Command) => {
      const { client, output } = sessionOf(command)
      const { tools: all } = z.object({ tools: z.array(toolSchema) }).parse(await client().call('GET', '/api/tools'))
      const shown = all.filter((tool) => options.quarantined !== true || tool.status === 'quarantined')
      output.data(shown, () =>
        shown.length === 0
          ? 'no tools'
          : table([
              ['tool', 'status', 'definition', ''],
              ...shown.map((tool) => [
                `${tool.server}/${tool.name}`,
                tool.status,
                tool.digest.slice(0, 12),
                tool.reason ?? '',
              ]),
            ]),
      )
    })
  tools
    .command('show')
    .description('the definition that waits, and the one that is accepted')
    .argument('<tool>', 'as in `office/send_message`')
    .action(async (tool: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = await client().call('GET', `/api/tools/${pathOf(tool)}`)
      output.data(answer, () => JSON.stringify(answer, null, 2))
    })
  tools
    .command('refresh')
    .description('ask a server what tools it has now')
    .argument('<server>', 'as in `office`')
    .action(async (server: string, _options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = z
        .object({ server: z.string(), tools: z.number() })
        .parse(await client().call('POST', `/api/tools/${encodeURIComponent(server)}/refresh`, {}))
      output.data(answer, () => `${answer.server} shows ${answer.tools} tools`)
    })
  for (const [verb, description] of [
    ['accept', 'let callers use the definition with this digest'],
    ['reject', 'keep what waits in quarantine for good'],
  ] as const) {
    tools
      .command(verb)
      .description(description)
      .argument('<tool>', 'as in `office/send_message`')
      .requiredOption('--digest <digest>', 'of the definition you have read (the first 12 characters do)')
      .action(async (tool: string, options: { digest: string }, command: Command) => {
        const { client, output } = sessionOf(command)
        const answer = toolSchema.parse(
          await client().call('POST', `/api/tools/${pathOf(tool)}/${verb}`, { digest: options.digest }),
        )
        output.data(answer, () => `${answer.server}/${answer.name} is ${answer.status}`)
      })
  }
  return tools
}

function pathOf(tool: string): string {
  const at = tool.indexOf('/')
  return at < 0
    ? encodeURIComponent(tool)
    : `${encodeURIComponent(tool.slice(0, at))}/${encodeURIComponent(tool.slice(at + 1))}`
}
