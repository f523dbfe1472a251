import type { Decision } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import type { ToolEntry, Upstream } from '../catalog/index.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Plan } from '../protocol.ts'
import type { AskedAll } from './methods.ts'
import { toolQuestionIfAccepted } from './methods.ts'
import type { ToolListings } from './tool-listings.ts'

/**
 * The tool that is called, as the catalogue has it. Of a tool that nobody has seen yet, or of a server that says its
 * tools have changed, Sallyport first gets the definitions itself; but not for a caller who could not call it anyway.
 */
export async function findTool(
  ctx: Context,
  upstream: Upstream,
  name: string,
  ports: GatewayPorts,
  listings: ToolListings,
): Promise<ToolEntry | undefined> {
  const known = ports.catalog.tool(upstream.id, name)
  if (known !== undefined && !listings.isStale(ctx, upstream)) return known
  if (!ports.access.couldAllow(ctx, toolQuestionIfAccepted(upstream, name))) return known
  await listings.refresh(ctx, upstream, ports)
  return ports.catalog.tool(upstream.id, name)
}

/**
 * INVARIANT: a tool is called only as it was accepted, whatever the policies say. Who could call it otherwise is told
 * what is the matter; to anybody else the tool is one that nothing permits.
 */
export function onlyAccepted(
  ctx: Context,
  plan: Plan,
  asked: { readonly questions: AskedAll; readonly decisions: readonly Decision[]; readonly name: string },
  upstream: Upstream,
  tool: ToolEntry | undefined,
  access: GatewayPorts['access'],
): Plan {
  if (tool?.status === 'accepted') return plan
  const { questions, decisions, name } = asked
  const [decision] = decisions
  if (decision === undefined) throw new TypeError('a question was not decided')
  if (!access.couldAllow(ctx, toolQuestionIfAccepted(upstream, name))) {
    return plan.kind === 'forward' ? { kind: 'deny', question: questions[0], decision: deny(decision) } : plan
  }
  if (tool === undefined) {
    return {
      kind: 'hide',
      decision: deny(decision),
      error: new GatewayError('tool_unknown', `no tool \`${name.slice(0, 200)}\``),
    }
  }
  const what = tool.accepted === undefined ? 'waits to be accepted' : 'has changed since it was accepted'
  const remedy = `the definition of \`${upstream.id}/${name}\` ${what}; an operator decides on it with \`sallyport tools\``
  return { kind: 'deny', question: questions[0], decision: { ...deny(decision), remedy } }
}

function deny(decision: Decision): Decision {
  return decision.decision === 'deny' ? decision : { ...decision, decision: 'deny', overruled: true, reasons: [] }
}
