import { Command, InvalidArgumentError, Option } from 'commander'
import type { DiffGroup, DiffPart, PolicyDiff } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { count } from '../policy/count.ts'
import { changedText, diffSide, type FileChange, sharedWorlds } from '../policy/diff-side.ts'
import { recordedNotes, recordedSince } from '../policy/recorded-since.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'

interface DiffCommandOptions {
  readonly tenant: TenantId
  readonly generated?: number
  readonly seed?: number
  readonly cases?: true
  readonly since?: string
}

/** Compares two folders or revisions by what becomes possible and impossible. */
export function policyDiffCommand(): Command {
  return new Command('diff')
    .description(
      'tell what two versions of a folder, or two revisions, decide differently, with an example of each; exit code 0 either way',
    )
    .argument('<before>', 'a folder with manifests (`*.yaml`), or the first digits of a revision on the server')
    .argument('<after>', 'the same, as it is to be')
    .addOption(tenantOption())
    .addOption(
      new Option('--generated <count>', 'how many requests to make up from what the policies look at').argParser(
        numberOf,
      ),
    )
    .addOption(new Option('--seed <number>', 'makes up others; the same seed, the same requests').argParser(numberOf))
    .option('--since <time>', 'ask again too what the server has recorded since: `7d`, or a time')
    .option('--cases', 'print the examples as a file of test cases, which pass under <after>')
    .action(async (before: string, after: string, options: DiffCommandOptions, command: Command) => {
      const { diffTrials, openTrial } = await import('../../access/index.ts')
      const { client, output } = sessionOf(command)
      const sides = [
        await diffSide(before, options.tenant, client),
        await diffSide(after, options.tenant, client),
      ] as const
      const files = changedText(...sides)
      const [was, is] = sharedWorlds(...sides)
      const recorded = options.since === undefined ? undefined : await recordedSince(client(), options.since)
      const { generated, seed } = options
      const steps = diffTrials(openTrial(was), openTrial(is), {
        ...(generated === undefined ? {} : { generated }),
        ...(seed === undefined ? {} : { seed }),
        ...(recorded === undefined ? {} : { recorded: recorded.decisions }),
      })
      const notes = recorded === undefined ? [] : recordedNotes(recorded)
      const onProgress = progressOn(output)
      for (;;) {
        const step = steps.next()
        if (step.done === true) {
          onProgress(step.value.asked, step.value.asked)
          const found = { ...step.value, notCovered: [...step.value.notCovered, ...notes] }
          const answer = files.length === 0 ? found : { ...found, files }
          return output.data(answer, () =>
            options.cases === true ? casesText(found) : [...files.map(fileText), diffText(found)].join('\n'),
          )
        }
        onProgress(step.value.asked, step.value.planned)
      }
    })
}

function fileText({ name, change, lines }: FileChange): string {
  return [`${name}: ${change}`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function numberOf(text: string): number {
  const number = Number(text)
  if (/^\d{1,9}$/.test(text)) return number
  throw new InvalidArgumentError('a whole number')
}

function casesText({ groups }: PolicyDiff): string {
  const cases = groups.flatMap(({ example }) => (example.case === undefined ? [] : [example.case.trimEnd()]))
  return ['cases:', ...(cases.length === 0 ? ['  []'] : cases)].join('\n')
}

/** What became possible and impossible, for people. */
export function diffText({ groups, parts, notCovered }: PolicyDiff): string {
  const shown = (['allowed', 'denied'] as const).flatMap((effect) => {
    const own = groups.filter((group) => group.effect === effect)
    return own.length === 0 ? [] : [`newly ${effect}:`, ...own.flatMap(groupLines)]
  })
  return [
    ...shown,
    groups.length === 0 ? 'nothing is decided differently' : count(groups.length, 'difference'),
    ...parts.map(partLine),
    `not asked: ${notCovered.join('; ')}`,
  ].join('\n')
}

const SOURCES = {
  entities: 'over entities, each principal alone, with one factor and with several',
  generated: 'made up from what the policies of both look at',
  recorded: 'that were recorded, asked again of things as they are now',
} as const

function partLine({ of, asked, total, differing, skipped }: DiffPart): string {
  const bounded = of === 'entities' && asked < total ? `, every ${Math.round(total / asked)}th of ${total}` : ''
  const left = skipped === 0 ? '' : `, ${skipped} left out`
  return `asked ${count(asked, 'request')}${bounded} ${SOURCES[of]}${left}: ${differing} differ`
}

function groupLines(group: DiffGroup): readonly string[] {
  const { principals, action, resourceType, example } = group
  const { by, resource, before, after } = example
  const why = (policies: readonly string[]): string =>
    policies.length === 0 ? 'no policy permits it' : policies.map((policy) => `\`${policy}\``).join(', ')
  return [
    `  ${principals}: ${action} on ${resourceType}, ${count(group.count, 'request')}`,
    `    ${by.join(' → ')} on ${resource.type}::${resource.id}`,
    `    before: ${why(before)}; after: ${why(after)}`,
    ...(example.case === undefined
      ? []
      : example.case
          .trimEnd()
          .split('\n')
          .map((line) => `    ${line}`)),
  ]
}
