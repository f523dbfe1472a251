import { constantShape, type EntityJson, type PolicyInfo } from '../../cedar/index.ts'
import { layerOf, type PolicyFile } from '../layers.ts'
import { uidOf } from '../trial/trial-context.ts'
import { placeOf } from './statements.ts'

/** Statements about single agents that say the same of each: what a pack, or the layer of their type, is for. */
export interface AgentException {
  readonly agents: readonly string[]
  /** Where all of these agents are of one type. */
  readonly agentType: string | undefined
  readonly policies: readonly { readonly id: string; readonly place: string }[]
  readonly proposal: string
}

/** A statement about one agent alone is an exception, and may well be meant; two that say the same are a pattern. */
export function agentExceptions(
  statements: readonly PolicyInfo[],
  files: readonly PolicyFile[],
  entities: readonly EntityJson[],
): readonly AgentException[] {
  const layers = new Map(files.map((file) => [file.name, layerOf(file)]))
  const types = agentTypesOf(entities)
  const groups = new Map<string, { readonly info: PolicyInfo; readonly agent: string }[]>()
  for (const info of statements) {
    if (info.position.source?.startsWith('packs/') === true) continue
    const layer = layers.get(info.position.source ?? '')
    const { shape, constants } = constantShape(info.text)
    const agent =
      layer?.kind === 'agent' && layer.type === 'Agent'
        ? layer.id
        : /^Agent::"(.*)"$/s.exec(
            constants.find(({ type, near }) => type === 'Agent' && near === 'principal')?.text ?? '',
          )?.[1]
    if (agent === undefined) continue
    const rest = constants.filter(({ type }) => type !== 'Agent').map(({ text }) => text)
    const key = JSON.stringify([shape, rest])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [{ info, agent }])
    else group.push({ info, agent })
  }
  return [...groups.values()]
    .map((group): AgentException => {
      const agents = [...new Set(group.map(({ agent }) => agent))].sort()
      const [agentType, ...others] = new Set(agents.map((agent) => types.get(agent)))
      const type = others.length === 0 ? agentType : undefined
      return {
        agents,
        agentType: type,
        policies: group.map(({ info }) => ({ id: info.id, place: placeOf(info) })),
        proposal: proposalFor(agents.length, type),
      }
    })
    .sort(
      (a, b) =>
        b.agents.length - a.agents.length || (a.policies[0]?.place ?? '').localeCompare(b.policies[0]?.place ?? ''),
    )
}

function proposalFor(agents: number, type: string | undefined): string {
  if (agents < 2) return 'one agent alone: say why in its title'
  return type === undefined
    ? 'agents of several types: a pack, used once for each'
    : `all of type \`${type}\`: once in its layer (\`agentType: ${type}\`)`
}

function agentTypesOf(entities: readonly EntityJson[]): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  for (const entity of entities) {
    const { type, id } = uidOf(entity)
    if (type !== 'Agent') continue
    for (const parent of entity.parents ?? []) {
      const { type: of, id: name } = '__entity' in parent ? parent.__entity : parent
      if (of === 'AgentType') types.set(id, name)
    }
  }
  return types
}
