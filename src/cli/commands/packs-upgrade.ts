import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { PackUpgrade, PolicyDiff, PolicyFile, Trial } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import type { PackInUse } from '../../server/index.ts'
import { CliError } from '../errors.ts'
import type { Output } from '../output.ts'
import { count } from '../policy/count.ts'
import { setOption, unknownPack, valuesFor } from '../policy/pack-values.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { diffText } from './policy-diff.ts'
import { askReplay, reportText } from './policy-replay.ts'

interface UpgradeOptions {
  readonly to?: string
  readonly set: readonly string[]
  readonly folder: string
  readonly tenant: TenantId
  readonly yes?: true
  readonly replay?: string
}

/** Goes on to another version of a pack, after showing what comes of it. */
export function packsUpgradeCommand(): Command {
  return new Command('upgrade')
    .description('show what another version or other parameters would change, and with --yes change the manifest')
    .argument('<instance>', 'what the pack is called in use')
    .option('--to <version>', 'the newest unless given')
    .addOption(setOption())
    .option('--folder <folder>', 'with the manifests, and with packs of your own below `packs/`', '.')
    .option('--yes', 'write the manifest')
    .option(
      '--replay <time>',
      'let the server decide again what is on record since then, as in `7d`, and tell what differs',
    )
    .addOption(tenantOption())
    .action(async (instance: string, options: UpgradeOptions, command: Command) => {
      const { client, output } = sessionOf(command)
      const { use, plan, manifest } = await planOf(instance, options)
      if (plan.problems.length > 0) {
        throw new CliError('refused', `${use.at}: ${plan.problems.map(({ message }) => message).join('; ')}`)
      }
      const effect = await effectOf(options, new Map([[use.file, manifest]]), output)
      const report =
        options.replay === undefined
          ? undefined
          : await askReplay(client(), { files: effect.policies }, { since: options.replay }, output)
      const isWritten = options.yes === true && effect.failing.length === 0
      if (isWritten) writeFileSync(join(options.folder, use.file), manifest)
      const { policies: _, ...shown } = effect
      const replay = report === undefined ? {} : { replay: report }
      output.data({ ...plan, ...shown, ...replay, written: isWritten }, () =>
        [
          ...planLines(use, plan, effect),
          ...(report === undefined ? [] : [reportText(report), '']),
          lastWord(use, effect.failing.length > 0, options),
        ].join('\n'),
      )
      if (effect.failing.length > 0) process.exitCode = 1
    })
}

async function planOf(
  instance: string,
  { folder, to, set }: UpgradeOptions,
): Promise<{ readonly use: PackInUse; readonly plan: PackUpgrade; readonly manifest: string }> {
  const { planUpgrade, withPack } = await import('../../access/index.ts')
  const { readPackFolder } = await import('../../server/index.ts')
  const { shelf, uses, manifests, schema } = readPackFolder(folder)
  const use = uses.find(({ declared }) => declared.as === instance)
  if (use === undefined) {
    const names = uses.map(({ declared }) => `\`${declared.as}\``).join(', ')
    throw new CliError('usage', `no pack is in use as \`${instance}\`${names === '' ? '' : `; there are ${names}`}`)
  }
  const { declared, file } = use
  const before = shelf.find(declared.pack, declared.version)
  if (before === undefined) throw unknownPack(declared.pack, declared.version, shelf.list())
  const after = shelf.find(declared.pack, to)
  if (after === undefined) throw unknownPack(declared.pack, to, shelf.list())
  const plan = planUpgrade(before, after, { declared, set: valuesFor(after, set), schema })
  return { use, plan, manifest: withPack(manifests.get(file) ?? '', file, plan.declared) }
}

/** What the whole folder decides otherwise, and which of its cases come out otherwise than they should. */
interface Effect {
  readonly diff: PolicyDiff
  readonly cases: number
  /** What would be in force. */
  readonly policies: readonly PolicyFile[]
  readonly failing: readonly { readonly at: string; readonly name: string; readonly problems: readonly string[] }[]
}

async function effectOf(
  { folder, tenant }: UpgradeOptions,
  changed: ReadonlyMap<string, string>,
  output: Output,
): Promise<Effect> {
  const { diffTrials, openTrial, parseCases } = await import('../../access/index.ts')
  const { readPolicyFolder } = await import('../../server/index.ts')
  const before: Trial = openTrial((await readPolicyFolder(folder, tenant)).world)
  const { world, tests } = await readPolicyFolder(folder, tenant, changed)
  const after = openTrial(world)
  const results = tests.flatMap(parseCases).map((one) => after.run(one))
  const failing = results.filter(({ passed }) => !passed).map(({ at, name, problems }) => ({ at, name, problems }))
  const steps = diffTrials(before, after)
  const onProgress = progressOn(output)
  for (;;) {
    const step = steps.next()
    if (step.done === true) {
      onProgress(step.value.asked, step.value.asked)
      return { diff: step.value, cases: results.length, failing, policies: world.policies }
    }
    onProgress(step.value.asked, step.value.planned)
  }
}

function planLines(use: PackInUse, plan: PackUpgrade, effect: Effect): readonly string[] {
  const { instance, pack, from, to, parameters, statements } = plan
  const { diff, cases, failing } = effect
  return [
    `${instance}: ${pack} ${from} → ${to}, at ${use.at}`,
    '',
    'parameters:',
    ...(parameters.length === 0
      ? ['  as they were']
      : parameters.map((one) => `  ${one.name} ${one.change}: ${one.text}`)),
    '',
    'policies:',
    ...(statements.length === 0 ? ['  as they were'] : []),
    ...statements.flatMap(({ id, file, change, lines }) => [
      `  ${id} ${change}, in ${file}`,
      ...lines.map((line) => `    ${line}`.trimEnd()),
    ]),
    '',
    diffText(withoutCases(diff)),
    '',
    cases === 0 ? 'no test cases in the folder' : `${count(cases, 'case')}, ${count(failing.length, 'failure')}`,
    ...failing.flatMap(({ at, name, problems }) => [`  ${at}: ${name}`, ...problems.map((one) => `    ${one}`)]),
    '',
  ]
}

/** Each example could be a test case; here that would hide the plan. */
function withoutCases(diff: PolicyDiff): PolicyDiff {
  const groups = diff.groups.map(({ example: { case: _, ...example }, ...group }) => ({ ...group, example }))
  return { ...diff, groups }
}

function lastWord({ file }: PackInUse, hasFailures: boolean, { yes, folder }: UpgradeOptions): string {
  if (hasFailures) return 'nothing is written: a case fails'
  if (yes === true) return `${file} is written; \`sallyport apply -f ${join(folder, file)}\` puts it in force`
  return 'nothing is written; --yes writes it'
}
