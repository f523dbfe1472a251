import { Command, InvalidArgumentError, Option } from 'commander'
import type { CaseResult, Gap, MutantResult, PolicyCase, PolicyFinding, Trial, tryMutants } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { CliError } from '../errors.ts'
import { count } from '../policy/count.ts'
import { type Finding, sarifOf } from '../policy/sarif.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { visibleJson } from '../visible.ts'
import { policyComplexityCommand } from './policy-complexity.ts'
import { policyDiffCommand } from './policy-diff.ts'
import { policyMigrateCommand } from './policy-migrate.ts'
import { policyPushCommand } from './policy-push.ts'
import { policyReplayCommand } from './policy-replay.ts'
import { policyRevisionCommands } from './policy-revisions.ts'
import { policyShadowCommand } from './policy-shadow.ts'
import { policySuggestCommand } from './policy-suggest.ts'

/** Work on policies before they are in force. */
export function policyCommand(): Command {
  const policy = new Command('policy')
    .description(
      'suggest policies from what was observed; check and test those of a folder, without a server, before they are applied',
    )
    .addCommand(checkCommand())
    .addCommand(testCommand())
    .addCommand(policyDiffCommand())
    .addCommand(policySuggestCommand())
    .addCommand(policyReplayCommand())
    .addCommand(policyShadowCommand())
    .addCommand(policyMigrateCommand())
    .addCommand(policyComplexityCommand())
    .addCommand(policyPushCommand())
  for (const command of policyRevisionCommands()) policy.addCommand(command)
  return policy
}

interface CheckOptions {
  readonly tenant: TenantId
  readonly sarif?: true
  readonly strict?: true
}

function checkCommand(): Command {
  return new Command('check')
    .description('tell everything that is wrong with policies, or hardly meant; exit code 1 for errors')
    .argument('[folder]', 'with manifests (`*.yaml`) that name the policies', '.')
    .addOption(tenantOption())
    .option('--sarif', 'print SARIF 2.1.0, for code hosts and editors')
    .option('--strict', 'exit with 1 for warnings too')
    .action(async (folder: string, options: CheckOptions, command: Command) => {
      const { checkPolicies } = await import('../../access/index.ts')
      const { readPolicyFolder } = await import('../../server/index.ts')
      const { output } = sessionOf(command)
      const { world } = await readPolicyFolder(folder, options.tenant)
      const findings = checkPolicies(world.foundation, world.policies).map(findingOf)
      if (options.sarif === true) process.stdout.write(`${visibleJson(sarifOf(findings), 2)}\n`)
      else output.data({ files: world.policies.length, findings }, () => checkText(findings, world.policies.length))
      const isWrong = findings.some(({ severity }) => severity === 'error' || options.strict === true)
      if (isWrong) process.exitCode = 1
    })
}

function findingOf({ severity, rule, message, help, source, line, column }: PolicyFinding): Finding {
  return { severity, rule, message, help, file: source, line, column }
}

function checkText(findings: readonly Finding[], files: number): string {
  const lines = findings.map(({ severity, rule, message, help, file, line, column }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(':')
    return `${place === '' ? '' : `${place}: `}${severity} ${rule}: ${message}${help === undefined ? '' : ` (${help})`}`
  })
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const counts = `${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}`
  return [...lines, `${count(files, 'file')} of policies: ${counts}`].join('\n')
}

interface TestOptions {
  readonly tenant: TenantId
  readonly coverage?: true
  readonly mutate?: true
  readonly of?: readonly string[]
  readonly atLeast?: number
}

function testCommand(): Command {
  return new Command('test')
    .description('run the test cases of a folder (`*.test.yaml`) against its policies; exit code 1 where one fails')
    .argument('[folder]', 'with manifests (`*.yaml`), and test cases beside or below them', '.')
    .addOption(tenantOption())
    .option('--coverage', 'tell which policies and conditions no case exercises')
    .option('--mutate', 'change policies one small step at a time, and tell which changes no case notices')
    .option(
      '--of <file...>',
      'for --coverage and --mutate: these files, or folders, instead of those that the manifests name; what ships with the product is below `foundation/`',
    )
    .addOption(
      new Option('--at-least <percent>', 'with --mutate: exit with 1 where fewer of the changes are noticed').argParser(
        percentOf,
      ),
    )
    .action(async (folder: string, options: TestOptions, command: Command) => {
      const { openTrial, parseCases, tryMutants } = await import('../../access/index.ts')
      const { readPolicyFolder } = await import('../../server/index.ts')
      const { output } = sessionOf(command)
      const { world, tests } = await readPolicyFolder(folder, options.tenant)
      const cases = tests.flatMap(parseCases)
      if (cases.length === 0)
        throw new CliError('usage', `there is no file of cases (\`*.test.yaml\`) in \`${folder}\``)
      const trial = openTrial(world)
      const results = cases.map((policyCase) => trial.run(policyCase))
      const failed = results.filter(({ passed }) => !passed)
      const own = new Set(world.policies.map(({ name }) => name))
      const isCounted = (source: string): boolean =>
        options.of === undefined
          ? own.has(source)
          : options.of.some((part) => source === part || source.startsWith(part))
      const gaps = options.coverage === true && failed.length === 0 ? gapsOf(trial, cases, isCounted) : undefined
      const mutants =
        options.mutate === true && failed.length === 0
          ? resultsOf(tryMutants(trial, cases, isCounted), progressOn(output))
          : undefined
      const report = {
        cases: results.length,
        failed: failed.map(({ name, at, problems }) => ({ name, at, problems })),
        ...(gaps === undefined ? {} : { gaps }),
        ...(mutants === undefined ? {} : { mutants: summaryOf(mutants) }),
      }
      output.data(report, () => testText(results, gaps, mutants))
      const share = mutants === undefined ? 100 : summaryOf(mutants).percent
      if (failed.length > 0 || share < (options.atLeast ?? 0)) process.exitCode = 1
    })
}

function percentOf(text: string): number {
  const percent = Number(text)
  if (!(percent >= 0 && percent <= 100)) throw new InvalidArgumentError('a percentage is from 0 to 100')
  return percent
}

function gapsOf(trial: Trial, cases: readonly PolicyCase[], isCounted: (source: string) => boolean): readonly Gap[] {
  return trial
    .coverage(cases)
    .gaps()
    .filter(({ position }) => position.source !== undefined && isCounted(position.source))
}

function resultsOf(
  steps: ReturnType<typeof tryMutants>,
  onProgress: (done: number, total: number) => void,
): readonly MutantResult[] {
  const found: MutantResult[] = []
  for (const { result, total } of steps) {
    found.push(result)
    onProgress(found.length, total)
  }
  return found
}

/** What the validator refuses nobody could put in force: it counts for nothing. */
function summaryOf(mutants: readonly MutantResult[]) {
  const counted = mutants.filter(({ noticedBy }) => noticedBy !== 'validator')
  const unnoticed = counted.filter(({ noticedBy }) => noticedBy === undefined)
  const noticed = counted.length - unnoticed.length
  const percent = counted.length === 0 ? 100 : (noticed / counted.length) * 100
  return { tried: counted.length, noticed, percent: Math.floor(percent * 10) / 10, unnoticed }
}

function testText(
  results: readonly CaseResult[],
  gaps: readonly Gap[] | undefined,
  mutants: readonly MutantResult[] | undefined,
): string {
  const failed = results.filter(({ passed }) => !passed)
  const lines = failed.flatMap(({ at, name, problems }) => [
    `${at}: ${name}`,
    ...problems.map((problem) => `  ${problem}`),
  ])
  lines.push(`${count(results.length, 'case')}, ${failed.length === 0 ? 'all passed' : `${failed.length} failed`}`)
  if (gaps !== undefined) {
    lines.push(...gaps.map(({ position, message }) => `${placeOf(position)}: ${message}`))
    lines.push(gaps.length === 0 ? 'every policy and condition is exercised both ways' : `${count(gaps.length, 'gap')}`)
  }
  if (mutants !== undefined) {
    const { tried, noticed, percent, unnoticed } = summaryOf(mutants)
    lines.push(
      ...unnoticed.map(
        ({ policy, position, change }) => `${placeOf(position)}: \`${policy}\` ${change}: no case notices`,
      ),
    )
    lines.push(`${noticed} of ${count(tried, 'change')} noticed: ${percent} %`)
  }
  return lines.join('\n')
}

function placeOf({ source, line, column }: Gap['position']): string {
  return [source, line, column].filter((part) => part !== undefined).join(':')
}
