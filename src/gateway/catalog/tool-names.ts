import type { ToolEntry } from './entries.ts'
import type { Snapshot } from './snapshot.ts'

export interface ToolNames {
  meant(name: string): readonly ToolEntry[]
}

// How clients put the name of a server before the name of its tool, so that names of several servers stay apart.
const PREFIXES: readonly ((server: string, tool: string) => string)[] = [
  (_, tool) => tool,
  (server, tool) => `${server}__${tool}`,
  (server, tool) => `mcp__${server}__${tool}`,
  (server, tool) => `${server}_${tool}`,
  (server, tool) => `mcp_${server}_${tool}`,
  (server, tool) => `${server}-${tool}`,
  (server, tool) => `${server}.${tool}`,
  (server, tool) => `${server}/${tool}`,
]

/**
 * Which tools a name in a model's answer can mean. A tool that nobody has ever accepted is meant only where no other is:
 * a server must not take the name of another one's tool away by listing it.
 */
export function toolNames(snapshot: Snapshot): ToolNames {
  const byName = new Map<string, ToolEntry[]>()
  for (const tools of snapshot.tools.values()) {
    for (const tool of tools.values()) {
      for (const name of new Set(PREFIXES.map((prefix) => prefix(tool.server, tool.name)))) {
        const others = byName.get(name)
        if (others === undefined) byName.set(name, [tool])
        else others.push(tool)
      }
    }
  }
  return {
    meant(name) {
      const all = byName.get(name) ?? []
      const known = all.filter(({ status, accepted }) => status === 'accepted' || accepted !== undefined)
      return known.length > 0 ? known : all
    },
  }
}
