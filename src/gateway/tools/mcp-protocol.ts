import type { Clock } from '../../kernel/index.ts'
import type { Protocol } from '../protocol.ts'
import { answerDenial, answerFailure, failureInStream } from './answers.ts'
import { inspectMcp, type McpKept, type McpTarget, resolveMcp, serverOf } from './mcp-request.ts'
import { McpState } from './mcp-state.ts'
import { respondMcp } from './respond.ts'
import { ToolListings } from './tool-listings.ts'

/**
 * MCP over streamable HTTP, below `/gw/mcp/SERVER`: 2025-11-25 and before (sessions, streams by GET), and 2026-07-28
 * (no sessions, everything in the request's own headers). It keeps in memory what has to be remembered between two
 * requests; what is lost with the process are sessions, which clients begin anew.
 */
export function createMcpProtocol(
  clock: Clock,
  listings: ToolListings = new ToolListings(),
): Protocol<McpTarget, McpKept | undefined> {
  const state = new McpState(clock)
  return {
    gate: 'tools',
    audienceOf: (path) => `/gw/mcp/${serverOf(path)}`.replace(/\/$/, ''),
    resolve: (_, request, ports) => resolveMcp(request, ports),
    inspectRequest: (ctx, target, request, ports) => inspectMcp(ctx, target, request, { ports, state, listings }),
    respond(exchange, answer, sink) {
      const { kept } = exchange
      // INVARIANT: only what was inspected for a known server is ever forwarded.
      if (kept === undefined) throw new TypeError('an answer from no server')
      return respondMcp({ ...exchange, kept }, answer, sink)
    },
    denied: answerDenial,
    failed: answerFailure,
    failedInStream: failureInStream,
  }
}
