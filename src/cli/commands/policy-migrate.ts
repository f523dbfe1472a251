import { Command } from 'commander'
import type { TenantId } from '../../kernel/index.ts'
import type { TriedMigration } from '../../server/index.ts'
import { changedLines } from '../policy/changed-lines.ts'
import { count } from '../policy/count.ts'
import { recordedNotes, recordedSince } from '../policy/recorded-since.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'

interface MigrateOptions {
  readonly tenant: TenantId
  readonly dryRun?: true
  readonly undo?: true
  readonly since?: string
}

/** Renames and splits what the policies of a folder speak of. */
export function policyMigrateCommand(): Command {
  return new Command('migrate')
    .description(
      'rename or split actions, types, attributes and roles in a folder: schema, policies, limits, packs, manifests and test cases; exit code 1, and nothing written, where a decision changes that the plan does not announce',
    )
    .argument('<plan>', 'a YAML file that says what becomes what')
    .argument('[folder]', 'with manifests (`*.yaml`)', '.')
    .addOption(tenantOption())
    .option('--dry-run', 'show what would change, and write nothing')
    .option('--since <time>', 'decide again too, in the new names, what the server has recorded since: `7d`, or a time')
    .option('--undo', 'bring the folder back to what it was before this plan, byte for byte')
    .action(async (plan: string, folder: string, options: MigrateOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      if (options.undo === true) return undo(plan, folder, options, output)
      const { tryMigration } = await import('../../server/index.ts')
      const recorded = options.since === undefined ? undefined : await recordedSince(client(), options.since)
      const onProgress = progressOn(output)
      const { tenant } = options
      const tried = await tryMigration(plan, folder, { tenant, onProgress, recorded: recorded?.decisions })
      for (const note of recorded === undefined ? [] : recordedNotes(recorded)) output.note(note)
      const asked = tried.proof.asked.reduce((sum, part) => sum + part.asked, 0)
      onProgress(asked, asked)
      const isRefused = tried.proof.changes.some(({ isAnnounced }) => !isAnnounced)
      const written = isRefused || options.dryRun === true ? undefined : tried.write()
      const { files, proof } = tried
      const report = {
        written: written !== undefined,
        ...(written === undefined ? {} : { undo: written }),
        files: files.map(({ name, edits }) => ({ name, edits })),
        cases: proof.cases,
        asked,
        changes: proof.changes,
        needless: proof.needless,
      }
      output.data(report, () => migrationText(tried, options.dryRun === true, written))
      if (isRefused) process.exitCode = 1
    })
}

async function undo(
  plan: string,
  folder: string,
  { dryRun }: MigrateOptions,
  output: ReturnType<typeof sessionOf>['output'],
): Promise<void> {
  const { undoMigration, writeUndo } = await import('../../server/index.ts')
  const files = undoMigration(plan, folder)
  if (dryRun !== true) writeUndo(plan, folder, files)
  output.data({ written: dryRun !== true, files: files.map(({ name }) => name) }, () =>
    [
      ...files.map(({ name }) => `  ${name}`),
      `${count(files.length, 'file')} ${dryRun === true ? 'would be' : 'are'} as before the migration`,
    ].join('\n'),
  )
}

function migrationText({ files, proof }: TriedMigration, isDry: boolean, written: string | undefined): string {
  const unannounced = proof.changes.filter(({ isAnnounced }) => !isAnnounced)
  const asked = proof.asked.reduce((sum, part) => sum + part.asked, 0)
  const places = files.reduce((sum, { edits }) => sum + edits.length, 0)
  return [
    ...files.flatMap(({ name, before, edits }) => [
      isDry ? `${name}:` : `  ${name}: ${count(edits.length, 'place')}`,
      ...(isDry ? changedLines(before, edits) : []),
    ]),
    ...proof.changes.flatMap(changeLines),
    ...proof.needless,
    `${count(proof.cases, 'case')} and ${count(asked, 'request')} decided before and after: ${changesText(proof.changes)}`,
    written !== undefined
      ? `${count(places, 'place')} in ${count(files.length, 'file')} changed; undo with --undo (${written})`
      : unannounced.length > 0
        ? 'nothing was written: the plan does not announce this'
        : `${count(places, 'place')} in ${count(files.length, 'file')} would change; nothing was written`,
  ].join('\n')
}

type Change = TriedMigration['proof']['changes'][number]

function changesText(changes: readonly Change[]): string {
  if (changes.length === 0) return 'nothing changes'
  const announced = changes.filter(({ isAnnounced }) => isAnnounced).length
  return `${count(changes.length, 'change')}, ${announced} announced`
}

function changeLines(change: Change): readonly string[] {
  const how = change.isAnnounced ? 'announced' : 'NOT ANNOUNCED'
  if (change.kind === 'case') {
    return [`${how}: ${change.at}: ${change.name}`, `  before: ${change.before}`, `  after: ${change.after}`]
  }
  const { effect, principals, action, resourceType, example } = change
  const why = (policies: readonly string[]): string =>
    policies.length === 0 ? 'no policy permits it' : policies.map((policy) => `\`${policy}\``).join(', ')
  return [
    `${how}: newly ${effect}: ${principals}: ${action} on ${resourceType}, ${count(change.count, 'request')}`,
    `  ${example.by.join(' → ')} on ${example.resource.type}::${example.resource.id}`,
    `  before: ${why(example.before)}; after: ${why(example.after)}`,
    ...(example.case?.trimEnd().split('\n') ?? []).map((line) => `  ${line}`),
  ]
}
