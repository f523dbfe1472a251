import { statSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { z } from 'zod'
import type { TenantId } from '../../kernel/index.ts'
import { type ApiClient, refusal } from '../client.ts'
import { CliError } from '../errors.ts'
import { jsonLines } from '../json-lines.ts'
import { momentOf } from '../moment.ts'
import type { Output } from '../output.ts'
import { count } from '../policy/count.ts'
import { differencesText, type Report, reportSchema } from '../policy/replay-text.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { replaySelf } from './policy-replay-self.ts'

interface ReplayOptions {
  readonly candidate?: readonly string[]
  readonly self?: true
  readonly since: string
  readonly until?: string
  readonly html?: string
  readonly tenant: TenantId
}

/** Decides again what is on record, under what is not in force. */
export function policyReplayCommand(): Command {
  return new Command('replay')
    .description(
      'decide again what is on record: under a candidate, to tell what would newly be allowed or denied, or as it was',
    )
    .option('--candidate <folder or revision...>', 'a folder with manifests, or addresses of revisions')
    .option(
      '--self',
      'the whole log, each decision under what it was made under; exit code 1 where one comes out otherwise',
    )
    .option('--since <time>', 'a duration before now, as in `7d`, or a time, as in 2026-01-31T08:00:00Z', '7d')
    .option('--until <time>', 'the same; now without it')
    .option('--html <file>', 'write a page for those who decide on the change')
    .addOption(tenantOption())
    .action(async (options: ReplayOptions, command: Command) => {
      if ((options.self === true) === (options.candidate !== undefined)) {
        throw new CliError('usage', 'say what to replay: `--candidate`, or `--self`')
      }
      if (options.self === true) return replaySelf(command)
      const { client, output } = sessionOf(command)
      const api = client()
      const report = await askReplay(api, await candidateOf(options), options, output)
      if (options.html !== undefined) {
        const { replayPage } = await import('../../access/index.ts')
        const page = replayPage(
          { ...report, from: report.from, to: report.to },
          { tenant: api.issuer.split('/').at(-1) ?? '', madeAt: Date.now() },
        )
        writeFileSync(options.html, page)
      }
      output.data(report, () => reportText(report, options.html))
    })
}

/** Has the server decide again what is on record, under a candidate. */
export async function askReplay(
  api: ApiClient,
  candidate: ReplayCandidate,
  { since, until }: { readonly since: string; readonly until?: string },
  output: Output,
): Promise<Report> {
  const answer = await api.fetch('/api/policy/replay', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      candidate,
      since: momentOf(since),
      ...(until === undefined ? {} : { until: momentOf(until) }),
    }),
  })
  if (!answer.ok || answer.body === null) throw await refusal(answer)
  return reportFrom(answer.body, progressOn(output))
}

const lineSchema = z.union([
  z.object({ report: reportSchema }),
  z.object({ error: z.string() }),
  z.object({ done: z.number(), total: z.number() }),
])

async function reportFrom(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onProgress: (done: number, total: number) => void,
): Promise<Report> {
  for await (const line of jsonLines(body)) {
    const told = lineSchema.parse(line)
    if ('report' in told) return told.report
    if ('error' in told) throw new CliError('refused', told.error)
    onProgress(told.done, told.total)
  }
  throw new CliError('refused', 'the answer ended before there was a report')
}

export type ReplayCandidate = { readonly revisions: readonly string[] } | { readonly files: readonly object[] }

async function candidateOf({ candidate = [], tenant }: ReplayOptions): Promise<ReplayCandidate> {
  const [first = '', ...more] = candidate
  if (!isFolder(first)) return { revisions: candidate }
  if (more.length > 0) throw new CliError('usage', 'a candidate is one folder, or revisions')
  const { readPolicyFolder } = await import('../../server/index.ts')
  // Whoever is to be replayed against it, the server knows.
  const { world } = await readPolicyFolder(first, tenant)
  return { files: world.policies }
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true
}

export function reportText(report: Report, page?: string): string {
  const { candidate, records, decided, newlyAllowed, newlyDenied, limited, unreplayable, ms } = report
  const lost = Object.entries(unreplayable).map(([why, number]) => `${number} ${why}`)
  const differing = newlyAllowed + newlyDenied
  return [
    `${candidate.slice(0, 16)} over ${count(records, 'record')}: ${count(decided, 'decision')} made again in ${(ms / 1000).toFixed(1)} s`,
    differing === 0
      ? 'every decision stays as it was'
      : `${differing} would be others: ${newlyAllowed} newly allowed, ${newlyDenied} newly denied`,
    ...(lost.length === 0 ? [] : [`not replayable: ${lost.join(', ')}`]),
    ...(limited === 0 ? [] : [`${limited} were refused by a limit, and count as they were`]),
    ...differencesText(report),
    ...(page === undefined ? [] : [`the page for those who decide is in ${page}`]),
  ].join('\n')
}
