import { Option } from 'commander'
import { CliError } from '../errors.ts'

export interface LayerOptions {
  readonly project?: string
  readonly agent?: string
  readonly agentType?: string
}

/** The layer that a command is about: the tenant's without one of these. */
export function layerOptions(): readonly Option[] {
  return [
    new Option('--project <project>', 'the layer of this project'),
    new Option('--agent <agent>', 'the layer of this agent'),
    new Option('--agent-type <type>', 'the layer of this agent type'),
  ]
}

/** `project/churn`; undefined where no option names a layer. */
export function layerNamed({ project, agent, agentType }: LayerOptions): string | undefined {
  const given = [
    project === undefined ? undefined : `project/${project}`,
    agent === undefined ? undefined : `agent/${agent}`,
    agentType === undefined ? undefined : `agent-type/${agentType}`,
  ].filter((one) => one !== undefined)
  if (given.length > 1) throw new CliError('usage', 'one layer at a time')
  return given[0]
}
