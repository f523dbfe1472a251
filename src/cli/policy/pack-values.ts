import { InvalidArgumentError, Option } from 'commander'
import { parse } from 'yaml'
import type { DeclaredPack, GivenValue, Pack } from '../../access/index.ts'
import { errorText } from '../../kernel/index.ts'
import { CliError } from '../errors.ts'

/** Where a pack is to stand. */
export interface PlaceOptions {
  readonly project?: string
  readonly agent?: string
  readonly agentType?: string
}

export function placeOptions(): readonly Option[] {
  return [
    new Option('--project <id>', 'what it says concerns the resources of this project'),
    new Option('--agent <id>', 'what it says concerns this agent'),
    new Option('--agent-type <type>', 'what it says concerns the agents of this type'),
  ]
}

export function placeOf({ project, agent, agentType }: PlaceOptions): Pick<DeclaredPack, keyof PlaceOptions> {
  return {
    ...(project === undefined ? {} : { project }),
    ...(agent === undefined ? {} : { agent }),
    ...(agentType === undefined ? {} : { agentType }),
  }
}

export function setOption(): Option {
  return new Option('--set <parameter=value...>', 'parameters; a list as in `columns=[Column::a, Column::b]`')
    .argParser((text: string, before: readonly string[]) => {
      if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('a parameter and its value, as in `folder=/work/shop`')
      return [...before, text]
    })
    .default([])
}

/** What stands after `=` is a text where the parameter is one; numbers and lists are written as in YAML. */
export function valuesFor(pack: Pack, set: readonly string[]): ReadonlyMap<string, GivenValue> {
  return new Map(
    set.map((one) => {
      const name = one.slice(0, one.indexOf('='))
      const text = one.slice(one.indexOf('=') + 1)
      const type = pack.parameters.get(name)?.type
      return [name, type === undefined || !AS_YAML.has(type) ? text : yamlValue(name, text)] as const
    }),
  )
}

const AS_YAML: ReadonlySet<string> = new Set(['integer', 'boolean', 'entities', 'columns', 'strings', 'actions'])

function yamlValue(name: string, text: string): GivenValue {
  try {
    // Of one line of YAML comes what JSON can be; what it is, the parameter checks.
    return parse(text, { maxAliasCount: 0, schema: 'core' }) as GivenValue
  } catch (error) {
    throw new CliError('usage', `\`${name}\` cannot be read`, { detail: errorText(error), cause: error })
  }
}

export function unknownPack(name: string, version: string | undefined, packs: readonly Pack[]): CliError {
  const versions = packs.filter((pack) => pack.name === name)
  if (versions.length > 0) {
    const there = versions.map((pack) => pack.version).join(', ')
    return new CliError('usage', `there is no \`${name}\` ${version}, only ${there}`)
  }
  const names = [...new Set(packs.map((pack) => `\`${pack.name}\``))].join(', ')
  return new CliError('usage', `there is no pack \`${name}\`; there are ${names}`)
}
