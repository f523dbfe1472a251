import { actorOf, type Clock, type Context } from '../../kernel/index.ts'
import type { Catalog, ToolEntry } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'

/** What an operator sees and decides of the definitions that servers have shown. */
export interface ToolReview {
  listTools(): readonly ToolEntry[]
  /** From now on this definition, and no other, may be called. Throws `tool_unknown` where it is not the one that waits. */
  acceptTool(ctx: Context, server: string, name: string, digest: string): Promise<void>
  /** Keeps the definition in quarantine; an accepted one goes there. Throws `tool_unknown` like `acceptTool`. */
  rejectTool(ctx: Context, server: string, name: string, digest: string): Promise<void>
}

export function toolReview(catalog: Catalog, clock: Clock): ToolReview {
  const decide = async (
    ctx: Context,
    [server, name, digest]: readonly [string, string, string],
    status: ToolEntry['status'],
  ): Promise<void> => {
    const entry = catalog.tool(server, name)
    // What was read is what is decided on: the server may have shown another definition since.
    if (entry === undefined || entry.digest !== digest) {
      throw new GatewayError('tool_unknown', `no such definition of \`${server}/${name}\``)
    }
    const decided = { decidedBy: actorOf(ctx.caller).id, decidedAt: clock.now() }
    await catalog.saveTools(server, [{ ...entry, status, accepted: undefined, ...decided }])
  }
  return {
    listTools: () =>
      catalog
        .upstreams()
        .filter(({ kind }) => kind === 'mcp')
        .flatMap(({ id }) => catalog.tools(id)),
    acceptTool: (ctx, ...definition) => decide(ctx, definition, 'accepted'),
    rejectTool: (ctx, ...definition) => decide(ctx, definition, 'quarantined'),
  }
}
