import { Command, InvalidArgumentError, Option } from 'commander'
import type { Complexity, Differences } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { table } from '../output.ts'
import { count } from '../policy/count.ts'
import { diffSide } from '../policy/diff-side.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { sessionOf } from '../session.ts'

/** What a threshold holds down, by its option. */
const THRESHOLDS = {
  maxStatements: ['own statements', ({ totals }: Complexity) => totals.own],
  maxForbids: ['forbids', ({ totals }: Complexity) => totals.forbids],
  maxDepth: ['nested conditions', ({ conditions }: Complexity) => conditions.deepest],
  maxOverlaps: ['overlaps', ({ totals }: Complexity) => totals.overlaps],
  maxDuplicates: ['near-duplicates', ({ totals }: Complexity) => totals.nearDuplicates],
  maxExceptions: ['statements about single agents', ({ totals }: Complexity) => totals.exceptions],
  maxDrift: ['percent of own statements', ({ drift }: Complexity) => drift.percent],
} as const
type Threshold = keyof typeof THRESHOLDS

type ComplexityOptions = { readonly tenant: TenantId } & { readonly [Name in Threshold]?: number }

/** Tells how large and how tangled policies are. */
export function policyComplexityCommand(): Command {
  const command = new Command('complexity')
    .description(
      'tell the size and shape of policies: statements, overlaps, near-duplicates, exceptions, drift; of several folders, how they differ',
    )
    .argument(
      '[folder or revision...]',
      'folders with manifests (`*.yaml`), or addresses of revisions that a server keeps',
      ['.'],
    )
    .addOption(tenantOption())
  for (const [name, [what]] of Object.entries(THRESHOLDS)) {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    command.addOption(new Option(`--${flag} <number>`, `exit with 1 for more ${what}`).argParser(numberOf))
  }
  return command.action(async (folders: readonly string[], options: ComplexityOptions, self: Command) => {
    const { complexityOf, differencesOf, measuredOf } = await import('../../access/index.ts')
    const { client, output } = sessionOf(self)
    const measured = new Map<string, ReturnType<typeof measuredOf>>()
    const known = new Set<string>()
    for (const folder of folders) {
      const { world, hasWorld } = await diffSide(folder, options.tenant, client)
      measured.set(folder, measuredOf(world))
      if (hasWorld) known.add(folder)
    }
    const found = [...measured].map(([folder, one]) => {
      const complexity = complexityOf(one)
      // A revision says nothing of who has which role.
      return { folder, ...complexity, unusedRoles: known.has(folder) ? complexity.unusedRoles : [] }
    })
    const differences = measured.size > 1 ? differencesOf(measured) : undefined
    const exceeded = found.flatMap((one) => exceededBy(one, options).map((text) => `${one.folder}: ${text}`))
    output.data({ folders: found, ...(differences === undefined ? {} : { differences }), exceeded }, () =>
      [
        ...found.flatMap((one) => [...(found.length > 1 ? [`${one.folder}:`] : []), complexityText(one)]),
        ...(differences === undefined ? [] : [differencesText(differences)]),
        ...exceeded,
      ].join('\n'),
    )
    if (exceeded.length > 0) process.exitCode = 1
  })
}

function numberOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('a whole number')
}

function exceededBy(found: Complexity, options: ComplexityOptions): readonly string[] {
  return Object.entries(THRESHOLDS).flatMap(([name, [what, of]]) => {
    const most = options[name as Threshold] // the keys of the table
    const actual = of(found)
    return most === undefined || actual <= most ? [] : [`${actual} ${what}, and ${most} are allowed`]
  })
}

const SHOWN = 10

function complexityText(found: Complexity): string {
  const { totals, files, conditions, overlaps, nearDuplicates, exceptions, unusedRoles, drift } = found
  const rows = files.map(({ file, layer, as, statements, permits, forbids }) => [
    file,
    layer,
    as,
    `${statements}`,
    `${permits}`,
    `${forbids}`,
  ])
  return [
    table([['file', 'layer', 'as', 'statements', 'permits', 'forbids'], ...rows]),
    '',
    `${count(totals.statements, 'statement')} in ${count(totals.files, 'file')}, ${totals.own} of its own: ${count(totals.permits, 'permit')}, ${count(totals.forbids, 'forbid')}, ${totals.ceilings} in ceilings, ${count(totals.limits, 'limit')}; ${count(totals.roles, 'role')}, given ${count(totals.grants, 'time')}`,
    `conditions: ${conditions.median} parts in the middle, ${conditions.most} at most, ${conditions.deepest} deep`,
    ...conditions.largest.slice(0, 3).map(({ id, place, parts }) => `  ${place}: \`${id}\`, ${parts} parts`),
    ...listed(`${count(overlaps.length, 'overlap')}`, overlaps, ({ place, message }) => `  ${place}: ${message}`),
    ...nearDuplicates.slice(0, SHOWN).flatMap(({ policies, statement, parameters }) => [
      `${count(policies.length, 'statement')} that differ in constants only: a pack`,
      `  ${statement}`,
      ...parameters.map(
        ({ name, type, of, values }) =>
          `    ${name}: ${type}${of === undefined ? '' : ` of ${of}`}, as in ${values.slice(0, 3).join(', ')}`,
      ),
      `  ${policies
        .slice(0, 3)
        .map(({ id, place }) => `\`${id}\` (${place})`)
        .join(', ')}${policies.length > 3 ? ' …' : ''}`,
    ]),
    ...listed(
      `${count(totals.exceptions, 'statement')} about single agents`,
      exceptions,
      ({ agents, proposal, policies }) =>
        `  ${agents.slice(0, 5).join(', ')}${agents.length > 5 ? ' …' : ''}: ${policies
          .slice(0, 3)
          .map(({ id }) => `\`${id}\``)
          .join(', ')}; ${proposal}`,
    ),
    ...(unusedRoles.length === 0 ? [] : [`roles that nobody has: ${unusedRoles.join(', ')}`]),
    ...driftLines(drift),
  ].join('\n')
}

function listed<T>(title: string, items: readonly T[], line: (item: T) => string): readonly string[] {
  if (items.length === 0) return []
  const more = items.length > SHOWN ? [`  and ${items.length - SHOWN} more`] : []
  return [`${title}:`, ...items.slice(0, SHOWN).map(line), ...more]
}

function driftLines({
  own,
  shared,
  percent,
  redefinedRoles,
  grantsBeyond,
  grantsEverything,
  forbids,
}: Complexity['drift']): readonly string[] {
  return [
    `drift: ${count(own, 'statement')} of its own, ${shared} from roles and packs: ${percent} %`,
    ...(redefinedRoles.length === 0 ? [] : [`  roles defined anew: ${redefinedRoles.join(', ')}`]),
    ...(grantsBeyond.length === 0 ? [] : [`  permits what no role and no pack does: ${grantsBeyond.join(', ')}`]),
    ...(grantsEverything.length === 0 ? [] : [`  permits every action: ${grantsEverything.join(', ')}`]),
    ...(forbids.length === 0 ? [] : [`  forbids more: ${forbids.map(({ id }) => id).join(', ')}`]),
  ]
}

function differencesText({ tenants, common, partial, likeness }: Differences): string {
  return [
    `${count(tenants.length, 'tenant')}, ${count(common, 'kind')} of statement in all of them, ${partial.length} in some:`,
    ...partial
      .slice(0, SHOWN)
      .flatMap(({ shape, has, lacks }) => [`  ${shape}`, `    in ${has.join(', ')}; not in ${lacks.join(', ')}`]),
    ...likeness.slice(0, SHOWN).map(({ a, b, percent }) => `  ${a} and ${b} are alike in ${percent} %`),
  ].join('\n')
}
