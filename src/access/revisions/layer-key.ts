import type { Layer } from '../layers.ts'

/** The name of a layer for programs: `tenant`, `project/churn`, `agent/scout`, `agent-type/assistant`. */
export function layerKey(layer: Layer): string {
  switch (layer.kind) {
    case 'foundation':
    case 'tenant':
      return layer.kind
    case 'project':
      return `project/${layer.id}`
    case 'agent':
      return `${layer.type === 'Agent' ? 'agent' : 'agent-type'}/${layer.id}`
  }
}

/** The layer of that name; `undefined` where there can be none. */
export function parseLayerKey(key: string): Layer | undefined {
  if (key === 'tenant' || key === 'foundation') return { kind: key }
  const [, kind, id = ''] = /^(project|agent|agent-type)\/(.{1,128})$/s.exec(key) ?? []
  if (kind === 'project') return { kind, id }
  if (kind === undefined) return undefined
  return { kind: 'agent', type: kind === 'agent' ? 'Agent' : 'AgentType', id }
}
