import type { Exchange, Outcome, Protocol, Sink, UpstreamAnswer } from '../protocol.ts'

/** The answer on its way to the client. What is in it and must be decided is decided and recorded before it goes on. */
export function inspectResponse<Target, Kept>(
  protocol: Protocol<Target, Kept>,
  exchange: Exchange<Target, Kept>,
  answer: UpstreamAnswer,
  sink: Sink,
): Promise<Outcome> {
  return protocol.respond(exchange, answer, sink)
}
