import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { DeclaredPack, Pack } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { type PlaceOptions, placeOf, placeOptions, setOption, unknownPack, valuesFor } from '../policy/pack-values.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { sessionOf } from '../session.ts'
import { packsInForceCommand } from './packs-in-force.ts'
import { packsUpgradeCommand } from './packs-upgrade.ts'

/** Policies with parameters: which there are, and putting them to use in the manifests of a folder. */
export function packsCommand(): Command {
  return new Command('packs')
    .description('policies with parameters: see which there are, put them to use, go on to newer versions')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(addCommand())
    .addCommand(packsUpgradeCommand())
    .addCommand(packsInForceCommand())
}

interface FolderOption {
  readonly folder: string
}

const FOLDER = ['--folder <folder>', 'with the manifests, and with packs of your own below `packs/`', '.'] as const

function listCommand(): Command {
  return new Command('list')
    .description('the packs that ship with Sallyport and those of a folder, and which of them the folder uses')
    .option(...FOLDER)
    .action(async ({ folder }: FolderOption, command: Command) => {
      const { readPackFolder } = await import('../../server/index.ts')
      const { output } = sessionOf(command)
      const { shelf, uses } = readPackFolder(folder)
      const packs = shelf
        .list()
        .map(({ name, version, title, from, digest }) => ({ name, version, title, from, digest }))
      const inUse = uses.map(({ declared, at }) => ({ ...declared, at }))
      output.data({ packs, uses: inUse }, () => {
        const rows = packs.map(({ name, version, title }) => [name, version, title])
        const used = inUse.map(({ at, as, pack, version }) => [as, `${pack} ${version}`, at])
        return [
          table([['pack', 'version', ''], ...rows]),
          ...(used.length === 0 ? [] : ['', 'in use:', table(used)]),
        ].join('\n')
      })
    })
}

interface ShowOptions extends FolderOption {
  readonly packVersion?: string
}

function showCommand(): Command {
  return new Command('show')
    .description('what a pack is for, where it may stand, and its parameters')
    .argument('<pack>', 'its name')
    .option('--pack-version <version>', 'the newest unless given')
    .option(...FOLDER)
    .action(async (name: string, { folder, packVersion }: ShowOptions, command: Command) => {
      const { parameterBounds } = await import('../../access/index.ts')
      const { readPackFolder } = await import('../../server/index.ts')
      const { output } = sessionOf(command)
      const { shelf } = readPackFolder(folder)
      const pack = shelf.find(name, packVersion)
      if (pack === undefined) throw unknownPack(name, packVersion, shelf.list())
      const same = shelf.list().filter((one) => one.name === name)
      const data = { ...dataOf(pack), versions: same.map(({ version }) => version) }
      output.data(data, () => showText(pack, data.versions, parameterBounds))
    })
}

function dataOf({ name, version, title, description, layers, parameters, files, digest, from }: Pack) {
  return {
    name,
    version,
    title,
    description,
    layers,
    parameters: [...parameters].map(([parameter, declared]) => ({ name: parameter, ...declared })),
    statements: files.flatMap(({ as, moulds }) => moulds.map(({ id }) => ({ id, as }))),
    digest,
    from,
  }
}

type BoundsOf = typeof import('../../access/index.ts').parameterBounds

function showText(pack: Pack, versions: readonly string[], boundsOf: BoundsOf): string {
  const statements = pack.files.flatMap(({ as, moulds }) =>
    moulds.map(({ id }) => (as === 'grants' ? id : `${id} (${as})`)),
  )
  return [
    `${pack.name} ${pack.version}: ${pack.title}`,
    pack.description.trim(),
    '',
    `layers:     ${pack.layers.join(', ')}`,
    `versions:   ${versions.join(', ')}`,
    `statements: ${statements.join(', ')}`,
    `digest:     ${pack.digest}`,
    '',
    'parameters:',
    ...[...pack.parameters].flatMap(([name, parameter]) => [
      `  ${name}${parameter.default === undefined ? ', needed' : ''}: ${parameter.doc}`,
      `    ${boundsOf(parameter)}`,
    ]),
  ].join('\n')
}

interface AddOptions extends FolderOption, PlaceOptions {
  readonly instance: string
  readonly packVersion?: string
  readonly set: readonly string[]
  readonly write?: string
  readonly tenant: TenantId
}

function addCommand(): Command {
  const command = new Command('add')
    .description('make the section of a manifest that puts a pack to use; printed, or written into a manifest')
    .argument('<pack>', 'its name')
    .requiredOption('--instance <name>', 'what it is called in use: ids of its policies begin with it')
    .option('--pack-version <version>', 'the newest unless given')
    .addOption(setOption())
    .option('--write <manifest>', 'add it to this manifest of the folder, where all of the folder is right with it')
    .option(...FOLDER)
    .addOption(tenantOption())
  for (const option of placeOptions()) command.addOption(option)
  return command.action(async (name: string, options: AddOptions, own: Command) => {
    const { packSection, withPack } = await import('../../access/index.ts')
    const { readPackFolder, readPolicyFolder } = await import('../../server/index.ts')
    const { output } = sessionOf(own)
    const { folder, write } = options
    const found = readPackFolder(folder)
    const pack = found.shelf.find(name, options.packVersion)
    if (pack === undefined) throw unknownPack(name, options.packVersion, found.shelf.list())
    const declared = await declaredFrom(pack, options, found)
    if (write === undefined) return output.data(declared, () => packSection(declared).trimEnd())
    const before = found.manifests.get(write)
    if (before === undefined) throw new CliError('usage', `there is no manifest \`${write}\` in \`${folder}\``)
    const text = withPack(before, write, declared)
    await readPolicyFolder(folder, options.tenant, new Map([[write, text]]))
    writeFileSync(join(folder, write), text)
    output.data(declared, () => `${write} uses \`${name}\` ${pack.version} as \`${declared.as}\``)
  })
}

type Found = ReturnType<typeof import('../../server/index.ts').readPackFolder>

/** As the manifest would have it. Throws `usage` for what the manifest could not have. */
async function declaredFrom(pack: Pack, options: AddOptions, { uses, schema }: Found): Promise<DeclaredPack> {
  const { expandPack, packInstanceSections } = await import('../../access/index.ts')
  const taken = uses.find(({ declared }) => declared.as === options.instance)
  if (taken !== undefined) throw new CliError('usage', `\`${options.instance}\` is in use at ${taken.at}`)
  const parsed = packInstanceSections.packs.element.safeParse({
    pack: pack.name,
    version: pack.version,
    digest: pack.digest,
    as: options.instance,
    ...placeOf(options),
    with: Object.fromEntries(valuesFor(pack, options.set)),
  })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const what = issue?.path[0] === 'as' ? `\`--instance ${options.instance}\` ` : ''
    throw new CliError('usage', `${what}${issue?.message ?? 'cannot be used'}`)
  }
  const { problems } = expandPack(pack, parsed.data, schema)
  if (problems.length > 0) throw new CliError('usage', problems.map(({ message }) => message).join('; '))
  return parsed.data
}
