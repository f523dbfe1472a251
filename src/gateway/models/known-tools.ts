import { type Context, SallyportError } from '../../kernel/index.ts'
import type { Upstream } from '../catalog/index.ts'
import { statusOf } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'

/** Sees to it that the tools of a server are in the catalogue. Rejects when the server cannot be asked. */
export type ListTools = (ctx: Context, server: Upstream, ports: GatewayPorts) => Promise<void>

/** Milliseconds that a request waits for a server that has not shown its tools yet. */
const PATIENCE = 2_000

/**
 * Before a model is offered tools: has every server shown its own once? Else a name in the model's answer could not be
 * known for what it is. A server that is down or slow is left out; its tools count as unknown.
 */
export async function learnTools(ctx: Context, listTools: ListTools, ports: GatewayPorts): Promise<void> {
  const unseen = ports.catalog
    .upstreams()
    .filter(({ id, kind }) => kind === 'mcp' && ports.catalog.tools(id).length === 0)
  if (unseen.length === 0) return
  const listed = Promise.all(unseen.map((server) => listTools(ctx, server, ports).catch(unlessUpstream)))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE)
  })
  try {
    await Promise.race([listed, late])
  } finally {
    clearTimeout(timer)
    // Whoever comes too late is heard by nobody.
    listed.catch(() => undefined)
  }
}

/** What cannot be recorded must not be passed over. */
function unlessUpstream(error: unknown): void {
  const status = statusOf(error)
  if (!(error instanceof SallyportError) || (status !== 502 && status !== 504)) throw error
}
