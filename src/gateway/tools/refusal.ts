import type { Decision } from '../../access/index.ts'
import { isPermitted, mayGoOn } from '../../access/index.ts'
import type { Context } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayPorts } from '../ports.ts'
import type { Asked, Plan } from '../protocol.ts'
import { serverQuestion } from './methods.ts'

/**
 * How a denial is told. Who may connect to the server, or may connect to none whatever it is called (a suspended
 * principal, a credential without the scope), is told so. To anybody else the server does not exist.
 */
export function refuse(
  ctx: Context,
  server: string,
  refused: { readonly question: Asked; readonly decision: Decision },
  access: GatewayPorts['access'],
): Plan {
  // Whoever is only kept waiting knows the server.
  if (isPermitted(refused.decision) || isPermitted(access.decide(ctx, serverQuestion('toolserver:connect', server)))) {
    return { kind: 'deny', ...refused }
  }
  const anywhere = decideOnNoServer(ctx, access)
  if (anywhere !== undefined) return { kind: 'deny', question: refused.question, decision: anywhere }
  return { kind: 'hide', decision: refused.decision, error: unknownServer(server) }
}

/** The decision by which this caller is kept from every server, if there is one. */
function decideOnNoServer(ctx: Context, access: GatewayPorts['access']): Decision | undefined {
  // No upstream can have this id.
  const uid = { type: 'ToolServer', id: '?' }
  const entities = [{ uid, attrs: { trusted: false }, parents: [] }]
  const decision = access.decide(ctx, { ...serverQuestion('toolserver:connect', uid.id), entities })
  return !mayGoOn(decision) && decision.reasons.length > 0 ? decision : undefined
}

export function unknownServer(server: string): GatewayError {
  return new GatewayError('server_unknown', `no server \`${server.slice(0, 128)}\``, {
    about: serverQuestion('toolserver:connect', server.slice(0, 128)),
  })
}
