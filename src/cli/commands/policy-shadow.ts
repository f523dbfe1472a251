import { Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { count } from '../policy/count.ts'
import { differencesText, reportSchema } from '../policy/replay-text.ts'
import { sessionOf } from '../session.ts'

const shadowSchema = z.object({
  revisions: z.array(z.string()),
  candidate: z.string(),
  by: z.string(),
  startedAt: z.string(),
  until: z.string(),
  counts: z.object({
    seen: z.number(),
    concerned: z.number(),
    judged: z.number(),
    skipped: z.number(),
    differing: z.number(),
  }),
  ended: z.object({ at: z.string(), why: z.string() }).optional(),
  report: reportSchema,
})
type Shadow = z.output<typeof shadowSchema>

interface ShadowOptions {
  readonly hours: number
  readonly status?: true
  readonly stop?: true
}

const PATH = '/api/policy/shadow'

/** Tries revisions on live requests. */
export function policyShadowCommand(): Command {
  return new Command('shadow')
    .description('decide live requests under revisions too, beside what decides, and tell what differs')
    .argument('[revision...]', 'their addresses, or enough of the first digits; nothing for what runs')
    .addOption(new Option('--hours <n>', 'ends by itself after so many').argParser(hoursOf).default(24))
    .option('--status', 'tell what it has found up to now (the same as without a revision)')
    .option('--stop', 'end it')
    .action(async (revisions: readonly string[], options: ShadowOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const starts = revisions.length > 0 && options.stop !== true && options.status !== true
      const answer = starts
        ? await client().call('POST', PATH, { revisions, hours: options.hours })
        : await client().call(options.stop === true ? 'DELETE' : 'GET', PATH)
      const shadow = shadowSchema.parse(answer)
      output.data(shadow, () => shadowText(shadow))
    })
}

function hoursOf(text: string): number {
  const hours = Number(text)
  if (!(hours > 0 && hours <= 168)) throw new InvalidArgumentError('a number of hours, at most 168')
  return hours
}

function shadowText({ candidate, startedAt, until, counts, ended, report }: Shadow): string {
  const { seen, concerned, judged, skipped, differing } = counts
  const state = ended === undefined ? `runs until ${until}` : `ended at ${ended.at}: ${ended.why}`
  return [
    `${candidate.slice(0, 16)} in shadow since ${startedAt}, ${state}`,
    `${count(seen, 'decision')} seen, ${concerned} that a changed policy can have a say in; ${judged} of them decided under both, ${skipped} left out`,
    differing === 0 ? 'no difference' : `${count(differing, 'decision')} would be others`,
    ...differencesText(report),
  ].join('\n')
}
