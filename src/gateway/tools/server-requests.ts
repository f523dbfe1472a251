import { mayGoOn } from '../../access/index.ts'
import { GatewayError } from '../errors.ts'
import type { AboutDecision, Asked, Exchange } from '../protocol.ts'
import { isObject, type JsonObject, RPC, type RpcId, writeMessage } from './json-rpc.ts'
import type { McpKept, McpTarget } from './mcp-request.ts'
import { serverQuestion } from './methods.ts'

/** What a server may ask of its client, and which action that is. A method that is not here is never let through. */
export const SERVER_REQUESTS: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling:request',
  'elicitation/create': 'elicitation:request',
  'roots/list': 'roots:request',
}

/**
 * Whether a server's request may reach the client. What is let through is remembered, so that the client's answer to it,
 * and no other, is taken. A server whose request is not let through is told so.
 */
export async function admitServerRequest(
  exchange: Exchange<McpTarget, McpKept>,
  request: { readonly id: RpcId; readonly method: string },
): Promise<boolean> {
  const { kept } = exchange
  if (kept.generation === 'stateless') {
    // 2026-07-28: a server must not ask on a stream, and would get no answer.
    await exchange.decide([unknownQuestion(kept.upstream.id, request.method)], about([request.method]))
    return false
  }
  if (request.method === 'ping') {
    kept.state.expectAnswer(kept.owner, kept.scope, request.id, 'toolserver:connect')
    return true
  }
  const question = questionFor(kept.upstream.id, request.method)
  const { decisions } = await exchange.decide([question], about([request.method]))
  if (decisions.every(mayGoOn)) {
    kept.state.expectAnswer(kept.owner, kept.scope, request.id, question.action)
    return true
  }
  tellDenied(exchange, request)
  return false
}

/**
 * The same for requests that come inside of a result (2026-07-28, `inputRequests`): all of them or none, because a client
 * can only come back with the answers to all.
 */
export async function admitInputRequests(
  exchange: Exchange<McpTarget, McpKept>,
  requests: JsonObject,
): Promise<{ readonly admitted: boolean; readonly methods: readonly string[] }> {
  const { kept } = exchange
  const asked = Object.entries(requests).map(([key, request]) => ({
    key,
    method: isObject(request) && typeof request.method === 'string' ? request.method : '',
  }))
  // All of them stand in one record; a server does not get to fill the log.
  if (asked.length > MOST_ASKED) throw new GatewayError('upstream_broken', 'the upstream asks too much of its client')
  const methods = [...new Set(asked.map(({ method }) => method))]
  const questions = asked.map(({ method }) => questionFor(kept.upstream.id, method))
  const { decisions } = await exchange.decide(questions, about(methods))
  if (!decisions.every(mayGoOn)) return { admitted: false, methods }
  for (const [index, { key }] of asked.entries()) {
    kept.state.expectAnswer(kept.owner, kept.scope, key, questions[index]?.action ?? '')
  }
  return { admitted: true, methods }
}

function questionFor(server: string, method: string): Asked {
  const action = Object.hasOwn(SERVER_REQUESTS, method) ? SERVER_REQUESTS[method] : undefined
  return action === undefined ? unknownQuestion(server, method) : serverQuestion(action, server)
}

/** Denied without a policy being asked, and recorded like every denial. */
function unknownQuestion(server: string, method: string): Asked {
  const name = method === '' ? 'unknown' : method.slice(0, LONGEST_NAME)
  return { ...serverQuestion(name, server), undecidable: `a server may not ask its client for \`${name}\` here` }
}

function about(methods: readonly string[]): AboutDecision {
  return { detail: { methods: methods.map((method) => method.slice(0, LONGEST_NAME)) } }
}

const LONGEST_NAME = 80
const MOST_ASKED = 100

/** The server waits for an answer; nobody waits for what it makes of this one. */
function tellDenied(exchange: Exchange<McpTarget, McpKept>, { id, method }: { id: RpcId; method: string }): void {
  const { kept, ports, ctx } = exchange
  const error = { code: RPC.denied, message: `denied: the client may not be asked for \`${method.slice(0, 80)}\`` }
  ports
    .forward({
      upstream: kept.upstream,
      method: 'POST',
      path: '',
      headers: { ...withoutMirrors(kept.headers), 'content-type': 'application/json' },
      body: writeMessage({ kind: 'error', id, error }),
    })
    .then((answer) => answer.discard())
    .catch((cause: unknown) =>
      ports.report({ what: 'a server could not be told of a denial', txn: ctx.txn, error: cause }),
    )
}

/** Headers that repeat what the client's own request said. */
function withoutMirrors(headers: McpKept['headers']): McpKept['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^mcp-(?:method|name|param-.*)$/.test(name)))
}
