import { Command, Option } from 'commander'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { z } from 'zod'
import { refusal } from '../client.ts'
import { CliError } from '../errors.ts'
import { recordLine, recordSchema, recordText } from '../record-text.ts'
import { sessionOf } from '../session.ts'
import { continueCommand } from './log-continue.ts'
import { exportCommand } from './log-export.ts'
import { forgetCommand } from './log-forget.ts'
import { publicCommand } from './log-public.ts'
import { receiptCommand } from './log-receipt.ts'
import { verifyCommand } from './log-verify.ts'

const page = z.object({ records: z.array(recordSchema), cursor: z.string().optional() })

/** Reading the log, and checking it. */
export function logCommand(): Command {
  const log = new Command('log').description('the record of what happened')
  log
    .command('show')
    .description('one record, or everything of one request')
    .argument('[index]', 'the `Sallyport-Record` of an answer')
    .option('--request <txn>', 'the `Sallyport-Txn` of an answer')
    .action(async (index: string | undefined, options: { request?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      if ((index === undefined) === (options.request === undefined)) {
        throw new CliError('usage', 'name either a record or, with --request, a request id')
      }
      const records =
        options.request === undefined
          ? [recordSchema.parse(await client().call('GET', `/api/records/${encodeURIComponent(index ?? '')}`))]
          : page.parse(await client().call('GET', `/api/records?txn=${encodeURIComponent(options.request)}&limit=1000`))
              .records
      if (records.length === 0) throw new CliError('refused', `nothing was recorded under \`${options.request}\``)
      output.data(records, () => records.map(recordText).join('\n'))
    })
  log
    .command('search')
    .description('records that match, newest first')
    .option('--principal <id>', 'who acted, or on whose behalf')
    .option('--action <action>', 'as in `tool:call`')
    .option('--resource <resource>', 'as in `Tool::office/send_message`')
    .addOption(new Option('--decision <decision>', 'how it was decided').choices(['allow', 'deny', 'observed-deny']))
    .option('--policy <id>', 'a policy that took part')
    .option('--from <time>', 'as in 2026-01-31T08:00:00Z')
    .option('--to <time>', 'up to, not including')
    .option('--text <text>', 'words that stand in the record, and phrases in quotation marks')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'where the last page ended')
    .action(async (options: Record<string, string>, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = page.parse(await client().call('GET', `/api/records?${new URLSearchParams(options)}`))
      output.data(answer, () => {
        const lines = answer.records.map(recordLine)
        return [...lines, ...(answer.cursor === undefined ? [] : [`older ones: --cursor ${answer.cursor}`])].join('\n')
      })
    })
  log
    .command('tail')
    .description('records as they are written, until interrupted')
    .action(async (_options: object, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = await client().fetch('/api/records/tail', { headers: { accept: 'text/event-stream' } })
      if (!answer.ok || answer.body === null) throw await refusal(answer)
      const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
      for await (const event of events) {
        const record = recordSchema.parse(JSON.parse(event.data))
        output.line(record, () => recordLine(record))
      }
    })
  log.addCommand(continueCommand())
  log.addCommand(exportCommand())
  log.addCommand(forgetCommand())
  log.addCommand(publicCommand())
  log.addCommand(receiptCommand())
  log.addCommand(verifyCommand())
  return log
}
