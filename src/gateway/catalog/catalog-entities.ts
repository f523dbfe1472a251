import { type CatalogEntity, toolEntityId } from './entries.ts'
import type { Snapshot } from './snapshot.ts'

/** The server under which policies find the tools that clients run by themselves; no upstream can have this name. */
export const LOCAL_SERVER = 'local'

/** The catalogue as policies see it. */
export function entitiesOf(snapshot: Snapshot): readonly CatalogEntity[] {
  const servers = [...snapshot.upstreams.values()].filter((upstream) => upstream.kind === 'mcp')
  return [
    { uid: { type: 'ToolServer', id: LOCAL_SERVER }, attrs: { trusted: false }, parents: [] },
    ...servers.map(({ id, trusted }) => ({ uid: { type: 'ToolServer', id }, attrs: { trusted }, parents: [] })),
    ...[...snapshot.models.values()].map(({ id, upstream }) => ({
      uid: { type: 'Model', id },
      attrs: { upstream: upstream.id },
      parents: [],
    })),
    ...[...snapshot.tools.values()].flatMap((tools) =>
      [...tools.values()].map(({ server, name, status, guarded }) => ({
        uid: { type: 'Tool', id: toolEntityId(server, name) },
        attrs: { name, status, guarded: [...guarded] },
        parents: [{ type: 'ToolServer', id: server }],
      })),
    ),
  ]
}

/** A tool that no server has: the client runs it itself. It exists for one question. */
export function localToolEntity(name: string): CatalogEntity {
  return {
    uid: { type: 'Tool', id: toolEntityId(LOCAL_SERVER, name) },
    attrs: { name, status: 'accepted', guarded: [] },
    parents: [{ type: 'ToolServer', id: LOCAL_SERVER }],
  }
}
