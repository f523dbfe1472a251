import type { ToolEntry } from './entries.ts'
import type { Snapshot } from './snapshot.ts'

export interface ToolNames {
  meant(name: string): ToolEntry | undefined
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

/** Which tool a name in a model's answer means. A name that fits two tools means neither. */
export function toolNames(snapshot: Snapshot): ToolNames {
  const byName = new Map<string, ToolEntry | 'several'>()
  for (const tools of snapshot.tools.values()) {
    for (const tool of tools.values()) {
      for (const name of new Set(PREFIXES.map((prefix) => prefix(tool.server, tool.name)))) {
        byName.set(name, byName.has(name) ? 'several' : tool)
      }
    }
  }
  return {
    meant(name) {
      const tool = byName.get(name)
      return tool === 'several' ? undefined : tool
    },
  }
}
