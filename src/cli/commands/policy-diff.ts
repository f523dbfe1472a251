import { Command } from 'commander'
import type { DiffGroup, PolicyDiff, Trial } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { count } from '../policy/count.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'

/** Compares two folders by what becomes possible and impossible. */
export function policyDiffCommand(): Command {
  return new Command('diff')
    .description(
      'tell what two versions of a folder decide differently, with an example of each; exit code 0 either way',
    )
    .argument('<before>', 'a folder with manifests (`*.yaml`)')
    .argument('<after>', 'the same, as it is to be')
    .addOption(tenantOption())
    .action(async (before: string, after: string, options: { readonly tenant: TenantId }, command: Command) => {
      const { diffTrials, openTrial } = await import('../../access/index.ts')
      const { readPolicyFolder } = await import('../../server/index.ts')
      const { output } = sessionOf(command)
      const open = async (folder: string): Promise<Trial> =>
        openTrial((await readPolicyFolder(folder, options.tenant)).world)
      const steps = diffTrials(await open(before), await open(after))
      const onProgress = progressOn(output)
      for (;;) {
        const step = steps.next()
        if (step.done === true) {
          onProgress(step.value.asked, step.value.asked)
          return output.data(step.value, () => diffText(step.value))
        }
        onProgress(step.value.asked, step.value.planned)
      }
    })
}

function diffText({ groups, asked, total }: PolicyDiff): string {
  const parts = (['allowed', 'denied'] as const).flatMap((effect) => {
    const own = groups.filter((group) => group.effect === effect)
    return own.length === 0 ? [] : [`newly ${effect}:`, ...own.flatMap(groupLines)]
  })
  const bounded = asked < total ? `, every ${Math.round(total / asked)}th of ${total}` : ''
  const what = groups.length === 0 ? 'nothing is decided differently' : count(groups.length, 'difference')
  return [
    ...parts,
    `${what}; asked ${asked} requests${bounded}: each principal alone, without arguments, with one factor and with several`,
  ].join('\n')
}

function groupLines(group: DiffGroup): readonly string[] {
  const { principals, action, resourceType, example } = group
  const { principal, resource, isStrong, before, after } = example
  const how = isStrong ? ', having used several factors,' : ''
  const why = (policies: readonly string[]): string =>
    policies.length === 0 ? 'no policy permits it' : policies.map((policy) => `\`${policy}\``).join(', ')
  return [
    `  ${principals}: ${action} on ${resourceType}, ${count(group.count, 'request')}`,
    `    ${principal.type}::${principal.id}${how} on ${resource.type}::${resource.id}`,
    `    before: ${why(before)}; after: ${why(after)}`,
  ]
}
